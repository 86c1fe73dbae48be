//! A request over an HTTP/1.1 connection and its answer, whose reader drives the connection to the end.

use std::{
    fmt, future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::TrySendError};
use tokio::time::timeout;

use super::{
    client::Outgoing,
    http1::{Http1, drive},
    pool::Origin,
};

/// How long the rest of a request is sent that was answered before its end.
const FINISHING: Duration = Duration::from_secs(30);

/// Sends a request, and gives the answer as soon as its head is there. The connection goes with the answer's body,
/// and goes back to its origin with the body's end.
///
/// # Errors
/// With the request where nothing of it was sent, so that it can be sent over another connection.
pub(super) async fn send(
    mut http1: Box<Http1>,
    origin: &Arc<Origin>,
    request: Outgoing,
) -> Result<Response<Streamed>, TrySendError<Request<Full<Bytes>>>> {
    let mut answer = pin!(http1.request(*request));
    let mut driven = Some(http1);
    let answer =
        future::poll_fn(|cx| drive(&mut driven, cx, |cx| answer.as_mut().poll(cx))).await?;
    if let Some(http1) = &mut driven {
        http1.note(&answer);
    }
    Ok(answer.map(|body| {
        let mut body = Streamed { body: Some(body), connection: driven, origin: origin.clone() };
        body.give_back_at_end();
        body
    }))
}

/// An answer's body, with the connection that brings it.
pub(super) struct Streamed {
    /// None when it is dropped.
    body: Option<Incoming>,
    /// None when the body is whole, or the connection is over.
    connection: Option<Box<Http1>>,
    origin: Arc<Origin>,
}

impl Streamed {
    fn give_back_at_end(&mut self) {
        if self.is_end_stream() {
            self.give_back();
        }
    }

    /// The answer is whole; where the request is not, because the server did not wait for its end, that comes first.
    fn give_back(&mut self) {
        let Some(http1) = self.connection.take() else { return };
        if http1.is_ready() {
            self.origin.give_back(http1);
        } else {
            tokio::spawn(timeout(FINISHING, finish(http1, self.origin.clone())));
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = drive(&mut self.connection, cx, |cx| Pin::new(&mut *body).poll_frame(cx));
        match &frame {
            Poll::Ready(Some(Ok(_))) => self.give_back_at_end(),
            Poll::Ready(_) => self.give_back(),
            Poll::Pending => {}
        }
        frame
    }
}

async fn finish(mut http1: Box<Http1>, origin: Arc<Origin>) {
    if future::poll_fn(|cx| http1.poll_ready(cx)).await {
        origin.give_back(http1);
    }
}

/// What is left of a body that nobody reads is passed over where it has come already; otherwise the connection
/// ends.
impl Drop for Streamed {
    fn drop(&mut self) {
        self.body = None;
        if let Some(connection) = &mut self.connection
            && connection.advance().is_pending()
            && connection.is_ready()
            && let Some(connection) = self.connection.take()
        {
            self.origin.give_back(connection);
        }
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("body", &self.body).finish_non_exhaustive()
    }
}
