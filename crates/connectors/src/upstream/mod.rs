//! One exchange with an MCP server: a JSON-RPC request goes out on either wire, the raw answer comes
//! back. Knows no OAuth and keeps no session; whoever calls decides what an answer means.

mod capabilities;
mod channel;
mod elicitation;
mod exchange;
mod headers;
mod members;
mod message;
mod messages;
mod object;
mod outgoing;
mod parameters;
mod peer;
mod sse;

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use keyway_oauth::{
    challenge::{self, BearerChallenge},
    http::SendError,
};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use thiserror::Error;

pub use self::{
    capabilities::{Capabilities, Elicitations, Sampling, TASKS},
    channel::{Channel, Opening},
    elicitation::Elicitation,
    exchange::Upstream,
    headers::{decoded, encoded},
    members::Members,
    message::{Reply, RpcError},
    object::RawObject,
    outgoing::APPROVAL,
    parameters::{HeaderParameters, InvalidHeaderParameter},
    peer::{Answered, Nobody, Peer, method_not_found},
    sse::Events,
};

/// The newest version of the handshake wire.
pub const HANDSHAKE_VERSION: &str = "2025-11-25";
/// The version of the stateless wire.
pub const STATELESS_VERSION: &str = "2026-07-28";

/// The error code of a server that does not speak the version (MCP 2026-07-28).
pub const UNSUPPORTED_VERSION: i64 = -32022;
/// The error code of a server that misses a header of the request (MCP 2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;

/// The longest that a server may work on one request, however often it lets hear of itself.
const LONGEST: Duration = Duration::from_secs(900);

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long the server may say nothing; the time in which others think about its questions does not
    /// count.
    pub silence: Duration,
    /// How long it may take in all.
    pub total: Duration,
}

impl Patience {
    /// For a call: the server may work for long as long as it lets hear of itself.
    pub const fn with(silence: Duration) -> Self {
        Self { silence, total: LONGEST }
    }
}

impl From<Duration> for Patience {
    /// For what is quick: so long in all.
    fn from(time: Duration) -> Self {
        Self { silence: time, total: time }
    }
}

/// How a server is spoken to.
#[derive(Clone, Debug)]
pub enum Era {
    /// With a handshake (2024-11-05 … 2025-11-25).
    Handshake {
        /// The negotiated version; `None` while it is being negotiated.
        version: Option<String>,
        /// The session the server opened, if it opens any.
        session: Option<String>,
    },
    /// With a handshake over HTTP with SSE, the transport of 2024-11-05.
    Channel {
        /// The negotiated version; `None` while it is being negotiated.
        version: Option<String>,
        /// The open stream, which ends when nobody holds it any more.
        channel: Arc<Channel>,
    },
    /// Without (2026-07-28): every request carries version and capabilities.
    Stateless {
        /// The version.
        version: String,
    },
}

impl Era {
    /// Whether there is no handshake.
    pub fn is_stateless(&self) -> bool {
        matches!(self, Self::Stateless { .. })
    }

    /// The version spoken, once it is known.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Handshake { version, .. } | Self::Channel { version, .. } => version.as_deref(),
            Self::Stateless { version } => Some(version),
        }
    }

    /// Whether what was negotiated is over, so that it has to be negotiated anew.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Channel { channel, .. } if channel.has_ended())
    }
}

/// One request.
pub struct Call<'a> {
    /// The method.
    pub method: &'a str,
    /// The parameters.
    pub params: RawObject,
    /// What `Mcp-Name` says on the stateless wire: the tool, prompt or resource.
    pub name: Option<&'a str>,
    /// The `Mcp-Param-*` headers of the stateless wire.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl<'a> Call<'a> {
    /// A request without parameters.
    pub fn plain(method: &'a str) -> Self {
        Self { method, params: RawObject::default(), name: None, headers: Vec::new() }
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

impl Answer {
    /// An answer that did not come by way of a POST.
    fn of(reply: Reply) -> Self {
        Self { status: StatusCode::OK, challenge: None, session: None, reply: Some(reply) }
    }
}

/// Why nothing usable came back.
#[derive(Clone, Debug, Error)]
pub enum Failure {
    /// The egress policy does not admit the address.
    #[error("{0}")]
    Blocked(String),
    /// No connection.
    #[error("the server could not be reached: {0}")]
    Unreachable(String),
    /// The time ran out.
    #[error("the server did not answer in time")]
    Timeout,
    /// Nobody waits for the answer any more.
    #[error("the request was cancelled")]
    Cancelled,
    /// What was negotiated is over; the server did nothing, and it is worth negotiating anew.
    #[error("the server has ended the conversation; try again")]
    Outdated,
    /// The connection broke, or what came is not what the protocol asks for.
    #[error("{0}")]
    Broken(String),
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Blocked(text) => Self::Blocked(text),
            SendError::Unreachable(text) => Self::Unreachable(text),
            SendError::NoAnswer(_) | SendError::TooLarge(_) => Self::Broken(error.to_string()),
        }
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
