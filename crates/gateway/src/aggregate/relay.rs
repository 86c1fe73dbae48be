//! A request of a client's while a server works on it. The work goes on by itself; what the server tells
//! and asks meanwhile, and the result, are handed over as they come.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use keyway_connectors::{
    access_token::Gate,
    contact::List,
    upstream::{Answered, Capabilities, Peer, RawObject, method_not_found},
};
use keyway_model::{Caller, ConnectorId, ConnectorKey};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument as _;

use super::{client::Client, listening::changed_lists, rounds};
use crate::{
    client::{Done, Task, Wanted, perform},
    error::{Error, Result},
    gateway::Gateway,
    policy::Admission,
};

/// How much of what a server tells is kept for a client that does not take it; the rest is lost.
const MOST_TOLD: usize = 256;

/// What comes of a request.
pub(super) enum Event {
    /// The server tells something.
    Told(String, Option<Box<RawValue>>),
    /// The server asks something.
    Asked(Question),
    /// It is over.
    Done(Result<Box<RawValue>>),
}

/// A question of a server's.
pub(super) struct Question {
    pub(super) method: String,
    pub(super) params: Box<RawValue>,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Answered>,
}

/// A request that a server works on. Where it is dropped, the server is told that nobody waits.
pub(super) struct Running {
    /// What comes of it.
    pub(super) events: mpsc::Receiver<Event>,
    _stop: DropGuard,
}

/// What a client asks of one connector.
pub(super) struct Ask {
    /// Which connector.
    pub(super) connector: ConnectorKey,
    /// The method.
    pub(super) method: String,
    /// The parameters, with the server's own names.
    pub(super) params: RawObject,
    /// The server's own name of the tool, prompt or resource.
    pub(super) name: Option<String>,
}

/// Has the work begun.
pub(super) fn begin(gateway: &Gateway, caller: &Caller, client: &Client, ask: Ask) -> Running {
    let (events, receiver) = mpsc::channel(MOST_TOLD);
    let stopped = CancellationToken::new();
    let stop = stopped.clone().drop_guard();
    let relay = Arc::new(Relay {
        events: events.clone(),
        capabilities: client.capabilities,
        log_level: client.log_level.clone(),
        changed: Mutex::default(),
        stopped,
    });
    let answers_rounds = !client.is_stateless();
    let (gateway, caller) = (gateway.clone(), caller.clone());
    let tasks = gateway.cx.tasks.clone();
    let work = async move {
        let done = if answers_rounds {
            rounds::ask_until_complete(&gateway, &caller, &relay, ask).await
        } else {
            put_once(&gateway, &caller, &relay, &ask).await
        };
        let _ = events.send(Event::Done(done)).await;
    };
    tasks.spawn(work.in_current_span());
    Running { events: receiver, _stop: stop }
}

/// Puts the request to the connector's server; what that needs besides is for the client to bring.
async fn put_once(
    gateway: &Gateway,
    caller: &Caller,
    relay: &Arc<Relay>,
    ask: &Ask,
) -> Result<Box<RawValue>> {
    let admission = Admission::of_params(caller, &ask.params)?;
    let result = put(gateway, caller, relay, ask, &admission).await?;
    admission.note_answer(gateway, &result).await;
    Ok(result)
}

/// Puts the request to the connector's server.
pub(super) async fn put(
    gateway: &Gateway,
    caller: &Caller,
    relay: &Arc<Relay>,
    ask: &Ask,
    admission: &Admission<'_>,
) -> Result<Box<RawValue>> {
    let peer: Arc<dyn Peer> = relay.clone();
    let (method, params, name) = (ask.method.as_str(), ask.params.clone(), ask.name.as_deref());
    let wanted = Wanted { method, params, name, admission };
    let task = Task::Ask(&wanted);
    let (done, credential) =
        perform(gateway, caller, &ask.connector, Gate::Call, &peer, task).await?;
    relay.note_changes(gateway, credential.connector.id);
    match done {
        Done::Answered(result) => Ok(result),
        _ => Err(Error::ToolNotFound),
    }
}

/// The client behind a request, as the server's side sees it.
pub(super) struct Relay {
    events: mpsc::Sender<Event>,
    capabilities: Capabilities,
    log_level: Option<String>,
    /// The lists that the server says have changed.
    changed: Mutex<Vec<List>>,
    stopped: CancellationToken,
}

impl Relay {
    /// Takes note of what the server says of its lists while it works: a client that lists after its call
    /// sees what the call changed.
    fn note_changes(&self, gateway: &Gateway, connector: ConnectorId) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for list in changed.drain(..) {
            gateway.catalogue.changed(connector, list, gateway.cx.clock.now());
            gateway.listening.tell_changed(connector, list);
        }
    }
}

impl Peer for Relay {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn notified(&self, method: &str, params: Option<&RawValue>) {
        for list in changed_lists(method) {
            let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
            if !changed.contains(list) {
                changed.push(*list);
            }
        }
        let told = Event::Told(method.to_owned(), params.map(ToOwned::to_owned));
        let _ = self.events.try_send(told);
    }

    fn asked<'a>(&'a self, method: &'a str, params: &'a RawValue) -> BoxFuture<'a, Answered> {
        async move {
            let (answer, answered) = oneshot::channel();
            let question =
                Question { method: method.to_owned(), params: params.to_owned(), answer };
            let sent = self.events.send(Event::Asked(question)).await;
            sent.map_err(|_| method_not_found())?;
            answered.await.map_err(|_| method_not_found())?
        }
        .boxed()
    }

    fn log_level(&self) -> Option<String> {
        self.log_level.clone()
    }

    fn listens_first(&self) -> bool {
        self.capabilities != Capabilities::default()
    }

    fn gone(&self) -> BoxFuture<'_, ()> {
        self.stopped.cancelled().boxed()
    }
}
