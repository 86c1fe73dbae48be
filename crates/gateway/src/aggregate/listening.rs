//! What servers tell of their own accord, heard once per connector however many clients want to hear it:
//! on the stream of a session (MCP 2025-11-25, listening), or by `subscriptions/listen` (MCP 2026-07-28).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt, ready};
use keyway_connectors::{
    access_token::Gate,
    contact::List,
    upstream::{Answered, Capabilities, Peer, RawObject, method_not_found},
};
use keyway_model::{Caller, Connector, ConnectorId, ConnectorKey};
use serde_json::value::RawValue;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    client::{Done, Listen, Task, perform},
    gateway::Gateway,
};

const MOST_UNHEARD: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Something a server told.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// A list changed.
    Changed(List),
    /// A resource changed, by the server's own address.
    Updated(String),
}

/// The servers that are listened to in this process.
#[derive(Clone, Default)]
pub(crate) struct Listening(Arc<Mutex<HashMap<ConnectorId, Weak<Ear>>>>);

/// One server that is listened to, as long as somebody wants to hear it.
pub(super) struct Ear {
    heard: broadcast::Sender<Heard>,
    resources: Arc<Resources>,
    ready: CancellationToken,
    _stop: DropGuard,
}

/// The resources that somebody wants to hear of.
#[derive(Default)]
struct Resources {
    wanted: Mutex<BTreeMap<String, usize>>,
    changed: Notify,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listening {
    /// Listens to the caller's connector; whoever listens already shares.
    pub(super) fn to(&self, gateway: &Gateway, caller: &Caller, connector: &Connector) -> Arc<Ear> {
        let mut ears = locked(&self.0);
        if let Some(ear) = ears.get(&connector.id).and_then(Weak::upgrade) {
            return ear;
        }
        let (stopped, ready) = (gateway.stopping.child_token(), CancellationToken::new());
        let ear = Arc::new(Ear {
            heard: broadcast::channel(MOST_UNHEARD).0,
            resources: Arc::default(),
            ready: ready.clone(),
            _stop: stopped.clone().drop_guard(),
        });
        ears.retain(|_, ear| ear.strong_count() > 0);
        ears.insert(connector.id, Arc::downgrade(&ear));
        let task = Hearing {
            gateway: gateway.clone(),
            caller: caller.clone(),
            connector: connector.id,
            resources: ear.resources.clone(),
            heard: ear.heard.clone(),
            ready,
            stopped,
        };
        tokio::spawn(task.run());
        ear
    }

    /// Tells whoever listens to a connector of a change that its server told elsewhere.
    pub(crate) fn tell_changed(&self, connector: ConnectorId, list: List) {
        if let Some(ear) = locked(&self.0).get(&connector).and_then(Weak::upgrade) {
            let _ = ear.heard.send(Heard::Changed(list));
        }
    }
}

impl Ear {
    /// Waits until the server is listened to, or cannot be.
    pub(super) async fn ready(&self) {
        self.ready.cancelled().await;
    }

    /// What is told from now on.
    pub(super) fn hear(&self) -> broadcast::Receiver<Heard> {
        self.heard.subscribe()
    }

    /// Wants to hear of a resource.
    pub(super) fn subscribe(&self, uri: &str) {
        *locked(&self.resources.wanted).entry(uri.to_owned()).or_default() += 1;
        self.resources.changed.notify_one();
    }

    /// Does not want to any more.
    pub(super) fn unsubscribe(&self, uri: &str) {
        let mut resources = locked(&self.resources.wanted);
        if let Some(count) = resources.get_mut(uri) {
            *count -= 1;
            if *count == 0 {
                resources.remove(uri);
            }
        }
    }
}

/// The work of listening to one server.
struct Hearing {
    gateway: Gateway,
    caller: Caller,
    connector: ConnectorId,
    resources: Arc<Resources>,
    heard: broadcast::Sender<Heard>,
    /// Falls when the server is listened to, or cannot be.
    ready: CancellationToken,
    stopped: CancellationToken,
}

impl Hearing {
    async fn run(self) {
        let peer: Arc<dyn Peer> = Arc::new(Told {
            gateway: self.gateway.clone(),
            connector: self.connector,
            heard: self.heard.clone(),
            ready: self.ready.clone(),
        });
        let mut pause = FIRST_PAUSE;
        loop {
            let resources: BTreeSet<_> = locked(&self.resources.wanted).keys().cloned().collect();
            let listen = Listen { resources };
            let by_id = ConnectorKey::Id(self.connector);
            let (gateway, caller) = (&self.gateway, &self.caller);
            let listened =
                perform(gateway, caller, &by_id, Gate::Call, &peer, Task::Listen(&listen));
            tokio::select! {
                () = self.stopped.cancelled() => return,
                () = self.resources.changed.notified() => continue,
                done = listened => match done {
                    Ok((Done::Heard(true), _)) => {
                        pause = FIRST_PAUSE;
                        self.may_have_missed();
                    }
                    Ok(_) => pause = LONGEST_PAUSE,
                    Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
                },
            }
            self.ready.cancel();
            tokio::select! {
                () = self.stopped.cancelled() => return,
                () = self.resources.changed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// A stream that broke off may have had more to say.
    fn may_have_missed(&self) {
        let now = self.gateway.cx.clock.now();
        for list in List::ALL {
            self.gateway.catalogue.changed(self.connector, list, now);
            let _ = self.heard.send(Heard::Changed(list));
        }
    }
}

/// Hands on what a server tells, and refuses what it asks: nobody is behind this.
struct Told {
    gateway: Gateway,
    connector: ConnectorId,
    heard: broadcast::Sender<Heard>,
    ready: CancellationToken,
}

impl Peer for Told {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn notified(&self, method: &str, params: Option<&RawValue>) {
        for list in changed_lists(method) {
            self.gateway.catalogue.changed(self.connector, *list, self.gateway.cx.clock.now());
            let _ = self.heard.send(Heard::Changed(*list));
        }
        if method == "notifications/subscriptions/acknowledged" {
            self.listening();
        }
        if method == "notifications/resources/updated"
            && let Some(uri) = params.and_then(|params| RawObject::of(params)?.text("uri"))
        {
            let _ = self.heard.send(Heard::Updated(uri));
        }
    }

    fn listening(&self) {
        self.ready.cancel();
    }

    fn asked<'a>(&'a self, _: &'a str, _: &'a RawValue) -> BoxFuture<'a, Answered> {
        ready(Err(method_not_found())).boxed()
    }
}

/// The lists that a notification tells have changed.
pub(super) fn changed_lists(method: &str) -> &'static [List] {
    match method {
        "notifications/tools/list_changed" => &[List::Tools],
        "notifications/prompts/list_changed" => &[List::Prompts],
        "notifications/resources/list_changed" => &[List::Resources, List::ResourceTemplates],
        _ => &[],
    }
}
