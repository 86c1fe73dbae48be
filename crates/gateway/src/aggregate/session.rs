//! Sessions of clients on the handshake wire. What a session is stands in its sealed id, so that any
//! replica can take the next request; what is under way in it lives in the process that works on it.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use keyway_connectors::{
    Context, Error as UseCaseError,
    kept::Kept,
    upstream::{Answered, Capabilities},
};
use keyway_model::{Caller, Clock, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    parked::{self, Parked},
    scope::Scope,
};
use crate::{
    error::{Error, Result},
    gateway::Gateway,
};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// What a session's seal is for.
const PURPOSE: &str = "keyway|aggregate-session|v1";
const MOST_SESSIONS: u64 = 100_000;
/// How many resources one session can want to hear of.
const MOST_SUBSCRIBED: usize = 1000;
/// For how long what is known of a session is remembered without a request.
const IDLE: Duration = Duration::from_secs(24 * 3600);
/// How long a session may last. Its end has to be known as long as its id could be shown.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The clients with something under way in this process.
#[derive(Clone)]
pub(crate) struct Clients {
    sessions: Kept<Uuid, Arc<ClientSession>>,
    /// Counts, from one on, how often ends may have been missed: whoever was looked up before that is looked up anew.
    lookups: Arc<AtomicU64>,
    pub(super) parked: Kept<Uuid, Arc<Parked>>,
}

impl Clients {
    pub(crate) fn new(clock: &Clock) -> Self {
        let sessions = Kept::since_used(clock, MOST_SESSIONS, IDLE);
        let lookups = Arc::new(AtomicU64::new(1));
        Self { sessions, lookups, parked: parked::kept(clock) }
    }

    /// Drops what is over.
    pub(crate) fn drop_old(&self) {
        self.sessions.drop_old();
        self.parked.drop_old();
    }

    /// Ends what is under way here in a session that was ended in any process.
    pub(crate) fn end(&self, id: Uuid) {
        if let Some(session) = self.sessions.get(&id) {
            session.stop();
        }
    }

    /// Has every session looked up anew at its next request.
    pub(crate) fn may_have_missed_ends(&self) {
        self.lookups.fetch_add(1, Ordering::AcqRel);
    }
}

/// What is sealed into a session's id.
#[derive(Clone, Serialize, Deserialize)]
struct Ticket {
    #[serde(rename = "i")]
    id: Uuid,
    #[serde(rename = "v")]
    version: String,
    #[serde(rename = "c")]
    capabilities: Capabilities,
    /// In milliseconds since the epoch.
    #[serde(rename = "e")]
    ends_at: i64,
}

/// A session of a client's.
pub(crate) struct ClientSession {
    id: Uuid,
    ends_at: Timestamp,
    /// The last look-up that found it not ended.
    looked_up: AtomicU64,
    /// The version that was agreed on.
    pub(super) version: String,
    /// What the client lets itself be asked for.
    pub(super) capabilities: Capabilities,
    /// Falls when the session is ended.
    pub(super) ended: CancellationToken,
    log_level: Mutex<Option<String>>,
    questions: Mutex<HashMap<String, oneshot::Sender<Answered>>>,
    next_question: AtomicU64,
    /// The id of each request that is under way, and what falls when it is cancelled.
    running: Mutex<HashMap<u64, (String, CancellationToken)>>,
    next_running: AtomicU64,
    subscribed: Mutex<BTreeSet<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientSession {
    fn new(ticket: Ticket, looked_up: u64) -> Self {
        let Ticket { id, version, capabilities, ends_at } = ticket;
        Self {
            id,
            ends_at: Timestamp::from_millis(ends_at),
            looked_up: AtomicU64::new(looked_up),
            version,
            capabilities,
            ended: CancellationToken::new(),
            log_level: Mutex::default(),
            questions: Mutex::default(),
            next_question: AtomicU64::new(1),
            running: Mutex::default(),
            next_running: AtomicU64::new(1),
            subscribed: Mutex::default(),
        }
    }

    /// Opens a session and gives the value of its header.
    pub(super) fn open(
        gateway: &Gateway,
        caller: &Caller,
        scope: &Scope,
        version: &str,
        capabilities: Capabilities,
    ) -> Option<HeaderValue> {
        let id = Uuid::from_bytes(gateway.cx.random.bytes());
        let ends_at = gateway.cx.clock.now().plus(LONGEST).as_millis();
        let ticket = Ticket { id, version: version.to_owned(), capabilities, ends_at };
        let text = serde_json::to_vec(&ticket).ok()?;
        let bound = bound_to(caller, scope);
        let sealed = gateway.sessions.seal_bytes(&gateway.cx.random, &bound, &text)?;
        let clients = &gateway.clients;
        // It is new, and nobody can have ended it.
        let session = Self::new(ticket, clients.lookups.load(Ordering::Acquire));
        clients.sessions.insert(id, Arc::new(session));
        HeaderValue::try_from(sealed).ok()
    }

    /// The session of a request. One that this process has not seen is looked up, once.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`] where it is another user's, made up, for other connectors, or over;
    /// [`Error::InvalidRequest`] where there is none; that of the database where it cannot be looked up.
    pub(super) async fn of(
        gateway: &Gateway,
        caller: &Caller,
        scope: &Scope,
        headers: &HeaderMap,
    ) -> Result<Arc<Self>> {
        let Some(sealed) = headers.get(SESSION_ID) else {
            let words = "the header Mcp-Session-Id is missing; initialize first";
            return Err(Error::InvalidRequest(words.to_owned()));
        };
        let opened = gateway.sessions.open_bytes(&bound_to(caller, scope), sealed.as_bytes());
        let ticket: Ticket = opened
            .and_then(|text| serde_json::from_slice(&text).ok())
            .filter(|ticket: &Ticket| gateway.cx.clock.now().as_millis() < ticket.ends_at)
            .ok_or(Error::SessionNotFound)?;
        let made = || Arc::new(Self::new(ticket.clone(), 0));
        // Held before it is looked up, so that an end that is told meanwhile is not missed.
        let session = gateway.clients.sessions.get_or_insert_with(&ticket.id, made);
        let lookups = gateway.clients.lookups.load(Ordering::Acquire);
        if session.looked_up.load(Ordering::Acquire) != lookups {
            session.look_up(&gateway.cx).await?;
            session.looked_up.store(lookups, Ordering::Release);
        }
        if session.ended.is_cancelled() { Err(Error::SessionNotFound) } else { Ok(session) }
    }

    /// Takes note of an end that was not heard of.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) async fn look_up(&self, cx: &Context) -> Result<()> {
        let ended = cx.database.is_client_session_ended(self.id).await;
        if ended.map_err(UseCaseError::from)? {
            self.stop();
        }
        Ok(())
    }

    /// Ends the session in every process, and all that is under way in it.
    ///
    /// # Errors
    /// Those of the database; the session goes on then.
    pub(super) async fn end(&self, cx: &Context) -> Result<()> {
        let ended = cx.database.end_client_session(self.id, self.ends_at).await;
        ended.map_err(UseCaseError::from)?;
        self.stop();
        Ok(())
    }

    /// Ends what is under way in it here.
    fn stop(&self) {
        self.ended.cancel();
        for (_, (_, cancelled)) in locked(&self.running).drain() {
            cancelled.cancel();
        }
        locked(&self.questions).clear();
    }

    /// From which level on the client wants to hear of servers' logs.
    pub(super) fn log_level(&self) -> Option<String> {
        locked(&self.log_level).clone()
    }

    /// Takes note of the level.
    pub(super) fn set_log_level(&self, level: String) {
        *locked(&self.log_level) = Some(level);
    }

    /// Takes note of a request that is begun, until what comes back is dropped.
    pub(super) fn begin(self: &Arc<Self>, request: &RawValue) -> Running {
        let number = self.next_running.fetch_add(1, Ordering::Relaxed);
        let cancelled = CancellationToken::new();
        let entry = (request.get().to_owned(), cancelled.clone());
        locked(&self.running).insert(number, entry);
        Running { session: self.clone(), number, cancelled }
    }

    /// Cancels what is under way by this id; what is over, or unknown, is not. An id is to be used once in a
    /// session, and where a client has several requests under way by one, it means all of them.
    pub(super) fn cancel(&self, request: &RawValue) {
        for (id, cancelled) in locked(&self.running).values() {
            if id == request.get() {
                cancelled.cancel();
            }
        }
    }

    /// A name for a question to the client, whose answer goes where it is waited for.
    pub(super) fn ask(&self, answer: oneshot::Sender<Answered>) -> String {
        let name = format!("keyway-{}", self.next_question.fetch_add(1, Ordering::Relaxed));
        locked(&self.questions).insert(name.clone(), answer);
        name
    }

    /// Hands an answer on; whether it was waited for.
    pub(super) fn answered(&self, question: &RawValue, answer: Answered) -> bool {
        let name = serde_json::from_str::<String>(question.get()).ok();
        let waiting = name.and_then(|name| locked(&self.questions).remove(&name));
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// The resources that the client wants to hear of.
    pub(super) fn subscribed(&self) -> BTreeSet<String> {
        locked(&self.subscribed).clone()
    }

    /// Adds a resource to them; `false` where there are as many as may be.
    pub(super) fn subscribe(&self, uri: String) -> bool {
        let mut subscribed = locked(&self.subscribed);
        let fits = subscribed.len() < MOST_SUBSCRIBED || subscribed.contains(&uri);
        if fits {
            subscribed.insert(uri);
        }
        fits
    }

    /// Takes one away.
    pub(super) fn unsubscribe(&self, uri: &str) {
        locked(&self.subscribed).remove(uri);
    }
}

/// A request that is under way in a session.
pub(super) struct Running {
    session: Arc<ClientSession>,
    number: u64,
    /// Falls when the client cancels the request, or the session ends.
    pub(super) cancelled: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        locked(&self.session.running).remove(&self.number);
    }
}

/// What a session belongs to: a user, and the connectors that the address names.
fn bound_to(caller: &Caller, scope: &Scope) -> Vec<u8> {
    crate::session::bound(PURPOSE, &[caller.user.as_str(), &scope.to_string()])
}
