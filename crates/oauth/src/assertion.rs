//! Assertions in place of a person or a secret: the signed client assertion (RFC 7523 §2.2), the exchange
//! of an id token for an identity assertion grant at an enterprise's identity provider (RFC 8693, ID-JAG),
//! and the JWT bearer grant (RFC 7523 §2.1).

mod signing_key;
#[cfg(test)]
mod tests;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

pub use self::signing_key::{SigningKey, SigningKeyError};
use crate::{
    http::{self, HttpClient},
    token::{self, TokenAnswer, TokenError, TokenRequest},
};

/// Where fresh identifiers come from: sixteen random bytes at each call.
pub type Identifiers<'a> = &'a (dyn Fn() -> [u8; 16] + Send + Sync);

/// The grant type of an assertion (RFC 7523 §2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The grant type of an exchange (RFC 8693 §2.1).
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// An identity assertion authorization grant (MCP, enterprise-managed authorization).
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
/// How long a client assertion lives, in seconds.
const LIFE: i64 = 60;

/// What signs for a client that has a key in place of a secret. A new assertion is signed for each
/// request, since a server may take one only once (RFC 7523 §3).
#[derive(Clone, Copy)]
pub struct ClientAssertion<'a> {
    /// The client's key.
    pub key: &'a SigningKey,
    /// The authorization server's issuer, byte for byte.
    pub audience: &'a str,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Where `jti` comes from.
    pub identifiers: Identifiers<'a>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

impl ClientAssertion<'_> {
    /// The assertion of this client (RFC 7523 §3).
    pub(crate) fn sign(&self, client_id: &str) -> Result<SecretString, SigningKeyError> {
        self.key.sign(&Claims {
            iss: client_id,
            sub: client_id,
            aud: self.audience,
            iat: self.now,
            exp: self.now.saturating_add(LIFE),
            jti: URL_SAFE_NO_PAD.encode((self.identifiers)()),
        })
    }
}

/// What an identity provider is asked for.
#[derive(Clone, Copy)]
pub struct IdentityAssertionRequest<'a> {
    /// What the person's single sign-on gave.
    pub id_token: &'a SecretString,
    /// The issuer of the MCP server's authorization server: whom the assertion is for.
    pub audience: &'a str,
    /// The scopes that will be asked for with it.
    pub scopes: &'a [String],
}

/// Exchanges the person's id token for an identity assertion authorization grant at the identity provider
/// (RFC 8693 §2.1). `request` is about the identity provider; its `resource` is the MCP server.
///
/// # Errors
/// [`TokenError`]; an answer that is no such assertion is [`TokenError::Answer`].
pub async fn exchange_id_token(
    http: &impl HttpClient,
    request: &TokenRequest<'_>,
    asked: &IdentityAssertionRequest<'_>,
) -> Result<SecretString, TokenError> {
    let scope = asked.scopes.join(" ");
    let mut fields = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("requested_token_type", ID_JAG),
        ("subject_token", asked.id_token.expose_secret()),
        ("subject_token_type", ID_TOKEN),
        ("audience", asked.audience),
    ];
    fields.extend(request.resource.map(|resource| ("resource", resource)));
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    let form = request.client.apply(&fields)?;
    let response = http::post_form(http, request.token_endpoint, form).await?;
    token::read_issued(&response, ID_JAG)
}

/// Asks for a token with an assertion about somebody or something (RFC 7523 §2.1).
///
/// # Errors
/// [`TokenError`].
pub async fn jwt_bearer(
    http: &impl HttpClient,
    request: &TokenRequest<'_>,
    assertion: &SecretString,
    scopes: &[String],
) -> Result<TokenAnswer, TokenError> {
    let scope = scopes.join(" ");
    let mut fields = vec![("grant_type", JWT_BEARER), ("assertion", assertion.expose_secret())];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    token::send(http, request, fields).await
}
