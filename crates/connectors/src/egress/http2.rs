//! One HTTP/2 connection to a server, which carries many requests at once and has a task of its own.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http2::{self, SendRequest},
    },
};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{client::Outgoing, http1::Io, pool::Counted, prompt::Streams};

/// The way to a connection; it ends when nobody has one any more and all answers are whole.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    streams: Streams,
}

impl Http2 {
    /// Speaks HTTP/2 over a connection to a server.
    pub(super) async fn begin(io: Io, streams: Streams, counted: Counted) -> hyper::Result<Self> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        #[expect(clippy::disallowed_methods, reason = "this is the egress client")]
        let (sender, connection) = builder.timer(TokioTimer::new()).handshake(io).await?;
        tokio::spawn(async move {
            let _counted = counted;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a server failed");
            }
        });
        Ok(Self { sender, streams })
    }

    /// Whether it takes no requests any more.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request, and gives the answer as soon as its head is there.
    ///
    /// # Errors
    /// With the request where nothing of it was sent.
    pub(super) async fn send(
        mut self,
        request: Outgoing,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let answer = self.sender.try_send_request(*request).await?;
        self.streams.note(&answer);
        Ok(answer)
    }
}
