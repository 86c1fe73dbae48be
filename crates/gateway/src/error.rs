//! What can go wrong between a caller and an upstream server.

use keyway_connectors::{egress::Body, upstream::Failure};
use keyway_model::{ApprovalId, ConnectorRef, Slug};
use keyway_oauth::http::SendError;
use serde_json::value::RawValue;
use thiserror::Error;

/// Why a call did not go through.
#[derive(Debug, Error)]
pub enum Error {
    /// A use case below said no; most often a person is needed.
    #[error(transparent)]
    Connectors(#[from] keyway_connectors::Error),
    /// The server could not be reached.
    #[error("{detail}")]
    UpstreamUnreachable {
        /// Which connector.
        connector: ConnectorRef,
        /// What happened.
        detail: String,
    },
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    UpstreamTimeout {
        /// Which connector.
        connector: ConnectorRef,
    },
    /// The server answered with a failure, or with something that is not MCP.
    #[error("{detail}")]
    UpstreamError {
        /// Which connector.
        connector: ConnectorRef,
        /// What happened.
        detail: String,
    },
    /// The server answered with a JSON-RPC error.
    #[error("the server answered with the error {code}: {words}")]
    UpstreamRefused {
        /// Which connector.
        connector: ConnectorRef,
        /// The server's code.
        code: i64,
        /// The server's words, shortened and without control characters; foreign text.
        words: String,
        /// What the server added, raw.
        data: Option<Box<RawValue>>,
    },
    /// Whoever asked does not want the answer any more.
    #[error("the request was cancelled")]
    Cancelled,
    /// The state of an earlier round was changed, or belongs to another request.
    #[error("the requestState is not the one that was given for this request")]
    StateForged,
    /// There is no tool of that name.
    #[error("there is no such tool")]
    ToolNotFound,
    /// The tool is switched off.
    #[error("the tool {tool} is switched off; a person can allow it among the connector's tools")]
    ToolOff {
        /// Which connector.
        connector: ConnectorRef,
        /// The tool's name at the server.
        tool: String,
    },
    /// The connector is read-only, and the tool does not say that it only reads.
    #[error("the connector is read-only, and the tool {tool} may write")]
    ReadOnly {
        /// Which connector.
        connector: ConnectorRef,
        /// The tool's name at the server.
        tool: String,
    },
    /// The call waits for a person, or one has denied it.
    #[error("{}", approval_words(tool, *denied, *changed))]
    ApprovalNeeded {
        /// Which connector.
        connector: ConnectorRef,
        /// The tool's name at the server.
        tool: String,
        /// What a person decides about.
        approval_id: ApprovalId,
        /// Whether a person has denied it.
        denied: bool,
        /// Whether the tool changed since a person looked at it, which comes first.
        changed: bool,
    },
    /// The session is not this caller's, or it is over.
    #[error("there is no such session; initialize again")]
    SessionNotFound,
    /// The request makes no sense; the text says what to write instead.
    #[error("{0}")]
    InvalidRequest(String),
}

impl Error {
    /// The slug of the connector that it is about, where the server is to blame.
    pub(crate) fn connector(&self) -> Option<&Slug> {
        match self {
            Self::UpstreamUnreachable { connector, .. }
            | Self::UpstreamTimeout { connector }
            | Self::UpstreamError { connector, .. }
            | Self::UpstreamRefused { connector, .. } => Some(&connector.slug),
            _ => None,
        }
    }

    /// Whether it was Keyway that said no, and not the server.
    pub(crate) fn is_refusal(&self) -> bool {
        let is_policy = matches!(
            self,
            Self::ToolOff { .. } | Self::ReadOnly { .. } | Self::ApprovalNeeded { .. }
        );
        is_policy || matches!(self, Self::Connectors(_))
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An answer on its way to the caller.
pub type Response = http::Response<Body>;

fn approval_words(tool: &str, denied: bool, changed: bool) -> String {
    if changed {
        return format!(
            "the server changed the tool {tool}; a person must look at it before it is called"
        );
    }
    if denied {
        return format!("a person denied this call of the tool {tool}");
    }
    format!("a person must approve this call of the tool {tool}; call again after that")
}

/// What a failure to send means for the connector.
pub(crate) fn send_failed(connector: ConnectorRef, error: SendError) -> Error {
    match error {
        SendError::Blocked(text) => {
            keyway_connectors::Error::EgressRefused(text).about(connector).into()
        }
        SendError::Unreachable(_) => {
            Error::UpstreamUnreachable { connector, detail: error.to_string() }
        }
        SendError::NoAnswer(_) | SendError::TooLarge(_) => {
            Error::UpstreamError { connector, detail: error.to_string() }
        }
    }
}

/// A request that cannot be written is none.
#[expect(clippy::needless_pass_by_value, reason = "it is a map_err function")]
pub(crate) fn unwritable(failure: Failure) -> Error {
    Error::InvalidRequest(failure.to_string())
}
