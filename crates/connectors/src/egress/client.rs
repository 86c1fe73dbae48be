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
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use keyway_oauth::http::SendError;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tower_service::Service;

use super::{
    body::Body,
    prompt::{PromptConnector, PromptStream, note_stream},
    resolver::{AddressRefused, GuardedResolver},
    tls_faults,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MOST_IDLE_CONNECTIONS: usize = 64;
/// What is read ahead of a body's reader, in bytes; also the longest head of an answer.
const READ_AHEAD: usize = 64 * 1024;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("keyway/", env!("CARGO_PKG_VERSION")));
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

type BoxError = Box<dyn StdError + Send + Sync>;
type Tls = HttpsConnector<PromptConnector>;

/// A pooled client.
#[derive(Clone)]
pub(super) struct Client(legacy::Client<Connector, Full<Bytes>>);

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
        #[expect(clippy::disallowed_methods, reason = "this is the egress client")]
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle)
            .pool_max_idle_per_host(MOST_IDLE_CONNECTIONS)
            .http1_max_buf_size(READ_AHEAD)
            .build(Connector(tls));
        Self(client)
    }

    /// Sends a request and hands back the answer as soon as its head is there.
    pub(super) async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Body>, SendError> {
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        headers.entry(header::ACCEPT).or_insert(ANYTHING);
        let sent = self.0.request(request.map(Full::new)).await;
        let answer = sent.map_err(|error| classify(&error))?;
        note_stream(&answer);
        Ok(answer.map(Body::from))
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

type Connected = MaybeHttpsStream<PromptStream>;

impl Service<Uri> for Connector {
    type Response = Connected;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, BoxError>> + Send>>;

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

/// What a failure of the HTTP library means: whether the policy refused, nothing was sent, or the
/// request may have arrived.
pub(super) fn classify(error: &(dyn StdError + 'static)) -> SendError {
    let mut source = Some(error);
    let mut innermost = String::new();
    while let Some(cause) = source {
        if cause.is::<AddressRefused>() {
            return SendError::Blocked(cause.to_string());
        }
        if let Some(words) = tls_faults::words(cause) {
            return SendError::Unreachable(words.to_owned());
        }
        innermost = cause.to_string();
        source = cause.source();
    }
    if error.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect) {
        return SendError::Unreachable(innermost);
    }
    SendError::NoAnswer(innermost)
}
