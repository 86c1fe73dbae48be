//! What comes back: the answer to a request, what the server tells meanwhile, and what it asks.

use std::{convert::Infallible, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json, value::RawValue};
use tokio::sync::oneshot;

use super::{
    super::{
        Answer, Era, Failure, LONGEST, Patience, Reply, bearer_challenge,
        headers::{self, SESSION_ID},
        message::{Incoming, incoming},
        messages::Messages,
        method_not_found,
        outgoing::Outgoing,
        raw,
    },
    Request, Upstream,
};
use crate::egress::{Body, read_body};

const LARGEST_BODY: usize = 16 * 1024 * 1024;
const LONGEST_SESSION_ID: usize = 1024;
/// After how long without an answer the server is listened to for questions on a stream of its own.
const LISTEN_AFTER: Duration = Duration::from_millis(100);
/// How long is waited before resuming, where the server does not say.
const RESUME_AFTER: Duration = Duration::from_secs(1);
const LONGEST_RESUME: Duration = Duration::from_secs(30);
const MOST_RESUMES: usize = 10;
/// How long a stream of a server's own may say nothing.
const LONGEST_STREAM: Duration = Duration::from_secs(3600);

impl Upstream {
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

    /// Posts a request and reads what is answered to the POST.
    pub(in super::super) async fn exchange(
        &self,
        request: &Request<'_>,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let posted = self.post(request.era, headers, body);
        let sent = tokio::time::timeout(request.patience.silence, posted).await;
        self.read(request, sent.map_err(|_| Failure::Timeout)??).await
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
    pub(in super::super) async fn messages_until_answer(
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
    pub(super) async fn listen(
        &self,
        request: &Request<'_>,
        opened: oneshot::Sender<()>,
    ) -> Infallible {
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

    pub(super) fn listens_first(&self, request: &Request<'_>) -> bool {
        may_be_asked(request) && self.peer.listens_first()
    }

    /// Answers a request of the server's on the handshake wire; the other wire has none.
    pub(in super::super) async fn respond(
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
pub(in super::super) fn is_stream(response: &http::Response<Body>) -> bool {
    response.status() == StatusCode::OK && is_event_stream(response.headers())
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("text/event-stream")
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("application/json")
}
