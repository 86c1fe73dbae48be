//! One HTTP request to the aggregate endpoint.

mod work;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use keyway_connectors::upstream::{Capabilities, STATELESS_VERSION, raw};
use keyway_model::Caller;
use serde_json::Value;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use self::work::Work;
use super::{
    about,
    answer::{self, Out, Response, Sink},
    client::{
        BATCH_VERSION, Client, is_handshake_version, is_stateless, negotiated, unsupported,
        version_header,
    },
    hearing,
    message::{self, INVALID_PARAMS, INVALID_REQUEST, Incoming, Message, Refusal, Request},
    scope::Scope,
    session::{ClientSession, SESSION_ID},
};
use crate::{error::Result, gateway::Gateway};

/// How much is ready for a client that does not take it before what tells more has to wait.
const MOST_UNSENT: usize = 32;

/// What a client sends.
pub struct AggregateRequest {
    /// `GET`, `POST` or `DELETE`.
    pub method: Method,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Answers a client's request.
///
/// # Errors
/// `SessionNotFound` and `InvalidRequest` for a session that is not there or not named;
/// everything else is answered in the protocol's own words.
pub async fn serve(
    gateway: &Gateway,
    caller: &Caller,
    scope: Scope,
    request: AggregateRequest,
) -> Result<Response> {
    let door = Door { gateway, caller, scope: &scope, headers: &request.headers };
    match request.method {
        Method::POST => door.post(&request.body).await,
        Method::GET => door.listen().await,
        _ => door.end().await,
    }
}

struct Door<'a> {
    gateway: &'a Gateway,
    caller: &'a Caller,
    scope: &'a Scope,
    headers: &'a HeaderMap,
}

impl Door<'_> {
    async fn post(&self, body: &[u8]) -> Result<Response> {
        match message::read(body) {
            Ok(Incoming::One(Message::Request(request))) => self.request(request).await,
            Ok(Incoming::One(told)) => self.told(vec![told]).await,
            Ok(Incoming::Batch(messages)) => self.batch(messages).await,
            Err(refusal) => Ok(answer::refused(None, &refusal)),
        }
    }

    async fn request(&self, request: Request) -> Result<Response> {
        if request.method == "initialize" && !is_stateless(&request, self.headers) {
            return Ok(self.initialize(&request).await);
        }
        let client = match self.client(&request).await? {
            Ok(client) => client,
            Err(refusal) => return Ok(answer::refused(Some(&request.id), &refusal)),
        };
        if client.is_stateless() && request.method == "subscriptions/listen" {
            return Ok(hearing::of_subscription(self.gateway, self.caller, self.scope, &request));
        }
        let (sink, outs) = mpsc::channel(MOST_UNSENT);
        self.start(client, request, sink);
        Ok(answer::respond(outs, self.headers).await)
    }

    /// Who sends the request, or why it is not taken.
    async fn client(&self, request: &Request) -> Result<Result<Client, Refusal>> {
        if is_stateless(request, self.headers) {
            return Ok(Client::of_stateless(request, self.headers));
        }
        Ok(self.session().await?.map(Client::with_session))
    }

    async fn session(&self) -> Result<Result<Arc<ClientSession>, Refusal>> {
        if let Some(version) = version_header(self.headers).filter(|v| !is_handshake_version(v)) {
            return Ok(Err(unsupported(version)));
        }
        ClientSession::of(self.gateway, self.caller, self.scope, self.headers).await.map(Ok)
    }

    async fn initialize(&self, request: &Request) -> Response {
        let Some(wanted) = request.params.text("protocolVersion") else {
            let refusal = Refusal::bad(INVALID_PARAMS, "\"protocolVersion\" must be a string");
            return answer::refused(Some(&request.id), &refusal);
        };
        let version = negotiated(&wanted);
        let declared: Value = request.params.read("capabilities").unwrap_or_default();
        let capabilities = Capabilities { tasks: false, ..Capabilities::of(&declared) };
        let (gateway, caller, scope) = (self.gateway, self.caller, self.scope);
        let session = ClientSession::open(gateway, caller, scope, version, capabilities);
        let result = about::initialized(gateway, caller, scope, version).await;
        let (Some(session), Ok(result)) = (session, raw(&result)) else {
            return answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut response = answer::json(StatusCode::OK, message::result(&request.id, &result));
        response.headers_mut().insert(SESSION_ID, session);
        response
    }

    /// Has a request worked on. With a session that goes on though the connection ends; without one the
    /// end of the connection ends it.
    fn start(&self, client: Client, request: Request, sink: Sink) {
        let work = self.work(client, request);
        let worked = async move {
            let out = work.out(Some(&sink)).await;
            let _ = sink.send(out).await;
        };
        tokio::spawn(worked.in_current_span());
    }

    fn work(&self, client: Client, request: Request) -> Work {
        Work {
            gateway: self.gateway.clone(),
            caller: self.caller.clone(),
            scope: self.scope.clone(),
            headers: self.headers.clone(),
            client,
            request,
        }
    }

    /// Takes notifications, and answers to questions.
    async fn told(&self, messages: Vec<Message>) -> Result<Response> {
        if version_header(self.headers).is_some_and(|version| version >= STATELESS_VERSION) {
            let answers = messages.iter().any(|told| matches!(told, Message::Response { .. }));
            return Ok(if answers {
                refused_answer()
            } else {
                answer::empty(StatusCode::ACCEPTED)
            });
        }
        let session = match self.session().await? {
            Ok(session) => session,
            Err(refusal) => return Ok(answer::refused(None, &refusal)),
        };
        for told in messages {
            match told {
                Message::Response { id, answer } => {
                    if !session.answered(&id, answer) {
                        return Ok(refused_answer());
                    }
                }
                Message::Notification { method, params } => {
                    let cancelled = params.get("requestId");
                    if let Some(id) = cancelled.filter(|_| method == "notifications/cancelled") {
                        session.cancel(id);
                    }
                }
                Message::Request(_) => {}
            }
        }
        Ok(answer::empty(StatusCode::ACCEPTED))
    }

    /// Several messages at once, which only one version has; the answers come together.
    async fn batch(&self, messages: Vec<Message>) -> Result<Response> {
        let one_at_a_time = || {
            let refusal = Refusal::bad(INVALID_REQUEST, "send one message at a time");
            answer::refused(None, &refusal)
        };
        if version_header(self.headers).is_some_and(|version| version >= STATELESS_VERSION) {
            return Ok(one_at_a_time());
        }
        let session = match self.session().await? {
            Ok(session) if session.version == BATCH_VERSION => session,
            Ok(_) => return Ok(one_at_a_time()),
            Err(refusal) => return Ok(answer::refused(None, &refusal)),
        };
        let (mut requests, mut told) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                Message::Request(request) => requests.push(request),
                other => told.push(other),
            }
        }
        let accepted = self.told(told).await?;
        if requests.is_empty() {
            return Ok(accepted);
        }
        let client = Client::with_session(session);
        let works: Vec<_> =
            requests.into_iter().map(|request| self.work(client.clone(), request)).collect();
        let outs = futures_util::future::join_all(works.iter().map(|work| work.out(None))).await;
        let texts = outs.into_iter().map(|out| match out {
            Out::Last(_, text) | Out::Message(text) => text,
        });
        let all = texts.collect::<Vec<_>>().join(",");
        Ok(answer::json(StatusCode::OK, format!("[{all}]")))
    }

    /// The stream of a session.
    async fn listen(&self) -> Result<Response> {
        if !self.headers.contains_key(SESSION_ID) {
            return Ok(method_not_allowed());
        }
        if !answer::takes_events(self.headers) {
            return Ok(answer::empty(StatusCode::NOT_ACCEPTABLE));
        }
        Ok(match self.session().await? {
            Ok(session) => hearing::of_session(self.gateway, self.caller, self.scope, session),
            Err(refusal) => answer::refused(None, &refusal),
        })
    }

    async fn end(&self) -> Result<Response> {
        if !self.headers.contains_key(SESSION_ID) {
            return Ok(method_not_allowed());
        }
        Ok(match self.session().await? {
            Ok(session) => {
                session.end(&self.gateway.cx).await?;
                answer::empty(StatusCode::NO_CONTENT)
            }
            Err(refusal) => answer::refused(None, &refusal),
        })
    }
}

/// Without a session there is only POST (MCP 2026-07-28, Streamable HTTP).
fn method_not_allowed() -> Response {
    let mut response = answer::empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

fn refused_answer() -> Response {
    let words =
        "nobody waits for this answer: the request is over, or was begun in another process";
    answer::refused(None, &Refusal::bad(INVALID_REQUEST, words))
}
