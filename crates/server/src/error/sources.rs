//! What each error of the floors below becomes at the door.

use std::error::Error;

use axum::extract::rejection::{PathRejection, QueryRejection};
use keyway_connectors::Error as ConnectorsError;
use keyway_gateway::Error as GatewayError;
use keyway_storage::Error as StorageError;

use super::{Code, Problem};

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::Unavailable(_) => Self::new(
                Code::StorageUnavailable,
                "the database is not available for now; try again in a moment",
            )
            .because(error),
            _ => Self::internal(error),
        }
    }
}

impl From<ConnectorsError> for Problem {
    fn from(error: ConnectorsError) -> Self {
        use ConnectorsError as E;
        let detail = error.to_string();
        match error {
            E::NotFound => Self::not_found(detail),
            E::InvalidRequest(_) => Self::invalid(detail),
            E::UrlInvalid(_) => Self::new(Code::UrlInvalid, detail),
            E::HeaderInvalid(_) => Self::new(Code::UserHeaderInvalid, detail),
            E::Conflict(_) | E::SessionUsedOrExpired => Self::new(Code::Conflict, detail),
            E::Stale => Self::new(Code::Stale, detail),
            E::Disabled(id) => Self::new(Code::ConnectorDisabled, detail).about(id),
            E::SignInRequired(id) => Self::new(Code::SignInRequired, detail).about(id),
            E::ReauthRequired(id, reason) => {
                Self::new(Code::ReauthRequired, detail).about(id).with("reason", reason.as_str())
            }
            E::ScopeRequired(id, scopes) => {
                Self::new(Code::ScopeRequired, detail).about(id).with("required_scopes", scopes)
            }
            E::ScopeExhausted(connector, scopes) => Self::new(Code::ScopeExhausted, detail)
                .about(connector)
                .with("required_scopes", scopes),
            E::NotOAuth(_) => Self::new(Code::NotOauth, detail),
            E::ClientIdNeeded { connector, redirect_uri } => {
                Self::new(Code::ClientIdNeeded, detail)
                    .about(connector)
                    .with("redirect_uri", redirect_uri)
            }
            E::EgressRefused(_) => Self::new(Code::EgressRefused, detail),
            E::ProviderRefused { code, .. } => {
                Self::new(Code::ProviderRefused, detail).with("provider_code", code)
            }
            E::ProviderUnreachable(_) => Self::new(Code::ProviderUnreachable, detail),
            E::MetadataInvalid(_) => Self::new(Code::MetadataInvalid, detail),
            E::IssuerMismatch(_) => Self::new(Code::IssuerMismatch, detail),
            E::PkceUnsupported(_) => Self::new(Code::PkceUnsupported, detail),
            E::RegistrationFailed(_) => Self::new(Code::RegistrationFailed, detail),
            E::RefreshUnavailable { retry_after } => {
                Self::new(Code::RefreshUnavailable, detail).retry_after(retry_after)
            }
            E::RateLimited(wait) => Self::new(Code::RateLimited, detail).retry_after(wait),
            E::About(connector, error) => {
                let problem = Self::from(*error);
                if problem.connector.is_some() { problem } else { problem.about(connector) }
            }
            E::Storage(error) => error.into(),
            E::Internal(_) => Self::internal(detail),
        }
    }
}

impl From<GatewayError> for Problem {
    fn from(error: GatewayError) -> Self {
        use GatewayError as E;
        let detail = error.to_string();
        match error {
            E::Connectors(error) => error.into(),
            E::UpstreamUnreachable { connector, .. } => {
                Self::new(Code::UpstreamUnreachable, detail).about(connector)
            }
            E::UpstreamTimeout { connector, .. } => {
                Self::new(Code::UpstreamTimeout, detail).about(connector)
            }
            E::UpstreamError { connector, .. } => {
                Self::new(Code::UpstreamError, detail).about(connector)
            }
            E::UpstreamRefused { connector, code, .. } => {
                Self::new(Code::UpstreamError, detail).about(connector).with("upstream_code", code)
            }
            E::ToolOff { connector, tool } => {
                Self::new(Code::ToolOff, detail).about(connector).with("tool", tool)
            }
            E::ReadOnly { connector, tool } => {
                Self::new(Code::ReadOnly, detail).about(connector).with("tool", tool)
            }
            E::ApprovalNeeded { connector, tool, approval_id, denied, changed } => {
                let problem = Self::new(Code::ApprovalNeeded, detail).about(connector);
                let problem = problem.with("tool", tool).with("denied", denied);
                problem.with("changed", changed).with("approval_id", approval_id.to_string())
            }
            E::ToolNotFound => Self::new(Code::ToolNotFound, detail),
            E::SessionNotFound => Self::not_found(detail),
            E::Cancelled | E::StateForged | E::InvalidRequest(_) => Self::invalid(detail),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::not_found("there is nothing at this address").because(rejection)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl Problem {
    /// A failure of Keyway's own; what happened is only for the log.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "Keyway failed; its log says why under the request's id")
            .because(cause)
    }
}
