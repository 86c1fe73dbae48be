//! The one HTTP client for everything that leaves: admits each address, follows no redirect, knows no
//! proxy, keeps no cookies, and bounds what it reads.

mod address;
mod admission;
mod body;
mod client;
mod exchange;
mod failure;
mod http1;
mod http2;
mod pool;
mod prompt;
mod resolver;
mod rule;
mod tls_faults;
mod wakes;

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use keyway_oauth::http::{HttpClient, Limits, SendError};
use thiserror::Error;
use url::Url;

use crate::trace;

pub(crate) use self::admission::is_loopback_host;
use self::{
    admission::Admission,
    client::Client,
    pool::Route,
    resolver::{Class, GuardedResolver},
};
pub use self::{
    admission::Refusal,
    body::{Body, read_body},
    client::Outgoing,
    rule::{AllowRule, InvalidRule},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
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
#[error("the HTTP client could not be set up; this machine's root certificates may be missing")]
pub struct SetUpFailed(#[from] rustls::Error);

/// Everything that leaves the process goes through here.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    admission: Admission,
    loopback: bool,
    public: Client,
    allowed: Client,
    loopback_client: Client,
    operator: Client,
}

impl Egress {
    /// Sets up the clients for the policy.
    pub fn new(policy: EgressPolicy) -> Result<Self, SetUpFailed> {
        let rules: Arc<[AllowRule]> = policy.allow.into();
        let tls = client::tls()?;
        let client = |class, idle| {
            Client::new(GuardedResolver { class, rules: rules.clone() }, tls.clone(), idle)
        };
        Ok(Self(Arc::new(Inner {
            public: client(Class::Public, IDLE_CONNECTION),
            allowed: client(Class::Allowed, IDLE_CONNECTION),
            loopback_client: client(Class::Loopback, IDLE_LOOPBACK_CONNECTION),
            operator: client(Class::Operator, IDLE_CONNECTION),
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

    /// Sends a request to an admitted URL and hands back the answer as soon as its head is there; the
    /// body streams. No time limit holds but that of connecting: the caller bounds the wait for the head.
    pub async fn send_to(
        &self,
        target: &Target,
        request: Outgoing,
    ) -> Result<Response<Body>, SendError> {
        if target.may_lead_home {
            Box::pin(self.refuse_own_listener_by_name(target.host())).await?;
        }
        let span = trace::outgoing_request(target, &request);
        let answer = self.client(target.class).send(&target.route, request).await;
        trace::note_answer(&span, &answer);
        answer
    }

    fn client(&self, class: Class) -> &Client {
        match class {
            Class::Public => &self.0.public,
            Class::Allowed => &self.0.allowed,
            Class::Loopback => &self.0.loopback_client,
            Class::Operator => &self.0.operator,
        }
    }

    /// A name that a rule admits may lead back to Keyway's own listener, which only a look-up can tell.
    async fn refuse_own_listener_by_name(&self, name: &str) -> Result<(), SendError> {
        let rules = self.0.admission.rules.clone();
        let found = GuardedResolver { class: Class::Allowed, rules }.addresses(name).await;
        let addresses =
            found.map_err(|_| SendError::Unreachable("the host has no address".into()))?;
        if addresses.iter().any(|address| address.ip().is_loopback()) {
            return Err(SendError::Blocked("Keyway does not call itself".into()));
        }
        Ok(())
    }

    /// Fetches a document that the operator named in the settings, private addresses included.
    pub async fn fetch_operator_document(&self, url: &Url) -> Result<Bytes, SendError> {
        let limits = Limits { time: Duration::from_secs(10), body: 256 * 1024 };
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri(url).map_err(blocked)?;
        request.headers_mut().insert(header::ACCEPT, JSON);
        let response = self.send_to_operator(request, limits).await?;
        if !response.status().is_success() {
            return Err(SendError::Unreachable(format!("answered {}", response.status())));
        }
        Ok(response.into_body())
    }

    /// Sends a request to a server that the operator named in the settings, private addresses included, and
    /// reads the whole answer.
    pub async fn send_to_operator(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, SendError> {
        let operator = &self.0.operator;
        let route = operator.route(request.uri().clone()).ok_or(NOT_ABSOLUTE).map_err(blocked)?;
        let exchange = async {
            let request = Box::new(request.map(Full::new));
            let (parts, body) = operator.send(&route, request).await?.into_parts();
            let body = read_body(body, limits.body).await?;
            Ok(Response::from_parts(parts, body))
        };
        tokio::time::timeout(limits.time, exchange).await.map_err(|_| timed_out())?
    }
}

/// A URL that may be called, made ready to be called again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    route: Route,
    class: Class,
    /// Whether it has a name that the operator's rules admit, and that may lead back to Keyway's own
    /// listener.
    may_lead_home: bool,
}

impl Target {
    /// The URL that is called.
    ///
    /// # Errors
    /// [`SendError::Blocked`] where it is none, which an admitted one never is.
    pub fn url(&self) -> Result<Url, SendError> {
        let parsed = Url::parse(&self.text());
        parsed.map_err(|_| SendError::Blocked("the text is not an absolute URL".into()))
    }

    /// The same as text.
    pub fn text(&self) -> String {
        self.route.uri.to_string()
    }

    /// The host, as it is called.
    pub(crate) fn host(&self) -> &str {
        self.route.uri.host().unwrap_or_default()
    }

    /// The port, where it is not the scheme's own.
    pub(crate) fn port(&self) -> Option<u16> {
        self.route.uri.port_u16()
    }
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
        let mut request = Box::new(Request::new(Full::new(body)));
        (*request.method_mut(), *request.headers_mut()) = (method, headers);
        let target = self.target(&url).map_err(blocked)?;
        self.egress.send_to(&target, request).await
    }

    /// The way out behind it.
    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Decides whether the URL may be called.
    pub fn target(&self, url: &Url) -> Result<Target, Refusal> {
        let admission = &self.egress.0.admission;
        let class = admission.decide(url, self.loopback)?;
        let own_port = || admission.is_own_port(url.port_or_known_default().unwrap_or(0));
        let is_named = matches!(url.host(), Some(url::Host::Domain(_)));
        let may_lead_home = is_named && class == Class::Allowed && own_port();
        let route = self.egress.client(class).route(uri(url)?).ok_or(NOT_ABSOLUTE)?;
        Ok(Target { route, class, may_lead_home })
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
        tokio::time::timeout(limits.time, Box::pin(exchange)).await.map_err(|_| timed_out())?
    }
}

const NOT_ABSOLUTE: Refusal = Refusal::Url("the text is not an absolute URL");

/// The URL as the HTTP library takes it.
fn uri(url: &Url) -> Result<Uri, Refusal> {
    url.as_str().parse().map_err(|_| Refusal::Url("the text is not a URL that HTTP can carry"))
}

fn timed_out() -> SendError {
    SendError::NoAnswer("the time ran out".into())
}

fn blocked(refusal: Refusal) -> SendError {
    SendError::Blocked(refusal.to_string())
}
