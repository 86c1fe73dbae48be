//! One try: the wire is found out or remembered, the session opened, the request put.

use std::sync::{Arc, PoisonError};

use http::StatusCode;
use keyway_connectors::{
    access_token::Credential,
    contact::{Approach, Contact, Found, List, Listing, Pages},
    upstream::{
        Answer, Call, Era, Failure, HEADER_MISMATCH, Patience, Peer, Reply, UNSUPPORTED_VERSION,
        Upstream,
    },
};
use serde_json::{Value, json};

use super::{CALL_TIME, Done, LIST_TIME, LISTEN_TIME, Listen, Task, Trouble, Wanted};
use crate::{
    conversation::{ConversationKey, Spoken, is_lost_session},
    error::{Result, send_failed},
    gateway::Gateway,
};

/// One try, with one credential.
pub(super) struct Conversation<'a> {
    gateway: &'a Gateway,
    credential: &'a Credential,
    upstream: Upstream,
    pub(super) key: ConversationKey,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        gateway: &'a Gateway,
        credential: &'a Credential,
        peer: &Arc<dyn Peer>,
        task: Task<'_>,
    ) -> Result<Self> {
        let blocked = |error| send_failed(credential.connector.clone(), error);
        let url = credential.target.url().map_err(blocked)?;
        let client = gateway.cx.egress.on_behalf_of(url.as_str());
        let key = ConversationKey {
            connector: credential.connector.id,
            sign_in: credential.token.as_ref().map(|token| token.sign_in_id),
            revision: credential.revision,
            capabilities: peer.capabilities(),
            listens: matches!(task, Task::Listen(_)),
        };
        let upstream = Upstream::new(client, url, credential.header_map())
            .with_prover(credential.prover.clone())
            .with_peer(peer.clone());
        Ok(Self { gateway, credential, upstream, key })
    }

    pub(super) async fn attempt(&self, task: Task<'_>) -> Result<Done, Trouble> {
        let mut contact = Contact::new(&self.upstream, LIST_TIME);
        let (spoken, server) = if let Some(spoken) = self.gateway.conversations.get(&self.key) {
            (spoken, None)
        } else {
            let connected = contact.connect(self.approach()).await?;
            let server = connected.server.clone();
            let spoken = Arc::new(Spoken::new(connected));
            self.gateway.channels.note(self.credential, self.key.listens, &spoken.era);
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
        let (user, id) = (&self.credential.user_id, self.credential.connector.id);
        let stored = self.gateway.cx.database.tool_list(user, id).await;
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
        match self.credential.pinned_protocol_version.as_deref() {
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
        let (admission, credential) = (wanted.admission, self.credential);
        let checked = admission.check_params(self.gateway, credential, &wanted.params).await;
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
