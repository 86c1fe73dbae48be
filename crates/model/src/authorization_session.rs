//! One sign-in attempt, from `start` to the callback: Pending → Claimed → Finished, Failed or Expired.

use secrecy::SecretString;

use crate::{
    clock::Timestamp,
    id::{AuthorizationSessionId, ConnectorId},
    registration::ClientRegistration,
    text::text_enum,
    user::UserId,
};

text_enum! {
    /// How far a sign-in attempt has come. `Claimed` is shown as `pending` to the outside.
    SessionStatus {
        /// Begun, and nothing came back yet.
        Pending = "pending",
        /// The code came and is being exchanged; a second arrival finds it used.
        Claimed = "claimed",
        /// The grant is stored.
        Finished = "finished",
        /// It ended without a grant.
        Failed = "failed",
    }
}

impl SessionStatus {
    /// The text that the outside is shown: a claimed session is `pending` there.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Claimed => Self::Pending.as_str(),
            other => other.as_str(),
        }
    }
}

text_enum! {
    /// Why a sign-in attempt ended without a grant.
    FailureCode {
        /// The user said no.
        Denied = "denied",
        /// The callback came from another browser than the launch.
        BrowserMismatch = "browser_mismatch",
        /// Somebody else than the connector's user sat at the browser.
        UserMismatch = "user_mismatch",
        /// The answer came from another issuer (RFC 9207).
        IssMismatch = "iss_mismatch",
        /// Its time ran out.
        Expired = "expired",
        /// The token endpoint did not give a usable token.
        ExchangeFailed = "exchange_failed",
        /// The authorization server does not take the client.
        RegistrationFailed = "registration_failed",
    }
}

/// One sign-in attempt, with everything the callback needs, so that nothing is discovered anew.
#[derive(Clone, Debug)]
pub struct AuthorizationSession {
    /// Its identifier; the state of the authorization request carries it.
    pub id: AuthorizationSessionId,
    /// Whose sign-in it is.
    pub user_id: UserId,
    /// For which connector.
    pub connector_id: ConnectorId,
    /// The connector's URL at the start; a URL changed meanwhile voids the attempt.
    pub connector_url: String,
    /// How far it has come.
    pub status: SessionStatus,
    /// Why it failed.
    pub failure: Option<FailureCode>,
    /// What happened, in words; holds no secrets.
    pub detail: Option<String>,
    /// SHA-256 of the launch ticket.
    pub ticket_hash: Vec<u8>,
    /// SHA-256 of the flow cookie of the browser that launched it.
    pub browser_hash: Option<Vec<u8>>,
    /// The client it runs as, with the issuer and the redirect URI.
    pub client: ClientRegistration,
    /// Where the browser is sent, without the state: the complete authorization request.
    pub authorization_url: String,
    /// Where the code is exchanged; recorded at the start.
    pub token_endpoint: String,
    /// Where tokens are revoked (RFC 7009), if the server offers it.
    pub revocation_endpoint: Option<String>,
    /// Where the account's name may be asked (OpenID Connect), if the server offers it.
    pub userinfo_endpoint: Option<String>,
    /// Whether the server promised `iss` in its answer (RFC 9207).
    pub iss_supported: bool,
    /// Whether the tokens are to be bound to a key (RFC 9449).
    pub dpop: bool,
    /// The `resource` of every leg (RFC 8707), verbatim.
    pub resource: Option<String>,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// The PKCE code verifier (RFC 7636).
    pub code_verifier: SecretString,
    /// The exact origin of the page that is told the outcome.
    pub opener_origin: Option<String>,
    /// Where the browser goes on after the outcome, where no popup is used.
    pub return_to: Option<String>,
    /// Whether a person must confirm the authorization server before the browser is sent there.
    pub needs_confirmation: bool,
    /// When the outcome page was shown.
    pub shown_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}
