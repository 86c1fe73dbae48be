//! What every door of the gateway is given.

use std::{sync::Arc, time::Duration};

use keyway_connectors::{
    Context,
    kept::Kept,
    upstream::{Nobody, Peer},
};
use keyway_model::ApprovalId;
use tokio_util::sync::CancellationToken;

use crate::{
    aggregate::{Clients, Listening},
    catalogue::Catalogue,
    channels::Channels,
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
    pub(crate) conversations: Kept<ConversationKey, Arc<Spoken>>,
    pub(crate) channels: Channels,
    pub(crate) catalogue: Catalogue,
    pub(crate) clients: Clients,
    pub(crate) listening: Listening,
    /// Falls when the process stops; streams without an end of their own end with it.
    pub(crate) stopping: CancellationToken,
}

impl Gateway {
    /// A gateway over the context, until `stopping` falls.
    pub fn new(cx: Context, sessions: SessionSeal, stopping: CancellationToken) -> Self {
        let conversations = Kept::since_used(&cx.clock, MOST_CONVERSATIONS, IDLE);
        let (catalogue, clients) = (Catalogue::new(&cx.clock), Clients::new(&cx.clock));
        let (channels, listening) = Default::default();
        Self { cx, sessions, conversations, channels, catalogue, clients, listening, stopping }
    }

    /// Gives back the memory of what nobody asked for lately.
    pub fn drop_old(&self) {
        self.cx.drop_old();
        self.conversations.drop_old();
        self.catalogue.drop_old();
        self.clients.drop_old();
    }

    /// Nobody behind a request: what a server asks is answered by the operator's decision.
    pub(crate) fn nobody(&self) -> Arc<dyn Peer> {
        Arc::new(Nobody(self.cx.settings.elicitation))
    }

    /// The page of Keyway's own on which a person decides about a call; it checks who is looking.
    pub fn approval_url(&self, approval: ApprovalId) -> String {
        self.cx.settings.public_url.at(&format!("/#approval={approval}"))
    }
}
