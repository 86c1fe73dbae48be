//! The event streams that servers of the older transport (MCP 2024-11-05, HTTP with SSE) hold open, by
//! connector: when one is deleted, switched off, signed out of or changed, the streams that were opened for what
//! it was are closed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use keyway_connectors::{
    Context,
    access_token::Credential,
    upstream::{Channel, Era},
};
use keyway_model::{ConnectorId, ConnectorKey, UserId};

/// The open streams of this process.
#[derive(Clone, Default)]
pub(crate) struct Channels(Arc<Mutex<HashMap<ConnectorId, Opened>>>);

/// Those of one connector.
struct Opened {
    user: UserId,
    streams: Vec<Stream>,
}

struct Stream {
    channel: Weak<Channel>,
    /// The connector's, when it was opened.
    revision: i64,
    listens: bool,
}

impl Stream {
    fn is_open(&self) -> bool {
        self.channel.upgrade().is_some_and(|channel| !channel.has_ended())
    }

    /// Requests that are under way are answered; what only listens begins anew.
    fn close(&self) {
        let Some(channel) = self.channel.upgrade() else { return };
        if self.listens { channel.end() } else { channel.retire() }
    }
}

impl Channels {
    /// Takes note of a wire that was found, where it is one of these.
    pub(crate) fn note(&self, credential: &Credential, listens: bool, era: &Era) {
        let Era::Channel { channel, .. } = era else { return };
        let mut opened = self.opened();
        opened.retain(|_, of| {
            of.streams.retain(Stream::is_open);
            !of.streams.is_empty()
        });
        let user = credential.user_id.clone();
        let of = opened.entry(credential.connector.id);
        of.or_insert_with(|| Opened { user, streams: Vec::new() }).streams.push(Stream {
            channel: Arc::downgrade(channel),
            revision: credential.revision,
            listens,
        });
    }

    /// Closes the streams of the connector that were opened for what it no longer is.
    pub(crate) async fn follow(&self, cx: &Context, id: ConnectorId) {
        let Some(user) = self.opened().get(&id).map(|of| of.user.clone()) else { return };
        let stored = match cx.background.connector(&user, &ConnectorKey::Id(id)).await {
            Ok(stored) => stored,
            Err(error) => {
                return tracing::warn!(%error, "streams to a changed connector stay until they idle");
            }
        };
        let holds =
            stored.filter(|connector| connector.enabled).map(|connector| connector.revision);
        if let Some(of) = self.opened().get_mut(&id) {
            let outdated = of.streams.extract_if(.., |stream| Some(stream.revision) != holds);
            outdated.for_each(|stream| stream.close());
        }
    }

    /// The same for every connector that has such streams.
    pub(crate) async fn follow_all(&self, cx: &Context) {
        let all: Vec<_> = self.opened().keys().copied().collect();
        for id in all {
            self.follow(cx, id).await;
        }
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<ConnectorId, Opened>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
