//! What can go wrong in a use case: one variant for each thing a caller would do differently.

use std::time::Duration;

use keyway_model::{ConnectorRef, StateReason};
use keyway_oauth::{discovery::DiscoveryError, http::SendError};
use thiserror::Error;

use crate::egress::Refusal;

/// Why a use case did not do what was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such thing, or it is another user's.
    #[error("there is no such connector or sign-in")]
    NotFound,
    /// The request itself makes no sense; the text says what to write instead.
    #[error("{0}")]
    InvalidRequest(String),
    /// The URL of a connector cannot be one.
    #[error("{0}")]
    UrlInvalid(String),
    /// A static header's name or value is not acceptable.
    #[error("{0}")]
    HeaderInvalid(String),
    /// Something of that name exists already.
    #[error("{0}")]
    Conflict(String),
    /// The row was changed since it was read (If-Match).
    #[error("the connector was changed meanwhile; read it again and repeat the change")]
    Stale,
    /// The user switched the connector off.
    #[error("the connector is switched off; switch it on to use it")]
    Disabled(ConnectorRef),
    /// Nobody has signed in yet.
    #[error("sign in to this connector to use it")]
    SignInRequired(ConnectorRef),
    /// There was a credential, and it no longer works.
    #[error(
        "the connector's credential no longer works ({1}); sign in again, or renew its headers"
    )]
    ReauthRequired(ConnectorRef, StateReason),
    /// The server asks for scopes that the grant lacks.
    #[error("the server asks for more access than was granted")]
    ScopeRequired(ConnectorRef, Vec<String>),
    /// The sign-in attempt was used already, or its time is over.
    #[error("the sign-in was used already or its time is over; start again")]
    SessionUsedOrExpired,
    /// Signing in for these scopes was tried often enough; the server asks for them all the same.
    #[error(
        "signing in three times did not give the access that the server asks for; ask whoever runs it"
    )]
    ScopeExhausted(ConnectorRef, Vec<String>),
    /// There is nothing to sign in to: the connector is used with headers, or its server says nothing
    /// about authorization.
    #[error("{0}")]
    NotOAuth(String),
    /// The authorization server takes only clients that were registered by hand.
    #[error(
        "this server takes only clients registered by hand; register one and enter its client id"
    )]
    ClientIdNeeded {
        /// The connector.
        connector: ConnectorRef,
        /// The redirect URI to register.
        redirect_uri: String,
    },
    /// The egress policy does not admit the address.
    #[error("{0}")]
    EgressRefused(String),
    /// The authorization server answered, and refused.
    #[error("{detail}")]
    ProviderRefused {
        /// The server's own code, if it gave one.
        code: Option<String>,
        /// What was refused.
        detail: String,
    },
    /// The authorization server, or the MCP server during discovery, did not answer.
    #[error("{0}")]
    ProviderUnreachable(String),
    /// The metadata is not usable.
    #[error("{0}")]
    MetadataInvalid(String),
    /// The metadata names another issuer than the one it was asked of.
    #[error("{0}")]
    IssuerMismatch(String),
    /// The authorization server does not offer PKCE with S256.
    #[error("{0}")]
    PkceUnsupported(String),
    /// The authorization server did not register a client.
    #[error("{0}")]
    RegistrationFailed(String),
    /// The token has ended and could not be renewed for now; the grant is kept.
    #[error("the token could not be renewed for now; try again in a moment")]
    RefreshUnavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many at once.
    #[error("too many sign-ins are open; finish one or wait until they end")]
    RateLimited(Duration),
    /// What went wrong, and with which connector.
    #[error("{1}")]
    About(ConnectorRef, #[source] Box<Error>),
    /// The database failed.
    #[error(transparent)]
    Storage(keyway_storage::Error),
    /// A bug or a broken environment.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// This error, known to be about the connector.
    #[must_use]
    pub fn about(self, connector: ConnectorRef) -> Self {
        Self::About(connector, Box::new(self))
    }

    /// The same error for another who waited for the same token.
    pub(crate) fn for_another(&self) -> Self {
        match self {
            Self::Conflict(text) => Self::Conflict(text.clone()),
            Self::UrlInvalid(text) => Self::UrlInvalid(text.clone()),
            Self::NotOAuth(text) => Self::NotOAuth(text.clone()),
            Self::EgressRefused(text) => Self::EgressRefused(text.clone()),
            Self::ProviderRefused { code, detail } => {
                Self::ProviderRefused { code: code.clone(), detail: detail.clone() }
            }
            Self::ProviderUnreachable(text) => Self::ProviderUnreachable(text.clone()),
            Self::MetadataInvalid(text) => Self::MetadataInvalid(text.clone()),
            Self::IssuerMismatch(text) => Self::IssuerMismatch(text.clone()),
            Self::PkceUnsupported(text) => Self::PkceUnsupported(text.clone()),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<keyway_storage::Error> for Error {
    fn from(error: keyway_storage::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Url(text) => Self::UrlInvalid(text.to_owned()),
            Refusal::Address(text) => Self::EgressRefused(text.to_owned()),
        }
    }
}

impl From<DiscoveryError> for Error {
    fn from(error: DiscoveryError) -> Self {
        let text = error.to_string();
        match error {
            DiscoveryError::NoAuthorization => Self::NotOAuth(text),
            DiscoveryError::NoServerMetadata { .. }
            | DiscoveryError::MetadataInvalid { .. }
            | DiscoveryError::Send { source: SendError::TooLarge(_), .. } => {
                Self::MetadataInvalid(text)
            }
            DiscoveryError::IssuerMismatch { .. } => Self::IssuerMismatch(text),
            DiscoveryError::PkceUnsupported { .. } => Self::PkceUnsupported(text),
            DiscoveryError::Send { source: SendError::Blocked(reason), .. } => {
                Self::EgressRefused(reason)
            }
            DiscoveryError::Unavailable { .. } | DiscoveryError::Send { .. } => {
                Self::ProviderUnreachable(text)
            }
        }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Blocked(text) => Self::EgressRefused(text),
            other => Self::ProviderUnreachable(other.to_string()),
        }
    }
}
