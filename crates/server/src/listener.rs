//! Listeners: connections are taken, HTTP/1.1 and HTTP/2 are spoken over them, and what one of them may
//! hold in memory is bounded.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use axum::{http::Request, response::Response};
use futures_util::FutureExt as _;
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What is read ahead and what waits to be written, in bytes; also the longest head of a request.
const BUFFER: usize = 64 * 1024;
/// How long nothing is taken after the machine had no room for a connection.
const NO_ROOM: Duration = Duration::from_secs(1);

/// Serves each connection with what `service` gives for its peer, until `stop` is cancelled, and then lets the
/// connections end.
pub(crate) async fn serve<S>(
    listener: TcpListener,
    service: impl Fn(SocketAddr) -> S,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
        + Send
        + 'static,
{
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_buf_size(BUFFER);
    let connections = GracefulShutdown::new();
    while let Some((stream, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let connection = http.serve_connection(TokioIo::new(stream), service(peer));
        let connection = connections.watch(connection.into_owned());
        // An async block would hold the connection's state twice.
        tokio::spawn(connection.map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(error, "a connection failed");
            }
        }));
    }
    drop(listener);
    connections.shutdown().await;
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
