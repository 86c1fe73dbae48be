//! What every door of the gateway is given.

use std::{sync::Arc, time::Duration};

use keyway_connectors::{Context, upstream::Era};
use keyway_model::ConnectorId;

use crate::session::SessionSeal;

/// How many conversations are remembered.
const MOST_CONVERSATIONS: u64 = 10_000;
const IDLE: Duration = Duration::from_secs(600);

/// The gateway: the context of the use cases, the keys of session ids, and how servers are spoken to.
#[derive(Clone)]
pub struct Gateway {
    /// The context of the use cases.
    pub cx: Context,
    pub(crate) sessions: SessionSeal,
    pub(crate) conversations: moka::sync::Cache<ConversationKey, Arc<Era>>,
}

/// What a negotiated wire holds for: another sign-in, URL or setting negotiates anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConversationKey {
    pub(crate) connector: ConnectorId,
    pub(crate) sign_in: Option<keyway_model::SignInId>,
    pub(crate) revision: i64,
}

impl Gateway {
    /// A gateway over the context.
    pub fn new(cx: Context, sessions: SessionSeal) -> Self {
        let conversations = moka::sync::Cache::builder()
            .max_capacity(MOST_CONVERSATIONS)
            .time_to_idle(IDLE)
            .build();
        Self { cx, sessions, conversations }
    }

    /// The page of Keyway's own on which a person can help a connector; it checks who is looking.
    pub fn sign_in_url(&self, connector: ConnectorId) -> String {
        self.cx.settings.public_url.at(&format!("/#sign-in={connector}"))
    }
}
