//! Where a server's messages come from while a request waits for its answer: the body of an answer, or
//! the one stream of the older transport.

use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::BodyDataStream;

use super::{
    Failure,
    channel::Waiter,
    sse::{Event, Events},
};
use crate::egress::Body;

const LARGEST_EVENT: usize = 4 * 1024 * 1024;

/// A body that is read as events.
pub(super) struct EventStream {
    chunks: BodyDataStream<Body>,
    events: Events,
}

impl EventStream {
    pub(super) fn new(body: Body) -> Self {
        Self { chunks: BodyDataStream::new(body), events: Events::default() }
    }

    /// The next events, which may be none yet; `None` at the end. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Event>>, Failure> {
        if self.events.held() > LARGEST_EVENT {
            return Err(Failure::Broken("an event is larger than 4 MiB".into()));
        }
        let Some(Ok(chunk)) = self.chunks.next().await else { return Ok(None) };
        Ok(Some(self.events.push_named(&chunk)))
    }
}

/// The messages that one request gets to see.
pub(super) enum Messages {
    /// Those of a stream of its own.
    InBody(EventStream),
    /// Those that the channel hands to it.
    OnChannel(Waiter),
}

impl Messages {
    pub(super) fn of_body(body: Body) -> Self {
        Self::InBody(EventStream::new(body))
    }

    /// The next messages, which may be none yet; `None` at the end. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        match self {
            Self::InBody(stream) => {
                let events = stream.next().await?;
                Ok(events.map(|events| events.into_iter().map(|event| event.data).collect()))
            }
            Self::OnChannel(waiter) => Ok(waiter.next().await.map(|message| vec![message])),
        }
    }

    /// The id of the last event that had one, where the stream can be resumed.
    pub(super) fn last_id(&self) -> Option<&str> {
        match self {
            Self::InBody(stream) => stream.events.last_id(),
            Self::OnChannel(_) => None,
        }
    }

    /// How long the server asks to wait before resuming.
    pub(super) fn retry(&self) -> Option<Duration> {
        match self {
            Self::InBody(stream) => stream.events.retry(),
            Self::OnChannel(_) => None,
        }
    }

    /// Goes on with the body in which the stream is resumed.
    pub(super) fn resume(&mut self, body: Body) {
        if let Self::InBody(stream) = self {
            stream.events.resume();
            stream.chunks = BodyDataStream::new(body);
        }
    }
}
