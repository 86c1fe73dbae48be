//! The codes of the API, each with its status. Codes are API; titles may change.

use axum::http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $status:ident $code:literal $title:literal;)+) => {
        /// What kind of failure it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $(#[doc = $title] $variant,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable text of the code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The status that an answer with this code has.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// The kind in words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    InvalidRequest = BAD_REQUEST "invalid_request" "The request is not valid";
    UrlInvalid = BAD_REQUEST "url_invalid" "The URL is not valid";
    UserHeaderInvalid = BAD_REQUEST "user_header_invalid" "A header is not valid";
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A credential is needed";
    OriginRefused = FORBIDDEN "origin_refused" "The origin is not allowed";
    ScopeRequired = FORBIDDEN "scope_required" "More access is needed";
    ToolOff = FORBIDDEN "tool_off" "The tool is switched off";
    ReadOnly = FORBIDDEN "read_only" "The connector is read-only";
    ApprovalNeeded = FORBIDDEN "approval_needed" "A person must approve the call";
    NotFound = NOT_FOUND "not_found" "Not found";
    ToolNotFound = NOT_FOUND "tool_not_found" "The tool is not known";
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The method is not allowed here";
    SignInRequired = CONFLICT "sign_in_required" "A person must sign in";
    ReauthRequired = CONFLICT "reauth_required" "A person must sign in again";
    ConnectorDisabled = CONFLICT "connector_disabled" "The connector is switched off";
    ScopeExhausted = CONFLICT "scope_exhausted" "Signing in for more access did not help";
    Conflict = CONFLICT "conflict" "It exists already";
    Stale = PRECONDITION_FAILED "stale" "It was changed meanwhile";
    TooLarge = PAYLOAD_TOO_LARGE "too_large" "The request is too large";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body is not JSON";
    HostRefused = MISDIRECTED_REQUEST "host_refused" "The host is not Keyway's";
    RateLimited = TOO_MANY_REQUESTS "rate_limited" "Too many requests";
    EgressRefused = UNPROCESSABLE_ENTITY "egress_refused" "The address may not be reached";
    ClientIdNeeded = UNPROCESSABLE_ENTITY "client_id_needed" "A client id is needed";
    NotOauth = UNPROCESSABLE_ENTITY "not_oauth" "The connector does not use OAuth";
    ProviderRefused = BAD_GATEWAY "provider_refused" "The authorization server refused";
    UpstreamError = BAD_GATEWAY "upstream_error" "The MCP server failed";
    MetadataInvalid = BAD_GATEWAY "metadata_invalid" "The server's metadata is not valid";
    IssuerMismatch = BAD_GATEWAY "issuer_mismatch" "The issuer is not the expected one";
    PkceUnsupported = BAD_GATEWAY "pkce_unsupported" "The server does not support PKCE";
    RegistrationFailed = BAD_GATEWAY "registration_failed" "No client could be registered";
    RefreshUnavailable = SERVICE_UNAVAILABLE "refresh_unavailable" "The token could not be renewed";
    ShuttingDown = SERVICE_UNAVAILABLE "shutting_down" "Keyway is shutting down";
    StorageUnavailable = SERVICE_UNAVAILABLE "storage_unavailable" "The database is not available";
    ProviderUnreachable = GATEWAY_TIMEOUT "provider_unreachable" "The server did not answer";
    UpstreamUnreachable = GATEWAY_TIMEOUT "upstream_unreachable" "The MCP server is not reachable";
    UpstreamTimeout = GATEWAY_TIMEOUT "upstream_timeout" "The MCP server took too long";
    Internal = INTERNAL_SERVER_ERROR "internal" "Keyway failed";
}

impl Code {
    /// Whether a person at Keyway's page can mend it.
    pub(super) const fn is_mended_by_a_person(self) -> bool {
        matches!(
            self,
            Self::SignInRequired
                | Self::ReauthRequired
                | Self::ScopeRequired
                | Self::ClientIdNeeded
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The table of the API's contract, as far as it is built.
    const CONTRACT: &[(u16, &[&str])] = &[
        (400, &["invalid_request", "url_invalid", "user_header_invalid"]),
        (401, &["unauthenticated"]),
        (403, &["origin_refused", "scope_required", "tool_off", "approval_needed", "read_only"]),
        (404, &["not_found", "tool_not_found"]),
        (405, &["method_not_allowed"]),
        (
            409,
            &[
                "sign_in_required",
                "reauth_required",
                "connector_disabled",
                "scope_exhausted",
                "conflict",
            ],
        ),
        (412, &["stale"]),
        (413, &["too_large"]),
        (415, &["unsupported_media_type"]),
        (421, &["host_refused"]),
        (429, &["rate_limited"]),
        (422, &["egress_refused", "client_id_needed", "not_oauth"]),
        (
            502,
            &[
                "provider_refused",
                "upstream_error",
                "metadata_invalid",
                "issuer_mismatch",
                "pkce_unsupported",
                "registration_failed",
            ],
        ),
        (503, &["refresh_unavailable", "shutting_down", "storage_unavailable"]),
        (504, &["provider_unreachable", "upstream_unreachable", "upstream_timeout"]),
        (500, &["internal"]),
    ];

    #[test]
    fn every_code_has_the_status_of_the_contract() {
        let contract =
            CONTRACT.iter().flat_map(|(status, codes)| codes.iter().map(|code| (*code, *status)));
        let built = Code::ALL.iter().map(|code| (code.as_str(), code.status().as_u16()));
        assert_eq!(built.collect::<BTreeMap<_, _>>(), contract.collect::<BTreeMap<_, _>>());
    }

    #[test]
    fn every_code_is_in_the_reference_with_its_status() {
        let reference = include_str!("../../../../docs/reference/errors.md");
        let row = |line: &str| {
            let (code, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((code.to_owned(), rest.split_once(" | ")?.0.parse().ok()?))
        };
        let described = reference.lines().filter_map(row);
        let built = Code::ALL.iter().map(|c| (c.as_str().to_owned(), c.status().as_u16()));
        assert_eq!(described.collect::<BTreeMap<_, _>>(), built.collect::<BTreeMap<_, _>>());
    }
}
