//! The credentials that are held ready, and what makes them fall.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use keyway_model::{Connector, ConnectorId, ConnectorKey, Slug, UserId};
use keyway_storage::Change;
use tokio::sync::broadcast::error::RecvError;

use super::Credential;
use crate::context::Context;

/// The credentials of connectors in use. Bounded; emptied of a connector whenever its row or its grant
/// changes, here or in another process.
pub struct Credentials {
    held: moka::sync::Cache<ConnectorId, Arc<Credential>>,
    slugs: moka::sync::Cache<(UserId, Slug), ConnectorId>,
    changes: AtomicU64,
}

impl Default for Credentials {
    fn default() -> Self {
        const IDLE: Duration = Duration::from_secs(600);
        const MOST: u64 = 100_000;
        Self {
            held: moka::sync::Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build(),
            slugs: moka::sync::Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build(),
            changes: AtomicU64::new(0),
        }
    }
}

impl Credentials {
    /// Drops what is held of a connector.
    pub fn forget(&self, connector: ConnectorId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.held.invalidate(&connector);
    }

    /// Drops everything.
    pub fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.held.invalidate_all();
    }

    /// What is held of the connector at this moment.
    pub fn held(&self, connector: &Connector) -> Option<Arc<Credential>> {
        self.held.get(&connector.id).filter(|held| held.connector.user_id == connector.user_id)
    }

    pub(super) fn find(&self, user: &UserId, key: &ConnectorKey) -> Option<Arc<Credential>> {
        let held = match key {
            ConnectorKey::Id(id) => self.held.get(id),
            ConnectorKey::Slug(slug) => {
                let id = self.slugs.get(&(user.clone(), slug.clone()))?;
                self.held.get(&id).filter(|held| held.connector.slug == *slug)
            }
        };
        held.filter(|held| held.connector.user_id == *user)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keeps a credential, unless something changed since it began to be read.
    pub(super) fn keep(&self, credential: &Arc<Credential>, changes: u64) {
        let connector = &credential.connector;
        let name = (connector.user_id.clone(), connector.slug.clone());
        self.slugs.insert(name, connector.id);
        self.held.insert(connector.id, credential.clone());
        if self.changes() != changes {
            self.held.invalidate(&connector.id);
        }
    }
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
