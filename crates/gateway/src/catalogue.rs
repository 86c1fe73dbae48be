//! What servers list, remembered for the caller it was listed for. A list is fresh as long as its server
//! says, or [`FRESH`]; one that is not is asked for again, and shown meanwhile where that takes long. Held
//! per sign-in and revision of the connector, so that nothing of another account is ever shown.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use keyway_connectors::{
    access_token::{self, Credential, Gate},
    contact::List,
    kept::Kept,
};
use keyway_model::{
    Caller, Clock, Connector, ConnectorId, ConnectorKey, HealthStatus, SignInId, Timestamp,
};
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::{
    client::{Done, Task, perform},
    error::{Error, Result},
    gateway::Gateway,
    parameters::ToolParameters,
    tools,
    waiting::{GRACE, PATIENCE},
};

/// How long a list is good where its server does not say.
pub(crate) const FRESH: Duration = Duration::from_secs(300);
/// How long a list that is not fresh any more keeps a caller waiting for the new one.
const REVALIDATION: Duration = Duration::from_secs(1);
/// How long a server is left alone that says again and again that its lists changed.
const CHANGES_APART: Duration = Duration::from_secs(5);
/// For how long it is remembered that a connector was late.
const LATE: Duration = Duration::from_secs(60);
const MOST_LISTS: u64 = 20_000;
const IDLE: Duration = Duration::from_secs(3600);

/// What a list holds for: another sign-in or another revision of the connector lists anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CatalogueKey {
    connector: ConnectorId,
    sign_in: Option<SignInId>,
    revision: i64,
    list: List,
}

impl CatalogueKey {
    pub(crate) fn new(credential: &Credential, list: List) -> Self {
        Self {
            connector: credential.connector.id,
            sign_in: credential.token.as_ref().map(|token| token.sign_in_id),
            revision: credential.revision,
            list,
        }
    }
}

/// A list as its server gave it.
pub(crate) struct Listed {
    /// The items, raw and in the server's order.
    pub(crate) items: Vec<Box<RawValue>>,
    /// Which parameters are repeated as headers, where it is a list of tools.
    pub(crate) parameters: ToolParameters,
    /// When it was fetched.
    pub(crate) fetched_at: Timestamp,
    fresh_for: Duration,
    /// Before this, that it changed is no reason to ask again.
    refetch_from: Timestamp,
}

impl Listed {
    fn is_same(&self, other: &Self) -> bool {
        self.items.iter().map(|item| item.get()).eq(other.items.iter().map(|item| item.get()))
    }
}

/// A list for a caller.
pub(crate) struct Found {
    /// The list.
    pub(crate) listed: Arc<Listed>,
    /// How long it is still fresh; zero where it is older than it should be.
    pub(crate) fresh_for: Duration,
}

type Fetched = Result<Arc<Listed>, Arc<Error>>;
type Flight = Shared<BoxFuture<'static, Fetched>>;

/// The lists of connectors in use.
#[derive(Clone)]
pub(crate) struct Catalogue {
    held: Kept<CatalogueKey, Arc<Listed>>,
    changed: Kept<(ConnectorId, List), Timestamp>,
    late: Kept<ConnectorId, ()>,
    flights: Arc<Mutex<HashMap<CatalogueKey, Flight>>>,
}

impl Catalogue {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self {
            held: Kept::since_used(clock, MOST_LISTS, IDLE),
            changed: Kept::since_made(clock, MOST_LISTS, IDLE),
            late: Kept::since_made(clock, MOST_LISTS, LATE),
            flights: Arc::default(),
        }
    }

    /// Drops what is over.
    pub(crate) fn drop_old(&self) {
        self.held.drop_old();
        self.changed.drop_old();
        self.late.drop_old();
    }

    /// How long a list of the connector is waited for at the most. Who did not answer the last time, or was
    /// late lately, is not trusted to do better.
    pub(crate) fn patience(&self, connector: &Connector) -> Duration {
        let status = connector.health.status;
        let is_down = matches!(status, HealthStatus::Unreachable | HealthStatus::UpstreamError);
        if is_down || self.late.get(&connector.id).is_some() { GRACE } else { PATIENCE }
    }

    /// Takes note of whether a list of the connector came in time.
    pub(crate) fn came(&self, connector: ConnectorId, in_time: bool) {
        if in_time {
            self.late.remove(&connector);
        } else {
            self.late.insert(connector, ());
        }
    }

    /// The list that is held, fresh or not; without a query.
    pub(crate) fn held(&self, key: &CatalogueKey) -> Option<Arc<Listed>> {
        self.held.get(key)
    }

    /// Takes note that the server says that its list changed.
    pub(crate) fn changed(&self, connector: ConnectorId, list: List, now: Timestamp) {
        self.changed.insert((connector, list), now);
    }

    /// How long a list is still fresh.
    pub(crate) fn fresh_for(
        &self,
        key: &CatalogueKey,
        listed: &Listed,
        now: Timestamp,
    ) -> Duration {
        let changed = now >= listed.refetch_from && self.has_changed(key, listed);
        let left = listed.fresh_for.saturating_sub(now.since(listed.fetched_at));
        if changed { Duration::ZERO } else { left }
    }

    fn has_changed(&self, key: &CatalogueKey, listed: &Listed) -> bool {
        let changed = self.changed.get(&(key.connector, key.list));
        changed.is_some_and(|changed| changed >= listed.fetched_at)
    }

    /// The list from the server. Whoever asks meanwhile gets the same answer, and it is written down even
    /// if nobody waits for it any more.
    fn fetch(&self, gateway: &Gateway, caller: &Caller, key: &CatalogueKey) -> Flight {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key) {
            return flight.clone();
        }
        let (gateway, caller, key) = (gateway.clone(), caller.clone(), key.clone());
        let tasks = gateway.cx.tasks.clone();
        let flown = key.clone();
        let flight: Flight = async move {
            let fetched = fetch(&gateway, &caller, &key).await;
            let catalogue = &gateway.catalogue;
            if let Ok(listed) = &fetched {
                catalogue.held.insert(key.clone(), listed.clone());
            }
            catalogue.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            fetched.map_err(Arc::new)
        }
        .in_current_span()
        .boxed()
        .shared();
        flights.insert(flown, flight.clone());
        tasks.spawn(flight.clone());
        flight
    }
}

/// A list of the caller's connector: the one that is held where it is fresh, else the server's; the one
/// that is held where that takes too long or fails for the moment.
pub(crate) async fn list(
    gateway: &Gateway,
    caller: &Caller,
    connector: &Connector,
    list: List,
) -> Result<Found, Arc<Error>> {
    let by_id = ConnectorKey::Id(connector.id);
    let credential = access_token::credential(&gateway.cx, caller, &by_id, Gate::Call).await;
    let credential = credential.map_err(|error| Arc::new(error.into()))?;
    let key = CatalogueKey::new(&credential, list);
    let held = gateway.catalogue.held(&key);
    let now = gateway.cx.clock.now();
    if let Some(listed) = &held {
        let fresh_for = gateway.catalogue.fresh_for(&key, listed, now);
        if !fresh_for.is_zero() {
            return Ok(Found { listed: listed.clone(), fresh_for });
        }
    }
    let flight = gateway.catalogue.fetch(gateway, caller, &key);
    let held = match held {
        Some(held) => Some(held),
        None if list == List::Tools => stored(gateway, connector).await,
        None => None,
    };
    let Some(held) = held else {
        return flight.await.map(fresh);
    };
    match tokio::time::timeout(REVALIDATION, flight.clone()).await {
        Ok(Ok(listed)) => return Ok(fresh(listed)),
        Ok(Err(error)) if !tools::is_passing(&error) => return Err(error),
        Ok(Err(_)) => {}
        Err(_) => tell_if_other(gateway, &key, held.clone(), flight),
    }
    Ok(Found { listed: held, fresh_for: Duration::ZERO })
}

/// Tells whoever listens where the list that comes is another one than the one that was shown meanwhile.
fn tell_if_other(gateway: &Gateway, key: &CatalogueKey, shown: Arc<Listed>, coming: Flight) {
    let (listening, connector, list) = (gateway.listening.clone(), key.connector, key.list);
    let tell = async move {
        if let Ok(listed) = coming.await
            && !listed.is_same(&shown)
        {
            listening.tell_changed(connector, list);
        }
    };
    gateway.cx.tasks.spawn(tell.in_current_span());
}

fn fresh(listed: Arc<Listed>) -> Found {
    Found { fresh_for: listed.fresh_for, listed }
}

/// The tools as they were listed last, in this process or another.
pub(crate) async fn stored(gateway: &Gateway, connector: &Connector) -> Option<Arc<Listed>> {
    let stored = gateway.cx.database.tool_list(&connector.user_id, connector.id).await.ok()??;
    let items: Vec<_> = serde_json::from_str(&stored.tools_json).ok()?;
    Some(Arc::new(Listed {
        parameters: ToolParameters::of(&items),
        items,
        fetched_at: stored.fetched_at,
        fresh_for: Duration::ZERO,
        refetch_from: stored.fetched_at,
    }))
}

async fn fetch(gateway: &Gateway, caller: &Caller, key: &CatalogueKey) -> Result<Arc<Listed>> {
    let before = gateway.catalogue.held(key);
    let pages = if key.list == List::Tools {
        tools::fetch(gateway, caller, key.connector, Gate::Call).await?.1
    } else {
        let (by_id, nobody) = (ConnectorKey::Id(key.connector), gateway.nobody());
        let task = Task::List(key.list);
        match perform(gateway, caller, &by_id, Gate::Call, &nobody, task).await?.0 {
            Done::Listed(pages) => pages,
            _ => return Err(Error::ToolNotFound),
        }
    };
    let now = gateway.cx.clock.now();
    let told = before.is_some_and(|before| gateway.catalogue.has_changed(key, &before));
    let parameters = match key.list {
        List::Tools => ToolParameters::of(&pages.items),
        _ => ToolParameters::default(),
    };
    Ok(Arc::new(Listed {
        parameters,
        items: pages.items,
        fetched_at: now,
        fresh_for: pages.fresh_for.unwrap_or(FRESH),
        refetch_from: if told { now.plus(CHANGES_APART) } else { now },
    }))
}
