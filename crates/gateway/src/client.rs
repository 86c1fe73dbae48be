//! Keyway's own small MCP client: puts requests to a server over raw values, on whichever wire it speaks,
//! with the connector's credential and the one retry after a refusal.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use http::StatusCode;
use keyway_connectors::{
    Context, DbOAuthProvider, Mode,
    access_token::{self, Credential, Gate},
    contact::{Approach, Contact, Found, List, Listing, Pages},
    upstream::{
        Answer, Call, Era, Failure, HEADER_MISMATCH, Patience, Peer, RawObject, Reply,
        UNSUPPORTED_VERSION, Upstream,
    },
};
use keyway_model::{Caller, ConnectorKey, HealthStatus};
use keyway_oauth::challenge::BearerChallenge;
use serde_json::{Value, json, value::RawValue};

use crate::{
    conversation::{ConversationKey, Spoken, is_lost_session},
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
        let conversation = Conversation::new(gateway, &credential, peer, task);
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
            // A server that was told to stop is not to blame for having done so.
            Err(_) if peer.gone().now_or_never().is_some() => return Err(Error::Cancelled),
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
    fn new(
        gateway: &'a Gateway,
        credential: &'a Credential,
        peer: &Arc<dyn Peer>,
        task: Task<'_>,
    ) -> Self {
        let connector = &credential.connector;
        let client = gateway.cx.egress.on_behalf_of(&connector.url);
        let (url, headers) = (credential.url.clone(), credential.headers.clone());
        let key = ConversationKey {
            connector: connector.id,
            sign_in: credential.token.as_ref().map(|token| token.sign_in_id),
            revision: connector.revision,
            capabilities: peer.capabilities(),
            listens: matches!(task, Task::Listen(_)),
        };
        let upstream = Upstream::new(client, url, headers)
            .with_prover(credential.prover.clone())
            .with_peer(peer.clone());
        Self { gateway, credential, upstream, key }
    }

    async fn attempt(&self, task: Task<'_>) -> Result<Done, Trouble> {
        let mut contact = Contact::new(&self.upstream, &self.credential.url, LIST_TIME);
        let (spoken, server) = if let Some(spoken) = self.gateway.conversations.get(&self.key) {
            (spoken, None)
        } else {
            let connected = contact.connect(self.approach()).await?;
            let server = connected.server.clone();
            let spoken = Arc::new(Spoken::new(connected));
            self.gateway.conversations.insert(self.key.clone(), spoken.clone());
            (spoken, server)
        };
        match task {
            Task::Connect => Ok(Done::Connected(spoken)),
            Task::List(list) => Ok(Done::Listed(all(&mut contact, &spoken, list).await?)),
            Task::Tools => {
                let pages = all(&mut contact, &spoken, List::Tools).await?;
                spoken.learn(&pages.items);
                let (era, tools) = (spoken.era.clone(), pages.items.clone());
                Ok(Done::Tools(Listing { era, server, tools }, pages))
            }
            Task::Ask(wanted) => self.ask_of(&spoken, &mut contact, wanted).await,
            Task::Listen(listen) => self.listen(&spoken, listen).await,
        }
    }

    async fn listen(&self, spoken: &Spoken, listen: &Listen) -> Result<Done, Trouble> {
        if spoken.era.is_stateless() {
            let mut call = Call::plain("subscriptions/listen");
            let wanted = json!({
                "toolsListChanged": true,
                "promptsListChanged": true,
                "resourcesListChanged": true,
                "resourceSubscriptions": listen.resources,
            });
            call.params.write("notifications", &wanted)?;
            let answer = self.upstream.request(&spoken.era, call, LISTEN_TIME).await?;
            return match read(&spoken.era, answer) {
                Err(Trouble::Rpc { .. }) => Ok(Done::Heard(false)),
                ended => ended.map(|_| Done::Heard(true)),
            };
        }
        for uri in &listen.resources {
            let mut call = Call::plain("resources/subscribe");
            call.params.write("uri", uri)?;
            self.upstream.request(&spoken.era, call, LIST_TIME).await?;
        }
        Ok(Done::Heard(self.upstream.hear(&spoken.era).await?))
    }

    async fn ask_of(
        &self,
        spoken: &Spoken,
        contact: &mut Contact<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Done, Trouble> {
        if wanted.method == "tools/call" && spoken.misses_schemas() {
            self.learn_stored_schemas(spoken).await;
        }
        self.follow_log_level(spoken).await?;
        match self.ask(spoken, wanted).await {
            Err(Trouble::HeadersMissing) => {
                spoken.learn(&all(contact, spoken, List::Tools).await?.items);
                self.ask(spoken, wanted).await
            }
            done => done,
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

    /// A session of the server's is told the level once, where it has a log; the other wire says it with
    /// every request.
    async fn follow_log_level(&self, spoken: &Spoken) -> Result<(), Trouble> {
        let wanted = self.upstream.peer().log_level();
        let told = || spoken.log_level.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.is_none() || spoken.era.is_stateless() || *told() == wanted {
            return Ok(());
        }
        if spoken.can("logging") {
            let mut call = Call::plain("logging/setLevel");
            call.params.write("level", &wanted)?;
            self.upstream.request(&spoken.era, call, LIST_TIME).await?;
        }
        *told() = wanted;
        Ok(())
    }

    /// With a credential in hand `server/discover` decides; an open server is asked the old way first.
    fn approach(&self) -> Approach<'a> {
        match self.credential.connector.pinned_protocol_version.as_deref() {
            Some(version) => Approach::Pinned(version),
            None if self.credential.headers.is_empty() => Approach::WithoutToken,
            None => Approach::WithToken,
        }
    }

    /// The policy is asked when everything else is there, right before the call goes out.
    async fn admit(&self, wanted: &Wanted<'_>) -> Result<(), Trouble> {
        if wanted.method != "tools/call" {
            return Ok(());
        }
        let connector = &self.credential.connector;
        let checked = wanted.admission.check_params(self.gateway, connector, &wanted.params).await;
        checked.map_err(Trouble::NotAdmitted)
    }

    async fn ask(&self, spoken: &Spoken, wanted: &Wanted<'_>) -> Result<Done, Trouble> {
        let mut call = Call::plain(wanted.method);
        call.name = wanted.name;
        call.params = wanted.params.clone();
        if let ("tools/call", Some(tool)) = (wanted.method, wanted.name) {
            let arguments = wanted.params.read("arguments").unwrap_or(Value::Null);
            call.headers = spoken.headers(tool, &arguments)?;
        }
        let patience = Patience::with(CALL_TIME);
        self.admit(wanted).await?;
        let answer = self.upstream.request(&spoken.era, call, patience).await?;
        read(&spoken.era, answer)
    }
}

/// All pages of a list, which may be asked for again on a new conversation whatever became of this one.
async fn all(contact: &mut Contact<'_>, spoken: &Spoken, list: List) -> Result<Pages, Trouble> {
    let listed = contact.list(&spoken.era, list).await;
    listed.map_err(|found| match found {
        Found::UpstreamError(_) if spoken.era.has_ended() => Trouble::Outdated,
        found => found.into(),
    })
}

fn read(era: &Era, answer: Answer) -> Result<Done, Trouble> {
    let Answer { status, challenge, reply, .. } = answer;
    match (status, reply) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            Err(Trouble::Challenged(status, challenge))
        }
        (status, reply) if is_lost_session(era, status, reply.as_ref()) => Err(Trouble::Outdated),
        (_, Some(Reply::Error(error))) if error.code == UNSUPPORTED_VERSION => {
            Err(Trouble::Outdated)
        }
        (_, Some(Reply::Error(error))) if error.code == HEADER_MISMATCH && era.is_stateless() => {
            Err(Trouble::HeadersMissing)
        }
        (_, Some(Reply::Result(result))) if result.get().starts_with('{') => {
            Ok(Done::Answered(result))
        }
        (_, Some(Reply::Result(_))) => {
            let words = "the server's result is no object";
            Err(Trouble::Other(Found::UpstreamError(words.to_owned())))
        }
        (_, Some(Reply::Error(error))) => {
            let words: String =
                error.message.chars().filter(|c| !c.is_control()).take(500).collect();
            Err(Trouble::Rpc { code: error.code, words, data: error.data })
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
            Failure::Timeout | Failure::Cancelled => Self::Timeout,
            Failure::Outdated => Self::Outdated,
            Failure::Broken(text) => Self::Other(Found::UpstreamError(text)),
        }
    }
}
