//! Requests to one MCP server, on either wire: sent, answered, resumed where a stream broke off, with the
//! server's own questions answered meanwhile.

mod reading;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use tokio::sync::oneshot;
use url::Url;

pub(super) use self::reading::is_stream;
use super::{
    Answer, Call, Elicitation, Era, Failure, Nobody, Patience, Peer, RawObject,
    headers::{self, LAST_EVENT_ID},
    message,
    outgoing::Outgoing,
    unwritable,
};
use crate::{
    dpop::{self, Prover},
    egress::{Body, EgressClient},
};

/// How long a call waits for that stream, where the server's questions are really answered.
const LISTEN_PATIENCE: Duration = Duration::from_secs(1);
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
    pub(crate) fn url(&self) -> &Url {
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
        // Boxed, so that not every use case that asks a server is as large as this.
        let answered = tokio::time::timeout(patience.total, Box::pin(answered)).await;
        answered.map_err(|_| Failure::Timeout)?
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
