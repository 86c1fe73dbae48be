//! The one HTTP client for everything that leaves: admits each address, follows no redirect, knows no
//! proxy, keeps no cookies, and bounds what it reads.

mod address;
mod admission;
mod resolver;
mod rule;

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{Request, Response};
use keyway_oauth::http::{HttpClient, Limits, SendError};
use thiserror::Error;
use url::Url;

pub(crate) use self::admission::is_loopback_host;
use self::{
    admission::Admission,
    resolver::{AddressRefused, Class, GuardedResolver},
};
pub use self::{
    admission::Refusal,
    rule::{AllowRule, InvalidRule},
};

/// A streamed response body.
pub type Body = reqwest::Body;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTION: Duration = Duration::from_secs(90);
/// Servers on this machine are stopped and started often; some wait for idle connections to end.
const IDLE_LOOPBACK_CONNECTION: Duration = Duration::from_secs(2);

/// What the operator decides about everything that leaves.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// What may be reached although it is private.
    pub allow: Vec<AllowRule>,
    /// Whether connectors whose own host is this machine may be reached (`single_user`).
    pub loopback: bool,
    /// Keyway's own public URL, which is never a target.
    pub public_url: Option<Url>,
}

/// The client could not be set up.
#[derive(Debug, Error)]
#[error("the HTTP client could not be set up")]
pub struct SetUpFailed(#[source] reqwest::Error);

/// Everything that leaves the process goes through here.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    admission: Admission,
    loopback: bool,
    public: reqwest::Client,
    allowed: reqwest::Client,
    loopback_client: reqwest::Client,
    operator: reqwest::Client,
}

impl Egress {
    /// Sets up the clients for the policy.
    pub fn new(policy: EgressPolicy) -> Result<Self, SetUpFailed> {
        let rules: Arc<[AllowRule]> = policy.allow.into();
        let guarded =
            |class, idle| client(Some(GuardedResolver { class, rules: rules.clone() }), idle);
        Ok(Self(Arc::new(Inner {
            public: guarded(Class::Public, IDLE_CONNECTION)?,
            allowed: guarded(Class::Allowed, IDLE_CONNECTION)?,
            loopback_client: guarded(Class::Loopback, IDLE_LOOPBACK_CONNECTION)?,
            operator: client(None, IDLE_CONNECTION)?,
            loopback: policy.loopback,
            admission: Admission {
                rules,
                public_url: policy.public_url.map(|url| url.origin()),
                own_listeners: RwLock::default(),
            },
        })))
    }

    /// Tells where Keyway itself listens, which is never a target.
    pub fn refuse_own_listeners(&self, listeners: &[SocketAddr]) {
        let own = &self.0.admission.own_listeners;
        own.write().unwrap_or_else(PoisonError::into_inner).extend_from_slice(listeners);
    }

    /// The client for everything done on behalf of a connector. This machine may be called only if the
    /// connector's own host is literally this machine, so that a remote server's metadata cannot point
    /// at local ports.
    pub fn on_behalf_of(&self, connector_url: &str) -> EgressClient {
        let own_host = Url::parse(connector_url).is_ok_and(|url| admission::is_loopback_host(&url));
        EgressClient { egress: self.clone(), loopback: self.0.loopback && own_host }
    }

    /// Fetches a document that the operator named in the settings, private addresses included.
    pub async fn fetch_operator_document(&self, url: &Url) -> Result<Bytes, SendError> {
        let limits = Limits { time: Duration::from_secs(10), body: 256 * 1024 };
        let request = self.0.operator.get(url.clone()).header("accept", "application/json");
        let exchange = async {
            let response = request.send().await.map_err(|error| classify(&error))?;
            if !response.status().is_success() {
                return Err(SendError::Unreachable(format!("answered {}", response.status())));
            }
            read_all(response, limits.body).await
        };
        tokio::time::timeout(limits.time, exchange).await.map_err(|_| timed_out())?
    }
}

fn client(
    resolver: Option<GuardedResolver>,
    idle: Duration,
) -> Result<reqwest::Client, SetUpFailed> {
    #[expect(clippy::disallowed_methods, reason = "this is the egress client")]
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(idle)
        .pool_max_idle_per_host(64)
        .user_agent(concat!("keyway/", env!("CARGO_PKG_VERSION")));
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(Arc::new(resolver));
    }
    builder.build().map_err(SetUpFailed)
}

/// The egress client as one connector may use it.
#[derive(Clone)]
pub struct EgressClient {
    egress: Egress,
    loopback: bool,
}

impl EgressClient {
    /// Checks that the URL may be called, and parses it.
    pub fn admit(&self, url: &str) -> Result<Url, Refusal> {
        let url = admission::parse(url)?;
        self.egress.0.admission.decide(&url, self.loopback)?;
        Ok(url)
    }

    /// Sends a request and hands back the answer as soon as its head is there; the body streams.
    /// No time limit holds but that of connecting: the caller bounds the wait for the head.
    pub async fn open(&self, request: Request<Bytes>) -> Result<Response<Body>, SendError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|_| SendError::Blocked("the text is not an absolute URL".into()))?;
        self.open_url(parts.method, url, parts.headers, body).await
    }

    /// As [`Self::open`], for a URL that is parsed already.
    pub async fn open_url(
        &self,
        method: http::Method,
        url: Url,
        headers: http::HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, SendError> {
        let inner = &self.egress.0;
        let class = inner.admission.decide(&url, self.loopback).map_err(blocked)?;
        let client = match class {
            Class::Public => &inner.public,
            Class::Allowed => {
                self.refuse_own_port_by_name(&url).await?;
                &inner.allowed
            }
            Class::Loopback => &inner.loopback_client,
        };
        let request = client.request(method, url).headers(headers).body(body);
        Ok(request.send().await.map_err(|error| classify(&error))?.into())
    }

    /// A name that a rule admits may lead back to Keyway's own listener, which only a look-up can tell.
    async fn refuse_own_port_by_name(&self, url: &Url) -> Result<(), SendError> {
        let inner = &self.egress.0;
        let port = url.port_or_known_default().unwrap_or(0);
        let Some(url::Host::Domain(name)) = url.host() else { return Ok(()) };
        if !inner.admission.is_own_port(port) {
            return Ok(());
        }
        let resolver =
            GuardedResolver { class: Class::Allowed, rules: inner.admission.rules.clone() };
        let addresses = resolver
            .addresses(name)
            .await
            .map_err(|_| SendError::Unreachable("the host has no address".into()))?;
        if addresses.iter().any(|address| address.ip().is_loopback()) {
            return Err(SendError::Blocked("Keyway does not call itself".into()));
        }
        Ok(())
    }
}

impl HttpClient for EgressClient {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, SendError> {
        let exchange = async {
            let (parts, body) = self.open(request).await?.into_parts();
            let body = read_body(body, limits.body).await?;
            Ok(Response::from_parts(parts, body))
        };
        tokio::time::timeout(limits.time, exchange).await.map_err(|_| timed_out())?
    }
}

async fn read_all(response: reqwest::Response, limit: usize) -> Result<Bytes, SendError> {
    read_body(http::Response::<Body>::from(response).into_body(), limit).await
}

/// Reads a body to its end, or to the limit.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, SendError> {
    let mut chunks = http_body_util::BodyDataStream::new(body);
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| classify(&error))?;
        if whole.len() + chunk.len() > limit {
            return Err(SendError::TooLarge(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

fn timed_out() -> SendError {
    SendError::NoAnswer("the time ran out".into())
}

fn blocked(refusal: Refusal) -> SendError {
    SendError::Blocked(refusal.to_string())
}

/// What a failure of the HTTP library means: whether the policy refused, nothing was sent, or the
/// request may have arrived.
fn classify(error: &reqwest::Error) -> SendError {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    let mut innermost = String::new();
    while let Some(cause) = source {
        if cause.is::<AddressRefused>() {
            return SendError::Blocked(cause.to_string());
        }
        innermost = cause.to_string();
        source = cause.source();
    }
    if error.is_connect() || error.is_builder() {
        return SendError::Unreachable(innermost);
    }
    SendError::NoAnswer(innermost)
}
