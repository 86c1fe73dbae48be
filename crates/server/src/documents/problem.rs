//! The problem document, as the OpenAPI document describes it. It is written in `error`.

use serde::Serialize;
use utoipa::ToSchema;

/// Why a request failed (RFC 9457). `code` is stable; the texts may change.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the code says which problem it is.
    r#type: String,
    /// The kind of problem in words.
    title: String,
    /// The status of the answer.
    status: u16,
    /// The stable code.
    code: String,
    /// What happened and what to do.
    detail: String,
    /// The request's id, as in the answer's `X-Request-Id` and Keyway's log.
    request_id: String,
    /// The connector it is about.
    #[schema(nullable = false)]
    connector: Option<String>,
    /// The page of Keyway's own where a person can help.
    #[schema(nullable = false)]
    sign_in_url: Option<String>,
    /// The connector's `state_reason`, with `reauth_required`.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// The redirect URI to register, with `client_id_needed`.
    #[schema(nullable = false)]
    redirect_uri: Option<String>,
    /// The scopes that are missing, with `scope_required`.
    #[schema(nullable = false)]
    required_scopes: Option<Vec<String>>,
    /// The authorization server's own code, with `provider_refused`.
    provider_code: Option<String>,
    /// The MCP server's own JSON-RPC error code, with `upstream_error`.
    #[schema(nullable = false)]
    upstream_code: Option<i64>,
}
