//! A scripted MCP server over HTTP, in the handshake eras and in 2026-07-28, open or protected.
//! It answers from raw text, so that tests can compare bytes, and writes down all it saw.

mod answers;
mod handshake;
mod message;
mod metadata;
mod older;
mod protection;
mod script;
mod stateless;
mod tools;
mod wire;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::broadcast;

use crate::{
    authorization_server::AuthorizationServer,
    dpop::Judge,
    gate::Gate,
    log::{Log, recording},
    serving::{Bound, Connection, Serving},
};

pub use script::{Answers, Eras, Handler, McpScript, MetadataAt, ToolCall};
pub use tools::{descriptor, text_result};

use message::Message;

/// The path of the MCP endpoint.
const ENDPOINT: &str = "/mcp";

/// How a server is protected.
#[derive(Clone)]
pub enum Protection {
    /// Not at all.
    Open,
    /// By the tokens of this authorization server, which the resource metadata names.
    Tokens(AuthorizationServer),
    /// By one static header field.
    Header(String, String),
}

/// A running (or mounted) MCP server. Clones are the same server.
#[derive(Clone)]
pub struct McpServer {
    shared: Arc<Shared>,
    _serving: Option<Arc<Serving>>,
}

struct Shared {
    origin: String,
    protection: Protection,
    script: Mutex<McpScript>,
    sessions: Mutex<HashSet<String>>,
    notifications: broadcast::Sender<String>,
    streams: older::Streams,
    /// What clients answered to questions, raw.
    answered: broadcast::Sender<String>,
    log: Log,
    judge: Judge,
    call_gate: Gate,
    list_gate: Gate,
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, McpScript> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, HashSet<String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl McpServer {
    /// Starts a server that anyone may use.
    pub async fn open() -> Self {
        Self::start(Protection::Open).await
    }

    /// Starts a server that takes the tokens of `server`.
    pub async fn protected_by(server: &AuthorizationServer) -> Self {
        Self::start(Protection::Tokens(server.clone())).await
    }

    /// Starts a server that wants a static header field.
    pub async fn with_header(name: &str, value: &str) -> Self {
        Self::start(Protection::Header(name.to_owned(), value.to_owned())).await
    }

    /// Starts a server on a free loopback port.
    pub async fn start(protection: Protection) -> Self {
        let bound = Bound::free_port().await;
        let (server, router) = Self::mounted(&bound.origin(), protection);
        let serving = Arc::new(bound.serve(router));
        Self { _serving: Some(serving), ..server }
    }

    /// The server as a router to be served at `origin` by somebody else.
    pub fn mounted(origin: &str, protection: Protection) -> (Self, Router) {
        let shared = Arc::new(Shared {
            origin: origin.to_owned(),
            protection,
            script: Mutex::default(),
            sessions: Mutex::default(),
            notifications: broadcast::Sender::new(64),
            streams: older::Streams::default(),
            answered: broadcast::Sender::new(64),
            log: Log::default(),
            judge: Judge::default(),
            call_gate: Gate::default(),
            list_gate: Gate::default(),
        });
        let router = Router::new()
            .route(ENDPOINT, any(endpoint))
            .route(older::MESSAGES, post(older::post))
            .route(metadata::AT_PATH, get(metadata::at_path))
            .route(metadata::AT_ROOT, get(metadata::at_root))
            .route(metadata::AT_CUSTOM, get(metadata::at_custom))
            .with_state(shared.clone());
        let router = recording(shared.log.clone(), router);
        (Self { shared, _serving: None }, router)
    }

    /// Changes the script; the next request sees it.
    pub fn script(&self, change: impl FnOnce(&mut McpScript)) {
        change(&mut self.shared.script());
    }

    /// What it saw.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// The MCP endpoint's address.
    pub fn url(&self) -> String {
        format!("{}{ENDPOINT}", self.shared.origin)
    }

    /// The MCP endpoint's address with `localhost` for the host, another site to a browser.
    pub fn url_on_localhost(&self) -> String {
        self.url().replacen("127.0.0.1", "localhost", 1)
    }

    /// The origin it is served at.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// Where calls of `slow` stop, after their first event.
    pub fn call_gate(&self) -> &Gate {
        &self.shared.call_gate
    }

    /// Where requests for lists stop, before anything is made of them.
    pub fn list_gate(&self) -> &Gate {
        &self.shared.list_gate
    }

    /// Sends a notification, as raw JSON-RPC text, to every open stream of such.
    pub fn notify(&self, message: &str) {
        // Without a listener there is nobody to tell.
        let _ = self.shared.notifications.send(message.to_owned());
    }

    /// How many streams of notifications are open.
    pub fn listeners(&self) -> usize {
        self.shared.notifications.receiver_count()
    }

    /// Ends every session: requests that name one get 404.
    pub fn forget_sessions(&self) {
        self.shared.sessions().clear();
    }

    /// Ends every stream of the older transport: messages for it get 404.
    pub fn end_streams(&self) {
        self.shared.streams.end();
    }

    /// How many streams of the older transport are open.
    pub fn open_streams(&self) -> usize {
        self.shared.streams.open()
    }

    /// How many sessions are open.
    pub fn open_sessions(&self) -> usize {
        self.shared.sessions().len()
    }
}

async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message = Message::parse(&body);
    let fault = shared.script().next_fault(&message.method);
    if let Some(fault) = fault {
        return fault.play(&connection).await;
    }
    if message.method.ends_with("/list") {
        shared.list_gate.pass().await;
    }
    let user = match protection::admit(&shared, &method, &headers, &message) {
        Ok(user) => user,
        Err(refusal) => return *refusal,
    };
    let eras = shared.script().eras;
    match method {
        Method::GET if eras == Eras::Older => older::open(&shared),
        _ if eras == Eras::Older => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        Method::POST if stateless::speaks(&headers, &message) && eras.stateless() => {
            stateless::post(&shared, &headers, &message, user)
        }
        Method::POST if eras.handshake() => handshake::post(&shared, &headers, &message, user),
        Method::POST => stateless::refuse_handshake(&message),
        Method::GET if eras.handshake() => handshake::listen(&shared, &headers),
        Method::DELETE if eras.handshake() => handshake::end_session(&shared, &headers),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}
