//! One HTTP/1.1 connection to a server, without a task of its own: whoever waits for an answer, or reads its body,
//! drives it. A call then takes no turn of another task, of which there would be four.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, Connection, SendRequest},
    },
};
use hyper_rustls::MaybeHttpsStream;

use super::{
    pool::Counted,
    prompt::{PromptStream, Streams},
    wakes::Wakes,
};

/// What is read ahead of a body's reader, in bytes; also the longest head of an answer.
const READ_AHEAD: usize = 64 * 1024;

/// What a server says of its patience with idle connections (RFC 2068 §19.7.1.1); its parameter `timeout`
/// is of draft-thomson-hybi-http-timeout §2 and what Node.js sends.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// How long before its time a connection is given up.
const MARGIN: Duration = Duration::from_secs(1);

/// A connection to a server, whatever is spoken over it.
pub(super) type Io = MaybeHttpsStream<PromptStream>;

/// A connection that speaks HTTP/1.1, and what belongs to it.
pub(super) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<Io, Full<Bytes>>,
    streams: Streams,
    /// How long the server keeps it open after an answer, if it says so.
    kept_for: Option<Duration>,
    wakes: Arc<Wakes>,
    /// The waker that `wakes` is.
    own: Waker,
    _counted: Counted,
}

impl Http1 {
    /// Speaks HTTP/1.1 over a connection to a server.
    pub(super) async fn begin(
        io: Io,
        streams: Streams,
        counted: Counted,
    ) -> hyper::Result<Box<Self>> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(READ_AHEAD);
        #[expect(clippy::disallowed_methods, reason = "this is the egress client")]
        let (sender, connection) = builder.handshake(io).await?;
        let wakes = Arc::<Wakes>::default();
        let own = Waker::from(wakes.clone());
        let mut http1 = Box::new(Self {
            sender,
            connection,
            streams,
            kept_for: None,
            wakes,
            own,
            _counted: counted,
        });
        // With the first turn it is ready.
        let _ = http1.advance();
        Ok(http1)
    }

    /// Hands a request over; what is given waits for the answer's head, and is to be driven.
    pub(super) fn request(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>> + use<>
    {
        self.sender.try_send_request(request)
    }

    /// Notes what the head of an answer tells of the connection.
    pub(super) fn note<B>(&mut self, answer: &Response<B>) {
        self.streams.note(answer);
        self.kept_for = answer.headers().get(KEEP_ALIVE).and_then(timeout);
    }

    /// How long it can be called over after an answer, if the server says so. A request that is under way when the
    /// server closes may have arrived or not, and is not sent again; so the server is left a second less.
    pub(super) fn usable_for(&self) -> Option<Duration> {
        self.kept_for.map(|time| time.saturating_sub(MARGIN))
    }

    /// Whether the answer before is whole, and the next request can be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Puts it aside: from now on nobody waits for it.
    pub(super) fn rest(&self) {
        self.wakes.rest();
    }

    /// Whether a connection that nobody waits for is still open.
    pub(super) fn is_open(&mut self) -> bool {
        !self.wakes.is_woken() || self.advance().is_pending()
    }

    /// Reads and writes what can be read and written now, and waits for nothing; ready when the connection is over.
    pub(super) fn advance(&mut self) -> Poll<()> {
        self.wakes.begin(Waker::noop());
        let polled = self.poll_connection();
        self.wakes.end();
        polled
    }

    /// Waits until the next request can be sent, or the connection is over; says whether it can.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.wakes.begin(cx.waker());
        let is_over = self.poll_connection().is_ready();
        let was_woken = self.wakes.end();
        if is_over || self.is_ready() {
            return Poll::Ready(!is_over);
        }
        if was_woken {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Ends it properly: with TLS the server is told.
    pub(super) fn close(self: Box<Self>) {
        let Self { sender, mut connection, own, .. } = *self;
        drop(sender);
        let _ = Pin::new(&mut connection).poll(&mut Context::from_waker(&own));
    }

    fn poll_connection(&mut self) -> Poll<()> {
        let ended = Pin::new(&mut self.connection).poll(&mut Context::from_waker(&self.own));
        ended.map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a server failed");
            }
        })
    }
}

/// The seconds of the parameter `timeout`.
fn timeout(value: &HeaderValue) -> Option<Duration> {
    let parameters = value.to_str().ok()?.split(',');
    let mut values = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("timeout").then_some(value.trim())
    });
    let seconds: u32 = values.next()?.parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// Waits for what the connection alone can bring: looks whether it is there, lets the connection read and write
/// what it can, and looks again. Of a connection that is over nothing is kept but what it brought.
pub(super) fn drive<T>(
    driven: &mut Option<Box<Http1>>,
    cx: &mut Context<'_>,
    mut awaited: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let Some(http1) = driven else { return awaited(cx) };
    let own = http1.own.clone();
    let own = &mut Context::from_waker(&own);
    http1.wakes.begin(cx.waker());
    let there = awaited(own);
    if there.is_ready() {
        http1.wakes.end();
        return there;
    }
    http1.wakes.forget();
    if http1.poll_connection().is_ready() {
        *driven = None;
        return awaited(cx);
    }
    let there = awaited(own);
    // Also where nothing is there because the task has had its share of this turn.
    if http1.wakes.end() && there.is_pending() {
        cx.waker().wake_by_ref();
    }
    there
}
