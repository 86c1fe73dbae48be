//! How a server is spoken to, remembered from one call to the next: its wire, its session, and which
//! parameters of its tools the stateless wire repeats as headers.

use std::sync::{Mutex, PoisonError, RwLock};

use http::{HeaderName, HeaderValue, StatusCode};
use keyway_connectors::{
    contact::Connected,
    upstream::{Capabilities, Era, Failure, RawObject, Reply},
};
use keyway_model::{ConnectorId, SignInId};
use serde_json::{Value, value::RawValue};

use crate::parameters::ToolParameters;

/// What a negotiated wire holds for: another sign-in, URL or setting negotiates anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConversationKey {
    pub(crate) connector: ConnectorId,
    pub(crate) sign_in: Option<SignInId>,
    pub(crate) revision: i64,
    /// What the server was told that it may ask for.
    pub(crate) capabilities: Capabilities,
    /// Whether it is only listened to: in a session of its own, since servers keep one stream of each.
    pub(crate) listens: bool,
}

/// A negotiated wire.
pub(crate) struct Spoken {
    pub(crate) era: Era,
    /// What the server says that it can do, raw.
    pub(crate) capabilities: Option<Box<RawValue>>,
    /// What it wants a model to know; foreign text.
    pub(crate) instructions: Option<String>,
    /// From which level on the session tells its log, where that was said.
    pub(crate) log_level: Mutex<Option<String>>,
    parameters: RwLock<Option<ToolParameters>>,
}

/// Whether an answer says that the session it names is gone: 404 (MCP 2025-11-25, session management), or
/// the 400 of servers that have no other answer for it. A 400 that says something else stands.
pub(crate) fn is_lost_session(era: &Era, status: StatusCode, reply: Option<&Reply>) -> bool {
    let named = matches!(era, Era::Handshake { session: Some(_), .. });
    let says_so = match reply {
        None => true,
        Some(Reply::Error(error)) => error.message.to_ascii_lowercase().contains("session"),
        Some(Reply::Result(_)) => false,
    };
    named
        && match status {
            StatusCode::NOT_FOUND => true,
            StatusCode::BAD_REQUEST => says_so,
            _ => false,
        }
}

impl Spoken {
    pub(crate) fn new(connected: Connected) -> Self {
        let Connected { era, capabilities, instructions, .. } = connected;
        let (log_level, parameters) = (Mutex::default(), RwLock::default());
        Self { era, capabilities, instructions, log_level, parameters }
    }

    /// Whether the server says that it can do this.
    pub(crate) fn can(&self, capability: &str) -> bool {
        let told = self.capabilities.as_deref().and_then(RawObject::of);
        told.is_some_and(|told| told.get(capability).is_some())
    }

    /// Whether calls need to know the tools' schemas, and they are not known yet.
    pub(crate) fn misses_schemas(&self) -> bool {
        self.era.is_stateless()
            && self.parameters.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Takes note of the tools' schemas.
    pub(crate) fn learn(&self, tools: &[Box<RawValue>]) {
        if self.era.is_stateless() {
            let known = ToolParameters::of(tools);
            *self.parameters.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
        }
    }

    /// The `Mcp-Param-*` headers of a call (MCP 2026-07-28, custom headers).
    pub(crate) fn headers(
        &self,
        tool: &str,
        arguments: &Value,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let parameters = self.parameters.read().unwrap_or_else(PoisonError::into_inner);
        let Some(annotated) = parameters.as_ref().and_then(|known| known.of_tool(tool)) else {
            return Ok(Vec::new());
        };
        annotated.headers(arguments)
    }
}
