//! Keyway's own small MCP client: puts requests to a server over raw values, on whichever wire it speaks,
//! with the connector's credential and the one retry after a refusal.

mod attempt;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt;
use http::StatusCode;
use keyway_connectors::{
    Context, DbOAuthProvider, Mode,
    access_token::{self, Credential, Gate},
    contact::{Found, List, Listing, Pages},
    upstream::{Peer, RawObject},
};
use keyway_model::{Caller, ConnectorKey, HealthStatus};
use keyway_oauth::challenge::BearerChallenge;
use serde_json::value::RawValue;

use self::attempt::Conversation;
use crate::{
    conversation::Spoken,
    error::{Error, Result},
    gateway::Gateway,
    health,
    policy::Admission,
    proxy::refused,
};

/// How long a handshake or a list may take, for each exchange.
pub(crate) const LIST_TIME: Duration = Duration::from_secs(10);
/// How long a tool may work without a word.
const CALL_TIME: Duration = Duration::from_secs(120);
/// How long a server is listened to at a stretch.
const LISTEN_TIME: Duration = Duration::from_secs(3600);

/// What is asked of a server.
#[derive(Clone, Copy)]
pub(crate) enum Task<'a> {
    /// All pages of its tools, with what it says of itself.
    Tools,
    /// All pages of a list.
    List(List),
    /// Its wire, nothing else.
    Connect,
    /// One request.
    Ask(&'a Wanted<'a>),
    /// What it tells of its own accord, until it ends.
    Listen(&'a Listen),
}

/// What a server is listened to for, besides changes of its lists.
pub(crate) struct Listen {
    /// The resources whose changes are wanted.
    pub(crate) resources: BTreeSet<String>,
}

/// A request, as the server is to see it.
pub(crate) struct Wanted<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The parameters; those of the other hop are left out on the way.
    pub(crate) params: RawObject,
    /// The tool, prompt or resource that it is about.
    pub(crate) name: Option<&'a str>,
    /// What the policy says to it, where it is a call of a tool.
    pub(crate) admission: &'a Admission<'a>,
}

/// What came of it.
pub(crate) enum Done {
    Tools(Listing, Pages),
    Listed(Pages),
    Connected(Arc<Spoken>),
    Answered(Box<RawValue>),
    /// It was listened to, and ended; `false` where it tells nothing of its own accord.
    Heard(bool),
}

/// Why a try came to nothing.
enum Trouble {
    Challenged(StatusCode, Option<BearerChallenge>),
    /// What was negotiated no longer holds.
    Outdated,
    /// The stateless wire misses headers that the tool's schema asks for.
    HeadersMissing,
    Other(Found),
    Rpc {
        code: i64,
        words: String,
        data: Option<Box<RawValue>>,
    },
    Timeout,
    /// The policy does not let the call through.
    NotAdmitted(Error),
}

/// Does the task at the caller's connector.
pub(crate) async fn perform(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
    gate: Gate,
    peer: &Arc<dyn Peer>,
    task: Task<'_>,
) -> Result<(Done, Arc<Credential>)> {
    let cx = &gateway.cx;
    let mut credential = access_token::credential(cx, caller, key, gate).await?;
    let (mut renewed, mut reopened) = (false, false);
    loop {
        let conversation = Conversation::new(gateway, &credential, peer, task)?;
        match conversation.attempt(task).await {
            Ok(done) => {
                health::note_answer(cx, &credential);
                return Ok((done, credential));
            }
            Err(Trouble::Challenged(StatusCode::UNAUTHORIZED, challenge)) if !renewed => {
                renewed = true;
                let challenge = challenge.as_ref();
                let another =
                    access_token::credential_after_refusal(cx, caller, &credential, challenge);
                credential = Box::pin(another).await?;
            }
            Err(Trouble::Outdated) if !reopened => {
                reopened = true;
                gateway.conversations.remove(&conversation.key);
            }
            // A server that was told to stop is not to blame for having done so.
            Err(_) if peer.gone().now_or_never().is_some() => return Err(Error::Cancelled),
            Err(trouble) => return Err(told(gateway, &credential, trouble).await?),
        }
    }
}

/// What the caller is told of a trouble that stays.
async fn told(gateway: &Gateway, credential: &Arc<Credential>, trouble: Trouble) -> Result<Error> {
    let connector = credential.connector.clone();
    if matches!(trouble, Trouble::Challenged(..)) {
        health::note_answer(&gateway.cx, credential);
    }
    let broken = |detail: String| Error::UpstreamError { connector: connector.clone(), detail };
    let found = match trouble {
        Trouble::Challenged(StatusCode::FORBIDDEN, challenge) => {
            return forbidden(&gateway.cx, credential, challenge).await;
        }
        Trouble::Challenged(_, challenge) => {
            return refused(gateway, credential, challenge.as_ref()).await;
        }
        Trouble::Outdated => return Ok(broken("the server does not keep to its protocol".into())),
        Trouble::HeadersMissing => return Ok(broken("the server misses a header".into())),
        Trouble::Rpc { code, words, data } => {
            return Ok(Error::UpstreamRefused { connector, code, words, data });
        }
        Trouble::Timeout => return Ok(Error::UpstreamTimeout { connector }),
        Trouble::NotAdmitted(error) => return Ok(error),
        Trouble::Other(found) => found,
    };
    let status = match found {
        Found::Unreachable(_) => HealthStatus::Unreachable,
        _ => HealthStatus::UpstreamError,
    };
    Ok(match found {
        Found::Blocked(text) => {
            keyway_connectors::Error::EgressRefused(text).about(connector).into()
        }
        Found::Unreachable(detail) => {
            health::note(&gateway.cx, credential, status, &detail);
            Error::UpstreamUnreachable { connector, detail }
        }
        Found::NotMcp(detail) | Found::UpstreamError(detail) => {
            health::note(&gateway.cx, credential, status, &detail);
            broken(detail)
        }
        Found::Works(_) | Found::Challenged { .. } => broken("the server changed its mind".into()),
    })
}

async fn forbidden(
    cx: &Context,
    credential: &Credential,
    challenge: Option<BearerChallenge>,
) -> Result<Error> {
    let connector = credential.connector.clone();
    let step_up = challenge
        .filter(|challenge| challenge.error.as_deref() == Some("insufficient_scope"))
        .filter(|_| credential.token.is_some());
    let Some(challenge) = step_up else {
        let detail = "the server forbids this".to_owned();
        return Ok(Error::UpstreamError { connector, detail });
    };
    let provider = DbOAuthProvider::new(cx, credential.row(cx).await?, Mode::Use);
    let generation = credential.token.as_ref().map_or(0, |token| token.generation);
    Ok(provider.require_scopes(generation, &challenge.scope).await?.into())
}
