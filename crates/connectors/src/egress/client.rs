//! One pooled HTTP client for each class of addresses: no proxies, no cookies, no redirects; HTTP/2 where
//! the server chooses it, and what an answer may hold in memory is bounded.

use std::{
    error::Error as StdError,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Extensions, HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::client::conn::TrySendError;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection as _, HttpConnector};
use keyway_oauth::http::SendError;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tokio::sync::oneshot;
use tower_service::Service;

use super::{
    body::Body,
    exchange,
    failure::{no_answer, unreachable},
    http1::{Http1, Io},
    http2::Http2,
    pool::{Connection, Origin, Pool, Route},
    prompt::{PromptConnector, Streams},
    resolver::GuardedResolver,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("keyway/", env!("CARGO_PKG_VERSION")));
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

type BoxError = Box<dyn StdError + Send + Sync>;
type Tls = HttpsConnector<PromptConnector>;

/// A request on its way out. It is boxed because each future that it goes through would be larger by it, and is moved
/// with every call.
pub type Outgoing = Box<Request<Full<Bytes>>>;

/// A pooled client.
#[derive(Clone)]
pub(super) struct Client {
    connector: Connector,
    pool: Arc<Pool>,
}

impl Client {
    /// A client that connects to what the resolver admits and keeps idle connections for `idle`.
    pub(super) fn new(resolver: GuardedResolver, tls: ClientConfig, idle: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(PromptConnector(tcp));
        Self { connector: Connector(tls), pool: Pool::new(idle) }
    }

    /// The way to a URL; `None` where it is not absolute.
    pub(super) fn route(&self, uri: Uri) -> Option<Route> {
        self.pool.route(uri)
    }

    /// Sends a request and hands back the answer as soon as its head is there. What was not sent at all because the
    /// connection had ended is sent over another one.
    pub(super) async fn send(
        &self,
        route: &Route,
        mut request: Outgoing,
    ) -> Result<Response<Body>, SendError> {
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        headers.entry(header::ACCEPT).or_insert(ANYTHING);
        loop {
            let (connection, was_used) = match route.origin.take() {
                Ok(connection) => (connection, true),
                Err(given_back) => Box::pin(self.connection(&route.origin, given_back)).await?,
            };
            let mut failure = match send_over(connection, route, request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match failure.take_message().filter(|_| was_used) {
                Some(unsent) => request = Box::new(unsent),
                None => return Err(no_answer(&failure.into_error())),
            }
        }
    }

    /// A new connection, or one that is given back before that is there; says whether it was used before.
    async fn connection(
        &self,
        origin: &Arc<Origin>,
        given_back: oneshot::Receiver<Box<Http1>>,
    ) -> Result<(Connection, bool), SendError> {
        let connecting = Box::pin(self.clone().connect(origin.clone()));
        match select(given_back, connecting).await {
            Either::Left((Ok(http1), connecting)) => {
                let origin = origin.clone();
                tokio::spawn(async move {
                    if let Ok((Connection::Http1(http1), _)) = connecting.await {
                        origin.give_back(http1);
                    }
                });
                Ok((Connection::Http1(http1), true))
            }
            Either::Left((Err(_), connecting)) => connecting.await,
            Either::Right((connected, mut given_back)) => {
                given_back.close();
                if let Ok(http1) = given_back.try_recv() {
                    origin.give_back(http1);
                }
                connected
            }
        }
    }

    /// A new connection, or the HTTP/2 connection that somebody else has made meanwhile; says whether it is that.
    async fn connect(self, origin: Arc<Origin>) -> Result<(Connection, bool), SendError> {
        let is_one_enough = origin.speaks_http2();
        let alone = if is_one_enough { Some(origin.connecting.lock().await) } else { None };
        if let Some(http2) = origin.http2() {
            return Ok((Connection::Http2(http2), true));
        }
        // Who had its turn before may have found no server, or one that speaks HTTP/1.1: then nobody waits any more.
        let alone = alone.filter(|_| origin.speaks_http2());
        let begun = self.begin(&origin).await;
        origin.note_http2(matches!(begun, Ok(Connection::Http2(_))));
        drop(alone);
        self.pool.watch();
        Ok((begun?, false))
    }

    async fn begin(&self, origin: &Origin) -> Result<Connection, SendError> {
        let io = self.connector.clone().call(origin.uri.clone()).await;
        let io = io.map_err(|error| unreachable(&*error))?;
        let (connected, counted) = (io.connected(), self.pool.count());
        let streams = streams(&connected);
        let begun = if connected.is_negotiated_h2() {
            let http2 = Http2::begin(io, streams, counted).await;
            http2.map(|http2| Connection::Http2(origin.share(http2)))
        } else {
            Http1::begin(io, streams, counted).await.map(Connection::Http1)
        };
        begun.map_err(|error| no_answer(&error))
    }
}

/// What is noted on the connection.
fn streams(connected: &Connected) -> Streams {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    extras.remove().unwrap_or_default()
}

async fn send_over(
    connection: Connection,
    route: &Route,
    mut request: Outgoing,
) -> Result<Response<Body>, TrySendError<Request<Full<Bytes>>>> {
    match connection {
        Connection::Http1(http1) => {
            *request.uri_mut() = route.path.clone();
            request.headers_mut().entry(header::HOST).or_insert_with(|| route.origin.host.clone());
            Ok(exchange::send(http1, &route.origin, request).await?.map(Body::from))
        }
        Connection::Http2(http2) => {
            *request.uri_mut() = route.uri.clone();
            Ok(http2.send(request).await?.map(Body::from))
        }
    }
}

/// TLS as every client speaks it: the machine's roots.
pub(super) fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .try_with_platform_verifier()?
        .with_no_client_auth())
}

/// Connects within [`CONNECT_TIMEOUT`], the name's look-up and the TLS handshake included.
#[derive(Clone)]
struct Connector(Tls);

impl Service<Uri> for Connector {
    type Response = Io;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Io, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
            connected.map_err(|_| "the server took too long to connect to")?
        })
    }
}
