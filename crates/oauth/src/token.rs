//! Requests to the token endpoint: a code or a refresh token for tokens (RFC 6749 §4.1.3, §6;
//! RFC 7636 §4.5; RFC 8707 §2.2), and what a failure means for the grant.

mod answer;
mod jwt;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use ::http::{Response, StatusCode};
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

pub(crate) use self::answer::read_issued;
pub use self::{
    answer::{TokenAnswer, TokenType, read_answer},
    jwt::{JwtClaims, jwt_claims},
};
use crate::{
    answer::is_transient,
    authorization::AuthorizationCode,
    client_auth::{ClientAuthentication, ClientAuthenticationError},
    dpop::{self, DpopBinding},
    http::{self, HttpClient, SendError},
};

/// Where tokens are asked for, and by whom: what was recorded at the sign-in, never discovered anew.
#[derive(Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The token endpoint of the issuer that issued the code or the refresh token.
    pub token_endpoint: &'a str,
    /// The client that the code or the refresh token was issued to.
    pub client: ClientAuthentication<'a>,
    /// The protected resource, the same string as in the authorization request.
    pub resource: Option<&'a str>,
    /// What the tokens are to be bound to, if to anything.
    pub dpop: Option<DpopBinding<'a>>,
}

/// Why there are no tokens.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// The authorization server says so, with any status (RFC 6749 §5.2).
    #[error("the authorization server refused{}", Shown(.code.as_deref()))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its error code, if that is in the form of one.
        code: Option<String>,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The status is a failure, without an error that can be read.
    #[error("the token endpoint answered {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// A success that cannot be used.
    #[error("the token endpoint's answer cannot be used: {0}")]
    Answer(&'static str),
    /// The client cannot authenticate; nothing was sent.
    #[error(transparent)]
    Client(#[from] ClientAuthenticationError),
    /// There is no answer.
    #[error("no answer of the token endpoint: {0}")]
    Send(#[from] SendError),
}

struct Shown<'a>(Option<&'a str>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |code| write!(f, " with the error {code}"))
    }
}

/// What a failure means for the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenErrorClass {
    /// The grant is at its end: a person must sign in again.
    Rejected,
    /// The server does not know the client: register again, the grant may live.
    ClientBroken,
    /// Nothing was decided: keep the grant and try again later.
    Transient {
        /// How long the server asks to wait, at most an hour.
        retry_after: Option<Duration>,
    },
    /// The request was sent and no answer came: the refresh token may be spent.
    Ambiguous,
    /// An answer that makes no sense: keep the grant, try again later, and say so.
    Protocol,
}

/// Error codes that end a grant: RFC 6749 §5.2, RFC 8707 §2, OpenID Connect Core §3.1.2.6, and what
/// servers say instead.
const REJECTED: [&str; 12] = [
    "invalid_grant",
    "invalid_scope",
    "invalid_target",
    "interaction_required",
    "login_required",
    "consent_required",
    "token_expired",
    "expired_token",
    "token_revoked",
    "invalid_token",
    "bad_verification_code",
    "token_inactive",
];

/// Error codes that end a client's registration.
const CLIENT_BROKEN: [&str; 5] = [
    "invalid_client",
    "unauthorized_client",
    "invalid_client_id",
    "bad_client_secret",
    "incorrect_client_credentials",
];

/// Error codes that pass.
const TRANSIENT: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];

impl TokenError {
    /// What the failure means for the grant.
    pub fn class(&self) -> TokenErrorClass {
        match self {
            Self::Refused { status, retry_after, .. } | Self::Status { status, retry_after }
                if is_transient_status(*status) =>
            {
                TokenErrorClass::Transient { retry_after: *retry_after }
            }
            Self::Refused { code, retry_after, .. } => {
                class_of_code(code.as_deref().unwrap_or_default(), *retry_after)
            }
            Self::Status { status: 401, .. } | Self::Client(_) => TokenErrorClass::ClientBroken,
            Self::Send(SendError::Unreachable(_) | SendError::Blocked(_)) => {
                TokenErrorClass::Transient { retry_after: None }
            }
            Self::Send(SendError::NoAnswer(_)) => TokenErrorClass::Ambiguous,
            Self::Status { .. } | Self::Answer(_) | Self::Send(SendError::TooLarge(_)) => {
                TokenErrorClass::Protocol
            }
        }
    }

    /// Whether the server did not take the way in which the client authenticated (RFC 6749 §5.2).
    pub fn refuses_client(&self) -> bool {
        match self {
            Self::Refused { code, .. } => code.as_deref() == Some("invalid_client"),
            Self::Status { status, .. } => *status == 401,
            _ => false,
        }
    }

    /// The provider's own error code: `[A-Za-z0-9_.-]{1,64}`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }
}

fn is_transient_status(status: u16) -> bool {
    StatusCode::from_u16(status).is_ok_and(is_transient)
}

fn class_of_code(code: &str, retry_after: Option<Duration>) -> TokenErrorClass {
    let code = code.to_ascii_lowercase();
    if REJECTED.contains(&code.as_str()) || code.contains("refresh_token") {
        TokenErrorClass::Rejected
    } else if CLIENT_BROKEN.contains(&code.as_str()) {
        TokenErrorClass::ClientBroken
    } else if TRANSIENT.contains(&code.as_str()) {
        TokenErrorClass::Transient { retry_after }
    } else {
        TokenErrorClass::Protocol
    }
}

/// Exchanges an authorization code (RFC 6749 §4.1.3). The code is spent, whatever comes of it, unless the
/// client itself was refused, which a server decides before it looks at the code.
pub async fn exchange_code(
    http: &impl HttpClient,
    request: &TokenRequest<'_>,
    code: &AuthorizationCode,
    redirect_uri: &str,
    verifier: &SecretString,
) -> Result<TokenAnswer, TokenError> {
    let fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code.secret().expose_secret()),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier.expose_secret()),
    ];
    send(http, request, fields).await
}

/// Asks for new tokens (RFC 6749 §6). Without scopes the server grants what it granted before.
pub async fn refresh(
    http: &impl HttpClient,
    request: &TokenRequest<'_>,
    refresh_token: &SecretString,
    scopes: &[String],
) -> Result<TokenAnswer, TokenError> {
    let scope = scopes.join(" ");
    let mut fields =
        vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    send(http, request, fields).await
}

/// Asks for a token with nothing but the client's own credentials (RFC 6749 §4.4).
pub async fn client_credentials(
    http: &impl HttpClient,
    request: &TokenRequest<'_>,
    scopes: &[String],
) -> Result<TokenAnswer, TokenError> {
    let scope = scopes.join(" ");
    let mut fields = vec![("grant_type", "client_credentials")];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    send(http, request, fields).await
}

/// Sends a token request; once more where the server wants its nonce in the proof (RFC 9449 §8).
pub(crate) async fn send<'a>(
    http: &impl HttpClient,
    request: &TokenRequest<'a>,
    mut fields: Vec<(&str, &'a str)>,
) -> Result<TokenAnswer, TokenError> {
    fields.extend(request.resource.map(|resource| ("resource", resource)));
    let nonce = request.dpop.as_ref().and_then(|dpop| dpop.nonce);
    let response = send_once(http, request, &fields, nonce).await?;
    let answer = read_answer(&response, request.dpop.is_some());
    match (&answer, dpop::nonce(response.headers())) {
        (Err(error), Some(nonce))
            if request.dpop.is_some() && dpop::asks_for_nonce(error.code()) =>
        {
            let response = send_once(http, request, &fields, Some(nonce)).await?;
            read_answer(&response, true)
        }
        _ => answer,
    }
}

async fn send_once(
    http: &impl HttpClient,
    request: &TokenRequest<'_>,
    fields: &[(&str, &str)],
    nonce: Option<&str>,
) -> Result<Response<Bytes>, TokenError> {
    let mut form = request.client.apply(fields)?;
    if let Some(dpop) = &request.dpop {
        form.headers.insert(dpop::PROOF, dpop.proof(request.token_endpoint, nonce));
    }
    Ok(http::post_form(http, request.token_endpoint, form).await?)
}
