//! The credentials that are held ready, and what makes them fall.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use keyway_model::{ConnectorId, ConnectorKey, Slug, Timestamp, UserId};
use keyway_storage::Change;
use quick_cache::sync::Cache;
use tokio::sync::broadcast::error::RecvError;
use url::Url;

use super::Credential;
use crate::{context::Context, egress::Target, kept::bounded};

/// How long a credential is held that no call asks for.
const IDLE: Duration = Duration::from_secs(600);
/// How many are held at most.
const MOST: u64 = 100_000;

/// The credentials of connectors in use. Bounded; emptied of a connector whenever its row or its grant
/// changes, here or in another process.
pub struct Credentials {
    held: Cache<ConnectorId, Arc<Held>>,
    /// The same of the connectors that calls name by a slug, by the hash of the user and the slug, so that such a call
    /// looks once. The credential tells whether it is that one.
    named: Cache<u64, Weak<Held>>,
    /// What is called, by its URL: the connectors of many users are often of one server.
    targets: Cache<Box<str>, Arc<Target>>,
    hasher: RandomState,
    changes: AtomicU64,
}

/// A credential for as long as it is held: calls take what is in it, and never this.
struct Held(Arc<Credential>);

impl Default for Credentials {
    fn default() -> Self {
        Self {
            held: bounded(MOST),
            named: bounded(MOST),
            targets: bounded(MOST),
            hasher: RandomState::new(),
            changes: AtomicU64::new(0),
        }
    }
}

impl Credentials {
    /// Drops what is held of a connector.
    pub fn forget(&self, connector: ConnectorId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.held.remove(&connector);
    }

    /// Drops everything.
    pub fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.held.clear();
    }

    /// Drops what no call asked for lately: a user who is away takes no room.
    pub fn forget_unused(&self, now: Timestamp) {
        self.held.retain(|_, held| !is_unused(&held.0, now));
        self.named.retain(|_, held| held.strong_count() > 0);
        self.targets.retain(|_, target| Arc::strong_count(target) > 1);
    }

    /// What is held of the user's connector at this moment.
    pub fn held(&self, user: &UserId, connector: ConnectorId) -> Option<Arc<Credential>> {
        let held = self.held.get(&connector).filter(|held| held.0.user_id == *user)?;
        Some(held.0.clone())
    }

    pub(super) fn find(
        &self,
        user: &UserId,
        key: &ConnectorKey,
        now: Timestamp,
    ) -> Option<Arc<Credential>> {
        let held = match key {
            ConnectorKey::Id(id) => self.held(user, *id),
            ConnectorKey::Slug(slug) => {
                let Held(held) = &*self.named.get(&self.name(user, slug))?.upgrade()?;
                let is_it = held.user_id == *user && held.connector.slug == *slug;
                is_it.then(|| held.clone())
            }
        };
        let held = held.filter(|held| !is_unused(held, now))?;
        held.used_at.store(now.as_millis(), Ordering::Relaxed);
        Some(held)
    }

    /// The target as the credentials of this URL share it.
    pub(super) fn shared(&self, url: &Url, target: Target) -> Arc<Target> {
        let known = self.targets.get(url.as_str()).filter(|known| **known == target);
        known.unwrap_or_else(|| {
            let target = Arc::new(target);
            self.targets.insert(url.as_str().into(), target.clone());
            target
        })
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keeps a credential that is asked for by this key, unless something changed since it began to be read.
    pub(super) fn keep(&self, credential: &Arc<Credential>, key: &ConnectorKey, changes: u64) {
        let id = credential.connector.id;
        let held = Arc::new(Held(credential.clone()));
        if let ConnectorKey::Slug(slug) = key {
            self.named.insert(self.name(&credential.user_id, slug), Arc::downgrade(&held));
        }
        self.held.insert(id, held);
        if self.changes() != changes {
            self.held.remove(&id);
        }
    }

    fn name(&self, user: &UserId, slug: &Slug) -> u64 {
        self.hasher.hash_one((user, slug))
    }
}

fn is_unused(held: &Credential, now: Timestamp) -> bool {
    let used_at = Timestamp::from_millis(held.used_at.load(Ordering::Relaxed));
    now >= used_at.plus(IDLE)
}

/// Drops credentials whose rows changed in any process, until the database is closed.
pub async fn follow_changes(cx: Context) {
    let mut changes = cx.background.changes();
    loop {
        match changes.recv().await {
            Ok(Change::Connector { connector_id, .. }) => cx.credentials.forget(connector_id),
            Ok(Change::Everything) | Err(RecvError::Lagged(_)) => cx.credentials.forget_all(),
            Ok(_) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::TokenFacts, *};

    /// There is one of these for each connector in use, and it is to stay below half a kilobyte with all that
    /// it points to, besides the headers.
    #[test]
    fn little_is_held_of_a_connector() {
        assert!(size_of::<Credential>() <= 152, "{}", size_of::<Credential>());
        assert!(size_of::<TokenFacts>() <= 72, "{}", size_of::<TokenFacts>());
    }
}
