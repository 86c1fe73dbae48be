//! Sessions of browsers: the token a host mints, and its exchange for a cookie.

use keyway_model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A session to be opened for one user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSession {
    /// The user; with a JWT its own, or absent.
    #[serde(default)]
    pub(crate) user_id: Option<String>,
    /// What the host calls the user, for display.
    #[serde(default)]
    pub(crate) label: Option<String>,
    /// The only connectors it is good for, by id or slug; absent means all.
    #[serde(default)]
    pub(crate) connectors: Option<Vec<String>>,
    /// Its life in seconds: an hour where absent, 24 hours at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86400)]
    pub(crate) expires_in: Option<u64>,
}

/// A session that was opened. The token is shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionOpened {
    /// A bearer token for the REST routes.
    pub(crate) token: String,
    /// The settings page with the token in its fragment.
    pub(crate) url: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// The exchange of a session token or JWT for the browser's cookie.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionCookie {
    /// Whether the host's page handed the token over itself; a token from a link proves nobody.
    #[serde(default)]
    #[schema(nullable = false)]
    pub(crate) handshake: Option<bool>,
}
