//! Keyway's own small MCP client: lists and calls tools over raw values, on whichever wire the server
//! speaks, with the connector's credential and the one retry after a refusal.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use keyway_connectors::{
    Context, DbOAuthProvider, Mode,
    access_token::{self, Credential, Gate},
    contact::{Approach, Contact, Found, Listing},
    upstream::{
        Answer, Call, Era, Failure, HEADER_MISMATCH, Reply, UNSUPPORTED_VERSION, Upstream, raw,
    },
};
use keyway_model::{Caller, ConnectorKey, HealthStatus};
use keyway_oauth::challenge::BearerChallenge;
use serde_json::value::RawValue;

use crate::{
    conversation::{ConversationKey, Spoken},
    error::{Error, Result},
    gateway::Gateway,
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
    Call(&'a CallOfTool<'a>),
}

/// A call of a tool, as the server is to see it.
pub(crate) struct CallOfTool<'a> {
    /// The name at the server.
    pub(crate) tool: &'a str,
    /// The arguments, raw.
    pub(crate) arguments: &'a RawValue,
    /// What the server asked for in an earlier round, raw (MCP 2026-07-28, multi round-trip requests).
    pub(crate) input_responses: Option<&'a RawValue>,
    /// The server's own state of that round, byte for byte.
    pub(crate) request_state: Option<&'a str>,
}

/// What came of it.
pub(crate) enum Done {
    Listed(Listing),
    Called(Box<RawValue>),
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
    },
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
            Err(Trouble::Challenged(StatusCode::UNAUTHORIZED, challenge)) if !renewed => {
                renewed = true;
                let challenge = challenge.as_ref();
                credential =
                    access_token::credential_after_refusal(cx, caller, &credential, challenge)
                        .await?;
            }
            Err(Trouble::Outdated) if !reopened => {
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
        Trouble::Rpc { code, words } => {
            return Ok(Error::UpstreamRefused { connector, code, words });
        }
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
    let generation = credential.token.as_ref().map_or(0, |token| token.generation);
    Ok(provider.require_scopes(generation, &challenge.scope).await?.into())
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
        let upstream = Upstream::new(client, url, headers)
            .with_prover(credential.prover.clone())
            .with_elicitation(gateway.cx.settings.elicitation);
        Self { gateway, credential, upstream, key }
    }

    async fn attempt(&self, task: Task<'_>) -> Result<Done, Trouble> {
        let mut contact = Contact::new(&self.upstream, &self.credential.url, LIST_TIME);
        let (spoken, server) = if let Some(spoken) = self.gateway.conversations.get(&self.key) {
            (spoken, None)
        } else {
            let connected = contact.connect(self.approach()).await?;
            let spoken = Arc::new(Spoken::new(connected.era));
            self.gateway.conversations.insert(self.key.clone(), spoken.clone());
            (spoken, connected.server)
        };
        match task {
            Task::List => {
                let tools = contact.tools(&spoken.era).await?;
                spoken.learn(&tools);
                Ok(Done::Listed(Listing { era: spoken.era.clone(), server, tools }))
            }
            Task::Call(call) => {
                if spoken.misses_schemas() {
                    self.learn_stored_schemas(&spoken).await;
                }
                match self.call(&spoken, call).await {
                    Err(Trouble::HeadersMissing) => {
                        spoken.learn(&contact.tools(&spoken.era).await?);
                        self.call(&spoken, call).await
                    }
                    done => done,
                }
            }
        }
    }

    /// The stored list knows the schemas, if the tools were ever listed; else the call is sent without.
    async fn learn_stored_schemas(&self, spoken: &Spoken) {
        let connector = &self.credential.connector;
        let stored = self.gateway.cx.database.tool_list(&connector.user_id, connector.id).await;
        let stored = stored.ok().flatten();
        if let Some(tools) =
            stored.and_then(|list| serde_json::from_str::<Vec<_>>(&list.tools_json).ok())
        {
            spoken.learn(&tools);
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

    async fn call(&self, spoken: &Spoken, wanted: &CallOfTool<'_>) -> Result<Done, Trouble> {
        let mut call = Call::plain("tools/call");
        call.name = Some(wanted.tool);
        call.params.insert("name", raw(&wanted.tool)?);
        call.params.insert("arguments", wanted.arguments.to_owned());
        if let Some(responses) = wanted.input_responses {
            call.params.insert("inputResponses", responses.to_owned());
        }
        if let Some(state) = wanted.request_state {
            call.params.insert("requestState", raw(&state)?);
        }
        call.headers = spoken.headers(wanted.tool, wanted.arguments)?;
        let answer = self.upstream.request(&spoken.era, call, CALL_TIME).await?;
        read(&spoken.era, answer)
    }
}

fn read(era: &Era, answer: Answer) -> Result<Done, Trouble> {
    let Answer { status, challenge, reply, .. } = answer;
    match (status, reply) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            Err(Trouble::Challenged(status, challenge))
        }
        (StatusCode::NOT_FOUND, _) if matches!(era, Era::Handshake { session: Some(_), .. }) => {
            Err(Trouble::Outdated)
        }
        (_, Some(Reply::Error(error))) if error.code == UNSUPPORTED_VERSION => {
            Err(Trouble::Outdated)
        }
        (_, Some(Reply::Error(error))) if error.code == HEADER_MISMATCH && era.is_stateless() => {
            Err(Trouble::HeadersMissing)
        }
        (_, Some(Reply::Result(result))) => Ok(Done::Called(result)),
        (_, Some(Reply::Error(error))) => {
            let words: String =
                error.message.chars().filter(|c| !c.is_control()).take(500).collect();
            Err(Trouble::Rpc { code: error.code, words })
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
            Failure::Unreachable(_) => Self::Other(Found::Unreachable(failure.to_string())),
            Failure::Timeout => Self::Timeout,
            Failure::Broken(text) => Self::Other(Found::UpstreamError(text)),
        }
    }
}
