//! Listeners: connections are taken, HTTP/1.1 and HTTP/2 are spoken over them, and what one of them may
//! hold in memory is bounded.

use std::{
    convert::Infallible, error::Error as StdError, io, net::SocketAddr, pin::Pin, time::Duration,
};

use axum::{http::Request, response::Response};
use futures_util::TryFutureExt as _;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What is read ahead and what waits to be written, in bytes; also the longest head of a request.
const BUFFER: usize = 64 * 1024;
/// How long nothing is taken after the machine had no room for a connection.
const NO_ROOM: Duration = Duration::from_secs(1);

/// How a client that speaks HTTP/2 from the first byte begins (RFC 9113 §3.4); no method of HTTP/1.1 begins so.
const HTTP2: &[u8] = b"PRI";

type BoxError = Box<dyn StdError + Send + Sync>;

/// Serves each connection with what `service` gives for its peer, until `stop` is cancelled, and then lets the
/// connections end.
pub(crate) async fn serve<S: Serves>(
    listener: TcpListener,
    service: impl Fn(SocketAddr) -> S,
    stop: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    while let Some((stream, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let (service, watcher) = (service(peer), connections.watcher());
        let stop = stop.clone();
        tokio::spawn(async move {
            let begun = stop.run_until_cancelled(is_http2(&stream)).await;
            let served = match begun {
                Some(Ok(is_http2)) => converse(stream, service, watcher, is_http2).await,
                Some(Err(error)) => Err(error.into()),
                None => Ok(()),
            };
            if let Err(error) = served {
                tracing::debug!(error, "a connection failed");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// What a connection can be served with.
pub(crate) trait Serves:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Send + 'static
{
}

impl<S> Serves for S where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
        + Send
        + 'static
{
}

/// Whether what the client sends first may be HTTP/2. It stays to be read.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut begin = [0; HTTP2.len()];
    let length = stream.peek(&mut begin).await?;
    Ok(HTTP2.starts_with(&begin[..length]))
}

/// Speaks HTTP over the connection. One that can be either version keeps room for both, 7 KiB more, which
/// only those connections take that may need it.
fn converse<S: Serves>(
    stream: TcpStream,
    service: S,
    watcher: Watcher,
    may_be_http2: bool,
) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> {
    let stream = TokioIo::new(stream);
    if may_be_http2 {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().max_buf_size(BUFFER);
        Box::pin(watcher.watch(http.serve_connection(stream, service).into_owned()))
    } else {
        let mut http = http1::Builder::new();
        http.max_buf_size(BUFFER);
        Box::pin(watcher.watch(http.serve_connection(stream, service)).map_err(BoxError::from))
    }
}

/// The next connection and whose it is. A failure is of that connection, or of a machine that has no room for one more.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers must not wait for an acknowledgement; it is served all the same.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return (stream, peer);
            }
            Err(error) => error,
        };
        if !is_of_connection(&error) {
            tracing::error!(%error, "no connection could be taken");
            tokio::time::sleep(NO_ROOM).await;
        }
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
