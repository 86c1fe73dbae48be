//! One exchange with an MCP server: a JSON-RPC request goes out on either wire, the raw answer comes
//! back. Knows no OAuth and keeps no session; whoever calls decides what an answer means.

mod message;
mod sse;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use keyway_oauth::{
    challenge::{self, BearerChallenge},
    http::SendError,
};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use thiserror::Error;
use url::Url;

use self::message::{Incoming, incoming, outgoing};
pub use self::message::{Reply, RpcError};
use crate::egress::{Body, EgressClient, read_body};

/// The newest version of the handshake wire.
pub const HANDSHAKE_VERSION: &str = "2025-11-25";
/// The version of the stateless wire.
pub const STATELESS_VERSION: &str = "2026-07-28";

const LARGEST_BODY: usize = 16 * 1024 * 1024;
const LARGEST_EVENT: usize = 4 * 1024 * 1024;
const LONGEST_SESSION_ID: usize = 1024;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The parameters of a request; the values are raw.
pub type Params = BTreeMap<&'static str, Box<RawValue>>;

/// How a server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Era {
    /// With a handshake (2024-11-05 … 2025-11-25).
    Handshake {
        /// The negotiated version; `None` while it is being negotiated.
        version: Option<String>,
        /// The session the server opened, if it opens any.
        session: Option<String>,
    },
    /// Without (2026-07-28): every request carries version and capabilities.
    Stateless {
        /// The version.
        version: String,
    },
}

impl Era {
    /// The version spoken, once it is known.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Handshake { version, .. } => version.as_deref(),
            Self::Stateless { version } => Some(version),
        }
    }
}

/// One request.
pub struct Call<'a> {
    /// The method.
    pub method: &'a str,
    /// The parameters.
    pub params: Params,
    /// What `Mcp-Name` says on the stateless wire: the tool, prompt or resource.
    pub name: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A request without parameters.
    pub fn plain(method: &'a str) -> Self {
        Self { method, params: Params::new(), name: None }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The challenge of a 401 or 403.
    pub challenge: Option<BearerChallenge>,
    /// The session the server opened.
    pub session: Option<String>,
    /// The JSON-RPC answer; `None` where the body was something else.
    pub reply: Option<Reply>,
}

/// Why nothing usable came back.
#[derive(Clone, Debug, Error)]
pub enum Failure {
    /// The egress policy does not admit the address.
    #[error("{0}")]
    Blocked(String),
    /// No connection.
    #[error("{0}")]
    Unreachable(String),
    /// The time ran out.
    #[error("the server did not answer in time")]
    Timeout,
    /// The connection broke, or what came is not what the protocol asks for.
    #[error("{0}")]
    Broken(String),
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Blocked(text) => Self::Blocked(text),
            SendError::Unreachable(_) => Self::Unreachable(error.to_string()),
            SendError::NoAnswer(_) | SendError::TooLarge(_) => Self::Broken(error.to_string()),
        }
    }
}

/// One MCP server, with the credentials to send.
pub struct Upstream {
    client: EgressClient,
    url: Url,
    credentials: HeaderMap,
}

impl Upstream {
    /// The server at the URL. `credentials` are sent with every request.
    pub fn new(client: EgressClient, url: Url, credentials: HeaderMap) -> Self {
        Self { client, url, credentials }
    }

    /// Sends a request and waits for its answer, at most for `time`.
    pub async fn request(
        &self,
        era: &Era,
        call: Call<'_>,
        time: Duration,
    ) -> Result<Answer, Failure> {
        let id = 1;
        let headers = self.headers(era, call.method, call.name)?;
        let body =
            outgoing(Some(id), call.method, params(era, call.params)?).map_err(unwritable)?;
        let exchange = async {
            let response = self.post(headers, body).await?;
            self.read(era, response, id).await
        };
        tokio::time::timeout(time, exchange).await.map_err(|_| Failure::Timeout)?
    }

    /// Sends a notification; what the server says to it does not matter.
    pub async fn notify(&self, era: &Era, method: &str, time: Duration) -> Result<(), Failure> {
        let headers = self.headers(era, method, None)?;
        let body = outgoing(None, method, None::<()>).map_err(unwritable)?;
        let sent = tokio::time::timeout(time, self.post(headers, body)).await;
        sent.map_err(|_| Failure::Timeout)?.map(drop)
    }

    /// Ends the session, if there is one; a server that does not let itself be told so is left alone.
    pub async fn end_session(&self, era: &Era, time: Duration) {
        let Era::Handshake { session: Some(_), .. } = era else { return };
        let Ok(mut headers) = self.headers(era, "", None) else { return };
        headers.remove(header::CONTENT_TYPE);
        let url = self.url.clone();
        let ended = self.client.open_url(Method::DELETE, url, headers, Bytes::new());
        let _ = tokio::time::timeout(time, ended).await;
    }

    async fn post(
        &self,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<http::Response<Body>, Failure> {
        metrics::counter!("keyway_upstream_requests_total").increment(1);
        let sent = self.client.open_url(Method::POST, self.url.clone(), headers, body.into());
        Ok(sent.await?)
    }

    fn headers(&self, era: &Era, method: &str, name: Option<&str>) -> Result<HeaderMap, Failure> {
        let mut headers = self.credentials.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        if let Some(version) = era.version() {
            headers.insert(PROTOCOL_VERSION, value(version)?);
        }
        match era {
            Era::Handshake { session: Some(session), .. } => {
                headers.insert(SESSION_ID, value(session)?);
            }
            Era::Handshake { .. } => {}
            Era::Stateless { .. } => {
                headers.insert(MCP_METHOD, value(method)?);
                if let Some(name) = name {
                    headers.insert(MCP_NAME, name_value(name)?);
                }
            }
        }
        Ok(headers)
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
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("text/event-stream") {
            answer.reply = Some(self.read_events(era, body, id).await?);
        } else if kind.starts_with("application/json") {
            let whole = read_body(body, LARGEST_BODY).await?;
            if let Some(Incoming::Answer(reply)) = incoming(&whole, id) {
                answer.reply = Some(reply);
            }
        }
        Ok(answer)
    }

    async fn read_events(&self, era: &Era, body: Body, id: u64) -> Result<Reply, Failure> {
        let mut chunks = http_body_util::BodyDataStream::new(body);
        let mut events = sse::Events::default();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Failure::Broken("the stream broke".into()))?;
            for event in events.push(&chunk) {
                match incoming(&event, id) {
                    Some(Incoming::Answer(reply)) => return Ok(reply),
                    Some(Incoming::Request { id, method }) => {
                        self.decline(era, &id, &method).await?;
                    }
                    Some(Incoming::Other) | None => {}
                }
            }
            if events.held() > LARGEST_EVENT {
                return Err(Failure::Broken("an event is larger than 4 MiB".into()));
            }
        }
        Err(Failure::Broken("the stream ended without an answer".into()))
    }

    /// Answers a request of the server's on the handshake wire: a ping is answered, everything else
    /// needs somebody behind the call, and nobody is.
    async fn decline(&self, era: &Era, id: &str, method: &str) -> Result<(), Failure> {
        if matches!(era, Era::Stateless { .. }) {
            return Ok(());
        }
        let body = if method == "ping" {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
        } else {
            let error = r#"{"code":-32601,"message":"method not found"}"#;
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
        };
        self.post(self.headers(era, "", None)?, body.into_bytes()).await.map(drop)
    }
}

/// The challenge of a refusal, from all `WWW-Authenticate` headers (RFC 9110 §11.6.1).
pub fn bearer_challenge(status: StatusCode, headers: &HeaderMap) -> Option<BearerChallenge> {
    if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return None;
    }
    let values = headers.get_all(header::WWW_AUTHENTICATE);
    let challenges = challenge::parse(values.iter().filter_map(|value| value.to_str().ok()));
    challenge::bearer(&challenges)
}

/// The parameters with what the stateless wire wants in every request.
fn params(era: &Era, mut params: Params) -> Result<Option<Params>, Failure> {
    if let Era::Stateless { version } = era {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": client_info(),
        });
        params.insert("_meta", raw(&meta)?);
    }
    Ok((!params.is_empty()).then_some(params))
}

/// Who Keyway says it is.
pub fn client_info() -> serde_json::Value {
    json!({ "name": "keyway", "version": env!("CARGO_PKG_VERSION") })
}

/// A value as raw JSON.
pub fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(value).map_err(unwritable)
}

#[expect(clippy::needless_pass_by_value, reason = "it is a map_err function")]
fn unwritable(error: serde_json::Error) -> Failure {
    Failure::Broken(format!("the request cannot be written: {error}"))
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text)
        .map_err(|_| Failure::Broken("a value of the server does not fit a header".into()))
}

/// A name as a header carries it: as it is where that is safe, else Base64 in the form
/// `=?base64?…?=` (MCP 2026-07-28, Streamable HTTP).
fn name_value(name: &str) -> Result<HeaderValue, Failure> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain && name.trim() == name && !name.starts_with("=?base64?") {
        return value(name);
    }
    value(&format!("=?base64?{}?=", STANDARD.encode(name)))
}
