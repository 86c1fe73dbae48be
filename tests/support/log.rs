//! What a scripted server saw: an append-only list of requests, byte for byte, that tests read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::sync::watch;

/// The largest request body a scripted server takes.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// How long [`Log::wait_until`] lets a test wait before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The HTTP method.
    pub method: Method,
    /// The path, percent-encoded as it came.
    pub path: String,
    /// The query without its question mark; empty if there was none.
    pub query: String,
    /// Every header field.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
}

impl Recorded {
    /// The value of a header field, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        parameter(self.query.as_bytes(), name)
    }

    /// A field of a form-encoded body, decoded.
    pub fn form(&self, name: &str) -> Option<String> {
        parameter(&self.body, name)
    }

    /// All fields of a form-encoded body; of doubled names the last.
    pub fn fields(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The token of `Authorization: Bearer`, if one was sent.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The JSON-RPC method of an MCP request; empty if there is none.
    pub fn rpc_method(&self) -> String {
        self.json()["method"].as_str().unwrap_or_default().to_owned()
    }
}

fn parameter(text: &[u8], name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(text);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The list. Clones are the same list.
#[derive(Clone)]
pub struct Log {
    requests: Arc<Mutex<Vec<Recorded>>>,
    length: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self { requests: Arc::default(), length: watch::Sender::new(0) }
    }
}

impl Log {
    /// Everything seen so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    /// The requests to one path.
    pub fn to(&self, path: &str) -> Vec<Recorded> {
        self.matching(|request| request.path == path)
    }

    /// The requests for which `wanted` holds.
    pub fn matching(&self, wanted: impl Fn(&Recorded) -> bool) -> Vec<Recorded> {
        self.lock().iter().filter(|request| wanted(request)).cloned().collect()
    }

    /// The MCP requests with this JSON-RPC method.
    pub fn rpc(&self, method: &str) -> Vec<Recorded> {
        self.matching(|request| request.rpc_method() == method)
    }

    /// The requests to the token endpoint.
    pub fn token_requests(&self) -> Vec<Recorded> {
        self.matching(|request| request.path.ends_with("/token"))
    }

    /// The refreshes at the token endpoint.
    pub fn refreshes(&self) -> Vec<Recorded> {
        self.matching(|request| request.form("grant_type").as_deref() == Some("refresh_token"))
    }

    /// How often this refresh token was presented.
    pub fn refreshes_with(&self, refresh_token: &str) -> usize {
        let presented = |request: &Recorded| request.form("refresh_token");
        self.refreshes().iter().filter(|r| presented(r).as_deref() == Some(refresh_token)).count()
    }

    /// How many requests came so far.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing came yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns when `done` holds for the list; fails the test if that never comes.
    pub async fn wait_until(&self, done: impl Fn(&[Recorded]) -> bool) {
        let mut length = self.length.subscribe();
        let arrived = length.wait_for(|_| done(&self.lock()));
        let outcome = tokio::time::timeout(PATIENCE, arrived).await;
        assert!(matches!(outcome, Ok(Ok(_))), "the awaited request did not come");
    }

    fn append(&self, request: Recorded) {
        self.lock().push(request);
        self.length.send_modify(|length| *length += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The router, with every request written down before it is answered.
pub(crate) fn recording(log: Log, router: Router) -> Router {
    router.layer(from_fn_with_state(log, record))
}

async fn record(State(log): State<Log>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // A client that goes away while it sends leaves what came of its body.
    let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    log.append(Recorded {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: body.clone(),
    });
    next.run(Request::from_parts(parts, Body::from(body))).await
}
