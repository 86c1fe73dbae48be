//! Keyway's own small MCP client: lists and calls tools over raw values, on whichever wire the server
//! speaks, with the connector's credential and the one retry after a refusal.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use keyway_connectors::{
    Context, DbOAuthProvider, Mode,
    access_token::{self, Credential, Gate},
    contact::{Approach, Contact, Found, Listing},
    upstream::{Answer, Call, Era, Failure, Reply, Upstream, raw},
};
use keyway_model::{Caller, ConnectorKey, HealthStatus};
use keyway_oauth::challenge::BearerChallenge;
use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    gateway::{ConversationKey, Gateway},
    health,
    proxy::refused,
};

/// How long a handshake or a list may take, for each exchange.
pub(crate) const LIST_TIME: Duration = Duration::from_secs(10);
/// How long a tool may work.
const CALL_TIME: Duration = Duration::from_secs(120);

/// What is asked of a server.
#[derive(Clone, Copy)]
pub(crate) enum Task<'a> {
    /// All pages of its tools.
    List,
    /// One call of a tool.
    Call { tool: &'a str, arguments: &'a RawValue },
}

/// What came of it.
pub(crate) enum Done {
    Listed(Listing),
    Called(Box<RawValue>),
}

/// Why a try came to nothing.
enum Trouble {
    Challenged(StatusCode, Option<BearerChallenge>),
    SessionGone,
    Other(Found),
    Rpc(String),
    Timeout,
}

/// Does the task at the caller's connector.
pub(crate) async fn perform(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
    gate: Gate,
    task: Task<'_>,
) -> Result<(Done, Arc<Credential>)> {
    let cx = &gateway.cx;
    let mut credential = access_token::credential(cx, caller, key, gate).await?;
    let (mut renewed, mut reopened) = (false, false);
    loop {
        let conversation = Conversation::new(gateway, &credential);
        match conversation.attempt(task).await {
            Ok(done) => {
                health::note_answer(cx, &credential);
                return Ok((done, credential));
            }
            Err(Trouble::Challenged(StatusCode::UNAUTHORIZED, _)) if !renewed => {
                renewed = true;
                credential = access_token::credential_after_refusal(cx, &credential).await?;
            }
            Err(Trouble::SessionGone) if !reopened => {
                reopened = true;
                gateway.conversations.invalidate(&conversation.key);
            }
            Err(trouble) => return Err(told(gateway, &credential, trouble).await?),
        }
    }
}

/// What the caller is told of a trouble that stays.
async fn told(gateway: &Gateway, credential: &Arc<Credential>, trouble: Trouble) -> Result<Error> {
    let connector = credential.connector.reference();
    let broken = |detail: String| Error::UpstreamError { connector: connector.clone(), detail };
    let found = match trouble {
        Trouble::Challenged(StatusCode::FORBIDDEN, challenge) => {
            return forbidden(&gateway.cx, credential, challenge).await;
        }
        Trouble::Challenged(..) => return refused(gateway, credential).await,
        Trouble::SessionGone => return Ok(broken("the server does not keep its sessions".into())),
        Trouble::Rpc(detail) => return Ok(broken(detail)),
        Trouble::Timeout => return Ok(Error::UpstreamTimeout { connector }),
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
    let connector = credential.connector.reference();
    let step_up = challenge
        .filter(|challenge| challenge.error.as_deref() == Some("insufficient_scope"))
        .filter(|_| credential.token.is_some());
    let Some(challenge) = step_up else {
        let detail = "the server forbids this".to_owned();
        return Ok(Error::UpstreamError { connector, detail });
    };
    let provider = DbOAuthProvider::new(cx, credential.connector.clone(), Mode::Use);
    Ok(provider.require_scopes(&challenge.scope).await?.into())
}

/// One try, with one credential.
struct Conversation<'a> {
    gateway: &'a Gateway,
    credential: &'a Credential,
    upstream: Upstream,
    key: ConversationKey,
}

impl<'a> Conversation<'a> {
    fn new(gateway: &'a Gateway, credential: &'a Credential) -> Self {
        let connector = &credential.connector;
        let client = gateway.cx.egress.on_behalf_of(&connector.url);
        let (url, headers) = (credential.url.clone(), credential.headers.clone());
        let key = ConversationKey {
            connector: connector.id,
            sign_in: credential.token.as_ref().map(|token| token.sign_in_id),
            revision: connector.revision,
        };
        Self { gateway, credential, upstream: Upstream::new(client, url, headers), key }
    }

    async fn attempt(&self, task: Task<'_>) -> Result<Done, Trouble> {
        let mut contact = Contact::new(&self.upstream, &self.credential.url, LIST_TIME);
        let (era, server) = if let Some(era) = self.gateway.conversations.get(&self.key) {
            (era, None)
        } else {
            let connected = contact.connect(self.approach()).await?;
            let era = Arc::new(connected.era);
            self.gateway.conversations.insert(self.key.clone(), era.clone());
            (era, connected.server)
        };
        match task {
            Task::List => {
                let tools = contact.tools(&era).await?;
                Ok(Done::Listed(Listing { era: (*era).clone(), server, tools }))
            }
            Task::Call { tool, arguments } => self.call(&era, tool, arguments).await,
        }
    }

    /// With a credential in hand `server/discover` decides; an open server is asked the old way first.
    fn approach(&self) -> Approach<'a> {
        match self.credential.connector.pinned_protocol_version.as_deref() {
            Some(version) => Approach::Pinned(version),
            None if self.credential.headers.is_empty() => Approach::WithoutToken,
            None => Approach::WithToken,
        }
    }

    async fn call(&self, era: &Era, tool: &str, arguments: &RawValue) -> Result<Done, Trouble> {
        let mut call = Call::plain("tools/call");
        call.name = Some(tool);
        call.params.insert("name", raw(&tool)?);
        call.params.insert("arguments", arguments.to_owned());
        let answer = self.upstream.request(era, call, CALL_TIME).await?;
        read(era, answer)
    }
}

fn read(era: &Era, answer: Answer) -> Result<Done, Trouble> {
    let Answer { status, challenge, reply, .. } = answer;
    match (status, reply) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            Err(Trouble::Challenged(status, challenge))
        }
        (StatusCode::NOT_FOUND, _) if matches!(era, Era::Handshake { session: Some(_), .. }) => {
            Err(Trouble::SessionGone)
        }
        (_, Some(Reply::Result(result))) => Ok(Done::Called(result)),
        (_, Some(Reply::Error(error))) => {
            let words: String =
                error.message.chars().filter(|c| !c.is_control()).take(500).collect();
            Err(Trouble::Rpc(format!("the server answered with the error {}: {words}", error.code)))
        }
        (status, None) => Err(Trouble::Other(Found::UpstreamError(format!(
            "the server answered {status} with something that is not MCP"
        )))),
    }
}

impl From<Found> for Trouble {
    fn from(found: Found) -> Self {
        match found {
            Found::Challenged { status, challenge } => Self::Challenged(status, challenge),
            other => Self::Other(other),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Blocked(text) => Self::Other(Found::Blocked(text)),
            Failure::Unreachable(text) => Self::Other(Found::Unreachable(text)),
            Failure::Timeout => Self::Timeout,
            Failure::Broken(text) => Self::Other(Found::UpstreamError(text)),
        }
    }
}
