//! What every door of the gateway is given.

use std::{sync::Arc, time::Duration};

use keyway_connectors::Context;
use keyway_model::ConnectorId;

use crate::{
    conversation::{ConversationKey, Spoken},
    session::SessionSeal,
};

/// How many conversations are remembered.
const MOST_CONVERSATIONS: u64 = 10_000;
const IDLE: Duration = Duration::from_secs(600);

/// The gateway: the context of the use cases, the keys of session ids, and how servers are spoken to.
#[derive(Clone)]
pub struct Gateway {
    /// The context of the use cases.
    pub cx: Context,
    pub(crate) sessions: SessionSeal,
    pub(crate) conversations: moka::sync::Cache<ConversationKey, Arc<Spoken>>,
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
