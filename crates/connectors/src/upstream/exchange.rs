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
use futures_util::{StreamExt, stream::FuturesUnordered};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json, value::RawValue};
use tokio::sync::oneshot;
use url::Url;

use super::{
    Answer, Call, Elicitation, Era, Failure, LONGEST, Nobody, Patience, Peer, RawObject, Reply,
    bearer_challenge,
    headers::{self, LAST_EVENT_ID, SESSION_ID},
    message::{self, Incoming, incoming},
    messages::Messages,
    method_not_found,
    outgoing::Outgoing,
    raw, unwritable,
};
use crate::{
    dpop::{self, Prover},
    egress::{Body, EgressClient, read_body},
};

const LARGEST_BODY: usize = 16 * 1024 * 1024;
const LONGEST_SESSION_ID: usize = 1024;
/// After how long without an answer the server is listened to for questions on a stream of its own.
const LISTEN_AFTER: Duration = Duration::from_millis(100);
/// How long a call waits for that stream, where the server's questions are really answered.
const LISTEN_PATIENCE: Duration = Duration::from_secs(1);
/// How long is waited before resuming, where the server does not say.
const RESUME_AFTER: Duration = Duration::from_secs(1);
const LONGEST_RESUME: Duration = Duration::from_secs(30);
const MOST_RESUMES: usize = 10;
/// How long a stream of a server's own may say nothing.
const LONGEST_STREAM: Duration = Duration::from_secs(3600);
/// How long it may take to tell a server that an answer is not wanted any more.
const CANCEL_TIME: Duration = Duration::from_secs(2);

/// The ids of requests, none of which is used twice in this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// One MCP server, with the credentials to send and whoever is behind the requests.
#[derive(Clone)]
pub struct Upstream {
    client: EgressClient,
    url: Url,
    credentials: HeaderMap,
    prover: Option<Arc<Prover>>,
    peer: Arc<dyn Peer>,
}

/// One request under way.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) era: &'a Era,
    pub(super) method: &'a str,
    pub(super) id: u64,
    outgoing: &'a Outgoing,
    pub(super) patience: Patience,
    /// Whether its answer can come here.
    awaits: bool,
}

impl Upstream {
    /// The server at the URL, with nobody behind the requests. `credentials` are sent with every one.
    pub fn new(client: EgressClient, url: Url, credentials: HeaderMap) -> Self {
        let peer = Arc::new(Nobody(Elicitation::Decline));
        Self { client, url, credentials, prover: None, peer }
    }

    /// Proves with every request that the access token among the credentials is ours (RFC 9449).
    #[must_use]
    pub fn with_prover(mut self, prover: Option<Arc<Prover>>) -> Self {
        self.prover = prover;
        self
    }

    /// Puts somebody behind the requests, who hears and answers the server.
    #[must_use]
    pub fn with_peer(mut self, peer: Arc<dyn Peer>) -> Self {
        self.peer = peer;
        self
    }

    /// Who is behind the requests.
    pub fn peer(&self) -> &dyn Peer {
        &*self.peer
    }

    /// The server's address.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The same server at another address of its, with nobody behind the requests.
    pub(super) fn with_nobody_at(&self, url: Url) -> Self {
        Self { url, peer: Arc::new(Nobody(Elicitation::Decline)), ..self.clone() }
    }

    /// Sends a request and waits for its answer. Where nobody waits any more, the server is told so.
    pub async fn request(
        &self,
        era: &Era,
        call: Call<'_>,
        patience: impl Into<Patience>,
    ) -> Result<Answer, Failure> {
        let (id, patience) = (NEXT_ID.fetch_add(1, Ordering::Relaxed), patience.into());
        let mut headers = self.credentials.clone();
        headers::of_post(era, call.method, call.name, &mut headers)?;
        headers.extend(call.headers);
        let outgoing = Outgoing::new(era, self.peer(), call.params, id)?;
        let body = message::outgoing(Some(id), call.method, outgoing.params.as_ref());
        let body = body.map_err(unwritable)?;
        let (outgoing, method) = (&outgoing, call.method);
        let request = Request { era, method, id, outgoing, patience, awaits: true };
        let (opened, is_open) = oneshot::channel();
        let exchange = async {
            if self.listens_first(&request) {
                let _ = tokio::time::timeout(LISTEN_PATIENCE, is_open).await;
            }
            match era {
                Era::Channel { channel, .. } => {
                    self.exchange_over(channel, &request, headers, body).await
                }
                _ => self.exchange(&request, headers, body).await,
            }
        };
        let answered = async {
            tokio::select! {
                answer = exchange => answer,
                never = self.listen(&request, opened) => match never {},
                () = self.peer.gone() => {
                    self.cancel(&request).await;
                    Err(Failure::Cancelled)
                }
            }
        };
        tokio::time::timeout(patience.total, answered).await.map_err(|_| Failure::Timeout)?
    }

    /// Posts a request and reads what is answered to the POST.
    pub(super) async fn exchange(
        &self,
        request: &Request<'_>,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let posted = self.post(request.era, headers, body);
        let sent = tokio::time::timeout(request.patience.silence, posted).await;
        self.read(request, sent.map_err(|_| Failure::Timeout)??).await
    }

    /// Sends a notification; what the server says to it does not matter.
    pub async fn notify(
        &self,
        era: &Era,
        method: &str,
        params: Option<&RawObject>,
        time: Duration,
    ) -> Result<(), Failure> {
        let mut headers = self.credentials.clone();
        headers::of_post(era, method, None, &mut headers)?;
        let body = message::outgoing(None, method, params).map_err(unwritable)?;
        let sent = tokio::time::timeout(time, self.post(era, headers, body)).await;
        sent.map_err(|_| Failure::Timeout)?.map(drop)
    }

    /// Ends the session, if there is one; a server that does not let itself be told so is left alone.
    pub async fn end_session(&self, era: &Era, time: Duration) {
        if let Era::Channel { channel, .. } = era {
            channel.end();
        }
        let Era::Handshake { session: Some(_), .. } = era else { return };
        let mut headers = self.credentials.clone();
        if headers::of_wire(era, &mut headers).is_ok() {
            let ended = self.send(Method::DELETE, &self.url, headers, Bytes::new());
            let _ = tokio::time::timeout(time, ended).await;
        }
    }

    /// Opens a stream of the server's on the handshake wire; `None` where it offers none.
    pub async fn stream(&self, era: &Era, last_id: Option<&str>) -> Result<Option<Body>, Failure> {
        let mut headers = HeaderMap::new();
        headers::of_wire(era, &mut headers)?;
        if let Some(last_id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT_ID, last_id);
        }
        let response = self.get(headers).await?;
        Ok(is_stream(&response).then(|| response.into_body()))
    }

    /// Asks for an event stream.
    pub(super) async fn get(&self, more: HeaderMap) -> Result<http::Response<Body>, Failure> {
        let mut headers = self.credentials.clone();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.extend(more);
        self.send(Method::GET, &self.url, headers, Bytes::new()).await
    }

    /// Hears what the server tells of its own accord on the handshake wire, until it ends. `false` where
    /// it offers no stream for that.
    pub async fn hear(&self, era: &Era) -> Result<bool, Failure> {
        let messages = match era {
            Era::Channel { channel, .. } => {
                channel.wait(0, false).map(Messages::OnChannel).map(Some)
            }
            _ => self.stream(era, None).await.map(|body| body.map(Messages::of_body)),
        };
        self.peer.listening();
        let Some(mut messages) = messages? else { return Ok(false) };
        let outgoing = Outgoing::default();
        let patience = Patience::from(LONGEST_STREAM);
        let request =
            Request { era, method: "", id: 0, outgoing: &outgoing, patience, awaits: false };
        self.messages_until_answer(&request, &mut messages).await.map(|_| true)
    }

    async fn post(
        &self,
        era: &Era,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<http::Response<Body>, Failure> {
        let url = match era {
            Era::Channel { channel, .. } => channel.endpoint(),
            _ => &self.url,
        };
        self.send(Method::POST, url, headers, body.into()).await
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<http::Response<Body>, Failure> {
        let (prover, url) = (self.prover.as_deref(), url.clone());
        Ok(dpop::open_url(&self.client, prover, method, url, headers, body).await?)
    }

    async fn read(
        &self,
        request: &Request<'_>,
        response: http::Response<Body>,
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
            answer.reply = Some(self.read_events(request, body).await?);
        } else if is_json(&parts.headers) {
            let whole =
                tokio::time::timeout(request.patience.silence, read_body(body, LARGEST_BODY));
            let whole = whole.await.map_err(|_| Failure::Timeout)??;
            if let Some(Incoming::Answer(reply)) = incoming(&whole, request.id) {
                answer.reply = Some(reply);
            }
        }
        Ok(answer)
    }

    /// Reads events until the answer comes. A stream of the handshake wire that ends before that is
    /// resumed where it broke off (MCP 2025-11-25, resumability).
    async fn read_events(&self, request: &Request<'_>, body: Body) -> Result<Reply, Failure> {
        let mut messages = Messages::of_body(body);
        for _ in 0..MOST_RESUMES {
            if let Some(reply) = self.messages_until_answer(request, &mut messages).await? {
                return Ok(reply);
            }
            let last_id = messages.last_id().filter(|_| !request.era.is_stateless());
            let Some(last_id) = last_id.map(str::to_owned) else { break };
            tokio::time::sleep(messages.retry().unwrap_or(RESUME_AFTER).min(LONGEST_RESUME)).await;
            let Some(resumed) = self.stream(request.era, Some(&last_id)).await? else { break };
            messages.resume(resumed);
        }
        Err(Failure::Broken("the stream ended without an answer".into()))
    }

    /// `None` where the stream ended first. Questions are answered while more events come; as long as one
    /// is open, the server may be silent.
    pub(super) async fn messages_until_answer(
        &self,
        request: &Request<'_>,
        messages: &mut Messages,
    ) -> Result<Option<Reply>, Failure> {
        let mut answering = FuturesUnordered::new();
        loop {
            let is_asking = !answering.is_empty();
            tokio::select! {
                Some(answered) = answering.next(), if is_asking => answered?,
                came = messages.next() => {
                    let Some(came) = came? else { break };
                    for message in came {
                        match incoming(&message, request.id) {
                            Some(Incoming::Answer(reply)) if request.awaits => {
                                return Ok(Some(reply));
                            }
                            Some(Incoming::Request { id, method, params }) => {
                                answering.push(self.respond(request.era, id, method, params));
                            }
                            Some(Incoming::Notification { method, params }) => {
                                self.tell(request, &method, params);
                            }
                            _ => {}
                        }
                    }
                }
                () = tokio::time::sleep(request.patience.silence), if !is_asking => {
                    return Err(Failure::Timeout);
                }
            }
        }
        while let Some(answered) = answering.next().await {
            answered?;
        }
        Ok(None)
    }

    fn tell(&self, request: &Request<'_>, method: &str, mut params: Option<Box<RawValue>>) {
        if request.outgoing.hears(request.id, method, &mut params) {
            self.peer.notified(method, params.as_deref());
        }
    }

    /// While a tool works, the server may ask on a stream of its own, where it keeps a session.
    async fn listen(&self, request: &Request<'_>, opened: oneshot::Sender<()>) -> Infallible {
        if may_be_asked(request) {
            if !self.listens_first(request) {
                tokio::time::sleep(LISTEN_AFTER).await;
            }
            let stream = self.stream(request.era, None).await;
            let _ = opened.send(());
            if let Ok(Some(body)) = stream {
                let request = Request { patience: LONGEST.into(), awaits: false, ..*request };
                let mut messages = Messages::of_body(body);
                let _ = self.messages_until_answer(&request, &mut messages).await;
            }
        }
        std::future::pending().await
    }

    fn listens_first(&self, request: &Request<'_>) -> bool {
        may_be_asked(request) && self.peer.listens_first()
    }

    /// Answers a request of the server's on the handshake wire; the other wire has none.
    pub(super) async fn respond(
        &self,
        era: &Era,
        id: String,
        method: String,
        params: Box<RawValue>,
    ) -> Result<(), Failure> {
        if era.is_stateless() {
            return Ok(());
        }
        let answered = match method.as_str() {
            "ping" => Ok(raw(&json!({}))?),
            _ if !self.may_ask(&method, &params) => Err(method_not_found()),
            _ => self.peer.asked(&method, &params).await,
        };
        let outcome = match answered {
            Ok(result) => format!(r#""result":{result}"#),
            Err(error) => format!(r#""error":{}"#, raw(&error)?),
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},{outcome}}}"#);
        let mut headers = self.credentials.clone();
        headers::of_post(era, &method, None, &mut headers)?;
        self.post(era, headers, body.into_bytes()).await.map(drop)
    }

    fn may_ask(&self, method: &str, params: &RawValue) -> bool {
        let params = serde_json::from_str(params.get()).unwrap_or(Value::Null);
        self.peer.capabilities().admit(method, &params)
    }

    /// Tells the server that the answer is not wanted any more. On the stateless wire the end of the
    /// connection says so.
    async fn cancel(&self, request: &Request<'_>) {
        if !request.era.is_stateless() && request.method != "initialize" {
            let mut params = RawObject::default();
            if params.write("requestId", &request.id).is_ok() {
                let (era, method) = (request.era, "notifications/cancelled");
                let _ = self.notify(era, method, Some(&params), CANCEL_TIME).await;
            }
        }
    }
}

/// Whether the server can ask something on a stream of its own while it works on this.
fn may_be_asked(request: &Request<'_>) -> bool {
    matches!(request.era, Era::Handshake { session: Some(_), .. }) && request.method == "tools/call"
}

fn content_type(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_ascii_lowercase()
}

/// Whether an answer to a GET is the stream that was asked for.
pub(super) fn is_stream(response: &http::Response<Body>) -> bool {
    response.status() == StatusCode::OK && is_event_stream(response.headers())
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("text/event-stream")
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("application/json")
}
