//! Requests to one MCP server, on either wire: sent, answered, resumed where a stream broke off, with the
//! server's own questions answered meanwhile.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use url::Url;

use super::{
    Answer, Call, Era, Failure, Params, Reply, bearer_challenge, client_capabilities, client_info,
    elicitation::Elicitation,
    headers::{self, LAST_EVENT_ID, SESSION_ID},
    message::{Incoming, incoming, outgoing},
    raw,
    sse::Events,
    unwritable,
};
use crate::{
    dpop::{self, Prover},
    egress::{Body, EgressClient, read_body},
};

const LARGEST_BODY: usize = 16 * 1024 * 1024;
const LARGEST_EVENT: usize = 4 * 1024 * 1024;
const LONGEST_SESSION_ID: usize = 1024;
/// After how long without an answer the server is listened to for questions on a stream of its own.
const LISTEN_AFTER: Duration = Duration::from_millis(100);
/// How long a call waits for that stream, where the server's questions are really answered.
const LISTEN_PATIENCE: Duration = Duration::from_secs(1);
/// How long is waited before resuming, where the server does not say.
const RESUME_AFTER: Duration = Duration::from_secs(1);
const LONGEST_RESUME: Duration = Duration::from_secs(30);
const MOST_RESUMES: usize = 10;

/// The ids of requests, none of which is used twice in this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// One MCP server, with the credentials to send.
pub struct Upstream {
    client: EgressClient,
    url: Url,
    credentials: HeaderMap,
    prover: Option<Arc<Prover>>,
    elicitation: Elicitation,
}

impl Upstream {
    /// The server at the URL. `credentials` are sent with every request.
    pub fn new(client: EgressClient, url: Url, credentials: HeaderMap) -> Self {
        Self { client, url, credentials, prover: None, elicitation: Elicitation::Decline }
    }

    /// Proves with every request that the access token among the credentials is ours (RFC 9449).
    #[must_use]
    pub fn with_prover(mut self, prover: Option<Arc<Prover>>) -> Self {
        self.prover = prover;
        self
    }

    /// Answers the server's questions in this way.
    #[must_use]
    pub fn with_elicitation(mut self, elicitation: Elicitation) -> Self {
        self.elicitation = elicitation;
        self
    }

    /// Sends a request and waits for its answer, at most for `time`.
    pub async fn request(
        &self,
        era: &Era,
        call: Call<'_>,
        time: Duration,
    ) -> Result<Answer, Failure> {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let mut headers = self.credentials.clone();
        headers::of_post(era, call.method, call.name, &mut headers)?;
        headers.extend(call.headers);
        let body =
            outgoing(Some(id), call.method, params(era, call.params)?).map_err(unwritable)?;
        let (opened, is_open) = oneshot::channel();
        let exchange = async {
            if self.listens_first(era, call.method) {
                let _ = tokio::time::timeout(LISTEN_PATIENCE, is_open).await;
            }
            let response = self.post(headers, body).await?;
            self.read(era, response, id).await
        };
        let answered = async {
            tokio::select! {
                answer = exchange => answer,
                never = self.listen(era, call.method, opened) => match never {},
            }
        };
        tokio::time::timeout(time, answered).await.map_err(|_| Failure::Timeout)?
    }

    /// Sends a notification; what the server says to it does not matter.
    pub async fn notify(&self, era: &Era, method: &str, time: Duration) -> Result<(), Failure> {
        let mut headers = self.credentials.clone();
        headers::of_post(era, method, None, &mut headers)?;
        let body = outgoing(None, method, None::<()>).map_err(unwritable)?;
        let sent = tokio::time::timeout(time, self.post(headers, body)).await;
        sent.map_err(|_| Failure::Timeout)?.map(drop)
    }

    /// Ends the session, if there is one; a server that does not let itself be told so is left alone.
    pub async fn end_session(&self, era: &Era, time: Duration) {
        let Era::Handshake { session: Some(_), .. } = era else { return };
        let mut headers = self.credentials.clone();
        if headers::of_wire(era, &mut headers).is_ok() {
            let ended = self.send(Method::DELETE, headers, Bytes::new());
            let _ = tokio::time::timeout(time, ended).await;
        }
    }

    async fn post(
        &self,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<http::Response<Body>, Failure> {
        self.send(Method::POST, headers, body.into()).await
    }

    async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<http::Response<Body>, Failure> {
        let (prover, url) = (self.prover.as_deref(), self.url.clone());
        Ok(dpop::open_url(&self.client, prover, method, url, headers, body).await?)
    }

    async fn read(
        &self,
        era: &Era,
        response: http::Response<Body>,
        id: u64,
    ) -> Result<Answer, Failure> {
        let (parts, body) = response.into_parts();
        let session = parts.headers.get(SESSION_ID).and_then(|id| id.to_str().ok());
        let mut answer = Answer {
            status: parts.status,
            challenge: bearer_challenge(parts.status, &parts.headers),
            session: session.filter(|id| id.len() <= LONGEST_SESSION_ID).map(str::to_owned),
            reply: None,
        };
        if is_event_stream(&parts.headers) {
            answer.reply = Some(self.read_events(era, body, id).await?);
        } else if is_json(&parts.headers) {
            let whole = read_body(body, LARGEST_BODY).await?;
            if let Some(Incoming::Answer(reply)) = incoming(&whole, id) {
                answer.reply = Some(reply);
            }
        }
        Ok(answer)
    }

    /// Reads events until the answer comes. A stream of the handshake wire that ends before that is
    /// resumed where it broke off (MCP 2025-11-25, resumability).
    async fn read_events(&self, era: &Era, mut body: Body, id: u64) -> Result<Reply, Failure> {
        let mut events = Events::default();
        for _ in 0..MOST_RESUMES {
            if let Some(reply) = self.events_until_answer(era, body, &mut events, id).await? {
                return Ok(reply);
            }
            let last_id = events.last_id().filter(|_| matches!(era, Era::Handshake { .. }));
            let Some(last_id) = last_id.map(str::to_owned) else { break };
            tokio::time::sleep(events.retry().unwrap_or(RESUME_AFTER).min(LONGEST_RESUME)).await;
            let Some(resumed) = self.stream(era, Some(&last_id)).await? else { break };
            events.resume();
            body = resumed;
        }
        Err(Failure::Broken("the stream ended without an answer".into()))
    }

    /// `None` where the stream ended first.
    async fn events_until_answer(
        &self,
        era: &Era,
        body: Body,
        events: &mut Events,
        id: u64,
    ) -> Result<Option<Reply>, Failure> {
        let mut chunks = http_body_util::BodyDataStream::new(body);
        while let Some(Ok(chunk)) = chunks.next().await {
            for event in events.push(&chunk) {
                match incoming(&event, id) {
                    Some(Incoming::Answer(reply)) => return Ok(Some(reply)),
                    Some(Incoming::Request { id, method, params }) => {
                        self.respond(era, &id, &method, &params).await?;
                    }
                    Some(Incoming::Other) | None => {}
                }
            }
            if events.held() > LARGEST_EVENT {
                return Err(Failure::Broken("an event is larger than 4 MiB".into()));
            }
        }
        Ok(None)
    }

    /// Opens a stream of the server's on the handshake wire; `None` where it offers none.
    async fn stream(&self, era: &Era, last_id: Option<&str>) -> Result<Option<Body>, Failure> {
        let mut headers = self.credentials.clone();
        headers::of_wire(era, &mut headers)?;
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last_id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT_ID, last_id);
        }
        let response = self.send(Method::GET, headers, Bytes::new()).await?;
        let streams = response.status() == StatusCode::OK && is_event_stream(response.headers());
        Ok(streams.then(|| response.into_body()))
    }

    /// While a tool works, the server may ask on a stream of its own, where it keeps a session.
    async fn listen(&self, era: &Era, method: &str, opened: oneshot::Sender<()>) -> Infallible {
        if may_be_asked(era, method) {
            if !self.listens_first(era, method) {
                tokio::time::sleep(LISTEN_AFTER).await;
            }
            let stream = self.stream(era, None).await;
            let _ = opened.send(());
            if let Ok(Some(body)) = stream {
                let mut events = Events::default();
                // No answer comes here, since the id is never given out.
                let _ = self.events_until_answer(era, body, &mut events, 0).await;
            }
        }
        std::future::pending().await
    }

    /// Servers drop a question for which no stream is open when it comes up. Where all that is said to it
    /// is no, that does not matter, and a call that is quick costs no second request.
    fn listens_first(&self, era: &Era, method: &str) -> bool {
        self.elicitation == Elicitation::AcceptDefaults && may_be_asked(era, method)
    }

    /// Answers a request of the server's on the handshake wire.
    async fn respond(
        &self,
        era: &Era,
        id: &str,
        method: &str,
        params: &str,
    ) -> Result<(), Failure> {
        if matches!(era, Era::Stateless { .. }) {
            return Ok(());
        }
        let outcome = match method {
            "ping" => json!({ "result": {} }),
            "elicitation/create" => json!({ "result": self.elicitation.answer(params) }),
            _ => json!({ "error": { "code": -32601, "message": "method not found" } }),
        };
        let (kind, value) = match outcome {
            Value::Object(map) => map.into_iter().next().unwrap_or_default(),
            _ => return Ok(()),
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"{kind}":{value}}}"#);
        let mut headers = self.credentials.clone();
        headers::of_post(era, method, None, &mut headers)?;
        self.post(headers, body.into_bytes()).await.map(drop)
    }
}

/// Whether the server can ask something on a stream of its own while it works on this.
fn may_be_asked(era: &Era, method: &str) -> bool {
    matches!(era, Era::Handshake { session: Some(_), .. }) && method == "tools/call"
}

fn content_type(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_ascii_lowercase()
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("text/event-stream")
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("application/json")
}

/// The parameters with what the stateless wire wants in every request.
fn params(era: &Era, mut params: Params) -> Result<Option<Params>, Failure> {
    if let Era::Stateless { version } = era {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": client_capabilities(),
            "io.modelcontextprotocol/clientInfo": client_info(),
        });
        params.insert("_meta", raw(&meta)?);
    }
    Ok((!params.is_empty()).then_some(params))
}
