//! Personal tokens as they are made and listed.

use keyway_model::{ConnectorId, PersonalTokenId, Timestamp};
use keyway_storage::PersonalToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A personal token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPersonalToken {
    /// What it is for, in the user's words.
    pub(crate) name: String,
    /// The only connectors it is good for, by id or slug; at least one.
    pub(crate) connectors: Vec<String>,
    /// Its life in seconds; absent means until it is revoked.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub(crate) expires_in: Option<u64>,
}

/// A personal token that was made. The token is shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonalTokenMade {
    #[schema(value_type = String)]
    pub(crate) id: PersonalTokenId,
    /// A bearer token for `/mcp…`, `GET /api/v1/tools` and `POST /api/v1/tools/call`.
    pub(crate) token: String,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub(crate) expires_at: Option<Timestamp>,
}

/// The caller's personal tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonalTokens {
    pub(crate) personal_tokens: Vec<PersonalTokenListed>,
    /// Whether this caller may make one: the session cookie of Keyway's own page, and nobody else.
    pub(crate) can_create: bool,
}

/// A personal token as it is listed, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonalTokenListed {
    #[schema(value_type = String)]
    id: PersonalTokenId,
    name: String,
    /// The ids of the connectors it is good for; some may be gone.
    #[schema(value_type = Vec<String>)]
    connectors: Vec<ConnectorId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    expires_at: Option<Timestamp>,
}

impl From<PersonalToken> for PersonalTokenListed {
    fn from(token: PersonalToken) -> Self {
        let PersonalToken { id, name, connectors, created_at, expires_at, .. } = token;
        Self { id, name, connectors, created_at, expires_at }
    }
}
