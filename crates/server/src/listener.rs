//! Listeners: connections are taken, HTTP/1.1 and HTTP/2 are spoken over them, and what one of them may
//! hold in memory is bounded.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, extract::ConnectInfo, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

/// What is read ahead and what waits to be written, in bytes; also the longest head of a request.
const BUFFER: usize = 64 * 1024;
/// How long nothing is taken after the machine had no room for a connection.
const NO_ROOM: Duration = Duration::from_secs(1);

/// Serves until `stop` is cancelled, and then lets the connections end.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_buf_size(BUFFER);
    // With its state in place a clone shares the routes; otherwise each connection would copy them all.
    let router = router.with_state::<()>(());
    let connections = GracefulShutdown::new();
    while let Some((stream, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let service = OfPeer { router: router.clone(), peer };
        let service = TowerToHyperService::new(service);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection failed");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// The routes, told whose connection a request comes on.
#[derive(Clone)]
struct OfPeer {
    router: Router,
    peer: SocketAddr,
}

impl<B> Service<Request<B>> for OfPeer
where
    Router: Service<Request<B>>,
{
    type Response = <Router as Service<Request<B>>>::Response;
    type Error = <Router as Service<Request<B>>>::Error;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.router, cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        self.router.call(request)
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
