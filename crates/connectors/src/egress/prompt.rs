//! Connections that acknowledge event streams at once. A server that leaves Nagle's algorithm on holds its
//! second small write back until the first is acknowledged, and the kernel takes about 40 ms for that.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::{HeaderValue, Response, Uri, header};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower_service::Service;

use super::resolver::GuardedResolver;

type Tcp = HttpConnector<GuardedResolver>;

/// Connects, and hands out [`PromptStream`]s.
#[derive(Clone)]
pub(super) struct PromptConnector(pub(super) Tcp);

impl Service<Uri> for PromptConnector {
    type Response = PromptStream;
    type Error = <Tcp as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<PromptStream, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            let tcp = connecting.await?;
            Ok(PromptStream { tcp, streams: Streams::default(), owed: Owed::Nothing })
        })
    }
}

/// Whether a connection has carried an event stream. Only then is an acknowledgement a packet of its own:
/// that of a plain answer goes with the next request.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<AtomicBool>);

impl Streams {
    /// Notes that the connection carries an event stream, where this answer is one.
    pub(super) fn note<B>(&self, answer: &Response<B>) {
        let kind = answer.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether something was read that is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// No.
    Nothing,
    /// Yes.
    Acknowledgement,
    /// Yes, and whoever it was read for has had a turn.
    AcknowledgementNow,
}

/// A connection that acknowledges what it reads before it waits for more, as soon as it has carried an event
/// stream. What was read is handed on first: the packet takes longer than that.
pub(super) struct PromptStream {
    tcp: TokioIo<TcpStream>,
    streams: Streams,
    owed: Owed,
}

impl PromptStream {
    /// Gives what is owed, in the next turn if there was none since the reading.
    fn settle(&mut self, cx: &Context<'_>) {
        self.owed = match self.owed {
            Owed::Acknowledgement if self.streams.0.load(Ordering::Relaxed) => {
                cx.waker().wake_by_ref();
                Owed::AcknowledgementNow
            }
            Owed::AcknowledgementNow => {
                self.acknowledge();
                Owed::Nothing
            }
            owed => owed,
        }
    }

    /// The kernel forgets this with nearly every read, so it is said after each. Where it cannot be said,
    /// the acknowledgement comes late.
    #[cfg(target_os = "linux")]
    fn acknowledge(&self) {
        if let Err(error) = self.tcp.inner().set_quickack(true) {
            tracing::debug!(%error, "TCP_QUICKACK could not be set");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn acknowledge(&self) {}
}

impl Connection for PromptStream {
    fn connected(&self) -> Connected {
        self.tcp.connected().extra(self.streams.clone())
    }
}

impl Read for PromptStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        if read.is_ready() {
            self.owed = Owed::Acknowledgement;
        } else {
            self.settle(cx);
        }
        read
    }
}

impl Write for PromptStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, parts)
    }
}
