//! Serving a router on loopback, with the power to cut a connection without an answer.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{AbortHandle, JoinSet},
};
use tower::ServiceExt;

/// A bound port that nobody serves yet, so that a server can know its own address before it is built.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds `port` on 127.0.0.1; 0 takes a free one.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn port(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Binds a free port.
    pub async fn free_port() -> Self {
        Self::port(0).await.expect("loopback has a free port")
    }

    /// `http://127.0.0.1:{port}`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until the returned value is dropped.
    pub fn serve(self, router: Router) -> Serving {
        let accepting = tokio::spawn(accept(self.listener, router));
        Serving { accepting: accepting.abort_handle() }
    }
}

/// A running server; dropping it closes the port and every connection.
pub struct Serving {
    accepting: AbortHandle,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The connection a request came on; handlers take it as an extension.
#[derive(Clone, Default)]
pub(crate) struct Connection(Arc<Notify>);

impl Connection {
    /// Closes the connection without another byte. Never returns: the handler ends with it.
    pub(crate) async fn cut(&self) -> ! {
        self.0.notify_one();
        std::future::pending().await
    }
}

async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve_connection(stream, router.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    // Nagle's algorithm would hide what the proxy under test does to small events.
    let _ = stream.set_nodelay(true);
    let connection = Connection::default();
    let cut = connection.0.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        router.clone().oneshot(request)
    });
    let http = auto::Builder::new(TokioExecutor::new());
    let serving = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serving => {}
        () = cut.notified() => {}
    }
}
