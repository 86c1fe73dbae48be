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
use hyper::client::conn::{TrySendError, http2};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::connect::{Connection as _, HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use keyway_oauth::http::SendError;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tokio::sync::oneshot;
use tower_service::Service;

use super::{
    body::Body,
    exchange,
    failure::{no_answer, unreachable},
    http1::{Http1, Io},
    pool::{Connection, Origin, Pool, Route, Shared},
    prompt::{PromptConnector, Streams},
    resolver::GuardedResolver,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("keyway/", env!("CARGO_PKG_VERSION")));
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

type BoxError = Box<dyn StdError + Send + Sync>;
type Tls = HttpsConnector<PromptConnector>;
/// What goes over it.
type Outgoing = Request<Full<Bytes>>;

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
        request: Request<Bytes>,
    ) -> Result<Response<Body>, SendError> {
        let mut request = request.map(Full::new);
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        headers.entry(header::ACCEPT).or_insert(ANYTHING);
        loop {
            let (connection, was_used) = match route.origin.take() {
                Ok(connection) => (connection, true),
                Err(given_back) => Box::pin(self.connection(&route.origin, given_back)).await?,
            };
            let mut failure = match connection {
                Connection::Http1(http1) => match send_http1(http1, route, request).await {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                },
                Connection::Http2(shared) => match send_http2(shared, route, request).await {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                },
            };
            match failure.take_message().filter(|_| was_used) {
                Some(unsent) => request = unsent,
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
                    if let Ok(Connection::Http1(http1)) = connecting.await {
                        origin.give_back(http1);
                    }
                });
                Ok((Connection::Http1(http1), true))
            }
            Either::Left((Err(_), connecting)) => Ok((connecting.await?, false)),
            Either::Right((connected, mut given_back)) => {
                given_back.close();
                if let Ok(http1) = given_back.try_recv() {
                    origin.give_back(http1);
                }
                Ok((connected?, false))
            }
        }
    }

    async fn connect(self, origin: Arc<Origin>) -> Result<Connection, SendError> {
        self.pool.watch();
        let is_one_enough = origin.speaks_http2();
        let alone = if is_one_enough { Some(origin.connecting.lock().await) } else { None };
        if let Some(shared) = origin.http2() {
            return Ok(Connection::Http2(shared));
        }
        let io = self.connector.clone().call(origin.uri.clone()).await;
        let io = io.map_err(|error| unreachable(&*error))?;
        let connected = io.connected();
        let streams = streams(&connected);
        let begun = if connected.is_negotiated_h2() {
            begin_http2(io, streams).await.map(|shared| Connection::Http2(origin.share(shared)))
        } else {
            Http1::begin(io, streams).await.map(Connection::Http1)
        };
        drop(alone);
        begun.map_err(|error| no_answer(&error))
    }
}

/// What is noted on the connection.
fn streams(connected: &hyper_util::client::legacy::connect::Connected) -> Streams {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    extras.remove().unwrap_or_default()
}

async fn begin_http2(io: Io, streams: Streams) -> hyper::Result<Shared> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.timer(TokioTimer::new()).handshake(io).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a server failed");
        }
    });
    Ok(Shared { sender, streams })
}

async fn send_http1(
    http1: Box<Http1>,
    route: &Route,
    mut request: Outgoing,
) -> Result<Response<Body>, TrySendError<Outgoing>> {
    *request.uri_mut() = route.path.clone();
    request.headers_mut().entry(header::HOST).or_insert_with(|| route.origin.host.clone());
    Ok(exchange::send(http1, &route.origin, request).await?.map(Body::from))
}

async fn send_http2(
    mut shared: Shared,
    route: &Route,
    mut request: Outgoing,
) -> Result<Response<Body>, TrySendError<Outgoing>> {
    *request.uri_mut() = route.uri.clone();
    request.headers_mut().remove(header::HOST);
    let sent = shared.sender.try_send_request(request).await;
    let answer = sent.inspect_err(|failure| {
        if failure.message().is_some() {
            route.origin.forget_http2();
        }
    })?;
    shared.streams.note(&answer);
    Ok(answer.map(Body::from))
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
