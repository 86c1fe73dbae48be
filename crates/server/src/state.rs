//! What every handler is given.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use keyway_connectors::Context;
use keyway_gateway::Gateway;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::{extract::origin::Doors, forgeries::Forgeries, identity::Identities, streams::Streams};

/// What every handler is given. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Parts>);

/// The inside of an [`AppState`].
pub(crate) struct Parts {
    /// The use cases' context.
    pub(crate) context: Context,
    /// MCP in both directions.
    pub(crate) gateway: Gateway,
    /// Who is calling.
    pub(crate) identities: Identities,
    /// The streams that users hold open.
    pub(crate) streams: Streams,
    /// The hosts and origins that are let in.
    pub(crate) doors: Doors,
    /// The callbacks that belong to no sign-in.
    pub(crate) forgeries: Forgeries,
    /// Whether there is one user who shows no credential.
    pub(crate) single_user: bool,
    /// The counters, as Prometheus reads them.
    pub(crate) metrics: PrometheusHandle,
    /// The ids of the master keys.
    pub(crate) key_ids: Vec<String>,
    /// Whether new work is still taken.
    pub(crate) ready: AtomicBool,
    /// Cancelled when the process is to end: streams end then.
    pub(crate) stopping: CancellationToken,
}

impl AppState {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Keyway's own origin.
    pub(crate) fn public_url(&self) -> &str {
        self.context.settings.public_url.origin()
    }

    /// The name of the session cookie, which says `__Host-` where browsers reach Keyway by https.
    pub(crate) fn session_cookie_name(&self) -> &'static str {
        if self.has_secure_cookies() { "__Host-keyway-session" } else { "keyway-session" }
    }

    /// Whether cookies are only for https.
    pub(crate) fn has_secure_cookies(&self) -> bool {
        self.context.settings.public_url.is_https()
    }

    /// Whether new work is still taken.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Says that no new work is to be sent here.
    pub(crate) fn stop_being_ready(&self) {
        self.ready.store(false, Ordering::Release);
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
