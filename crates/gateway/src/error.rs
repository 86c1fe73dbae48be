//! What can go wrong between a caller and an upstream server.

use keyway_connectors::egress::Body;
use keyway_model::ConnectorRef;
use keyway_oauth::http::SendError;
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
    },
    /// There is no tool of that name.
    #[error("there is no such tool")]
    ToolNotFound,
    /// The session is not this caller's, or it is over.
    #[error("there is no such session; initialize again")]
    SessionNotFound,
    /// The request makes no sense; the text says what to write instead.
    #[error("{0}")]
    InvalidRequest(String),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An answer on its way to the caller.
pub type Response = http::Response<Body>;

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
