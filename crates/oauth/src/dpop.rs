//! Tokens that are bound to a key (DPoP, RFC 9449): the key, the proof that accompanies each request, and
//! what servers say about nonces. Keeps nothing; time and randomness are handed in.

#[cfg(test)]
mod tests;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    assertion::Identifiers,
    challenge::{self, BearerChallenge},
    discovery::Discovered,
    es256::{ALGORITHM, Es256Key},
};

/// The header field that carries the proof (RFC 9449 §4.1).
pub const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The header field that carries a nonce of the server's (RFC 9449 §8).
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// The error that asks for the nonce (RFC 9449 §8, §9).
const USE_NONCE: &str = "use_dpop_nonce";
/// The longest nonce that is sent back, in bytes.
const LONGEST_NONCE: usize = 1024;

/// Whether tokens of this authorization server are to be bound to a key: the server can, and the
/// protected resource asks for it, in its metadata or in its challenge.
pub fn is_wanted(discovered: &Discovered, challenge: Option<&BearerChallenge>) -> bool {
    let algorithms = discovered.server.dpop_signing_alg_values_supported.iter().flatten();
    let offered = algorithms.into_iter().any(|algorithm| algorithm == ALGORITHM);
    offered && (discovered.dpop_required || challenge.is_some_and(|challenge| challenge.dpop))
}

/// A P-256 key that tokens are bound to.
#[derive(Clone)]
pub struct DpopKey {
    key: Es256Key,
    /// The proofs' header, encoded; it is the same in each.
    header: String,
    thumbprint: String,
}

impl DpopKey {
    /// The key of 32 random bytes; `None` for the one in four thousand million that is none.
    pub fn from_random(bytes: [u8; 32]) -> Option<Self> {
        let key = Es256Key::from_bytes(bytes)?;
        let thumbprint = key.thumbprint();
        let header = json!({ "typ": "dpop+jwt", "alg": ALGORITHM, "jwk": key.public_jwk() });
        Some(Self { key, header: URL_SAFE_NO_PAD.encode(header.to_string()), thumbprint })
    }

    /// The key that [`Self::to_secret`] wrote down; `None` for any other text.
    pub fn from_secret(secret: &SecretString) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(secret.expose_secret()).ok()?;
        Self::from_random(bytes.try_into().ok()?)
    }

    /// The private key as text, to be kept sealed.
    pub fn to_secret(&self) -> SecretString {
        SecretString::from(self.key.encoded())
    }

    /// The SHA-256 thumbprint of the public key (RFC 7638): what `cnf.jkt` of a token says.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The proof for one request (RFC 9449 §4.2).
    ///
    /// # Panics
    /// Never: a proof is base64url and dots, which fit a header.
    pub fn proof(&self, request: &ProofRequest<'_>) -> HeaderValue {
        let ath = request
            .access_token
            .map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token.expose_secret().as_bytes())));
        let claims = json!(Claims {
            htm: request.method,
            htu: request.url.split(['?', '#']).next().unwrap_or_default(),
            iat: request.now,
            jti: URL_SAFE_NO_PAD.encode(request.identifier),
            ath,
            nonce: request.nonce,
        });
        let proof = self.key.sign(&self.header, &claims);
        HeaderValue::try_from(proof).expect("base64url and dots are visible ASCII")
    }
}

/// The request that a proof is for.
#[derive(Clone, Copy)]
pub struct ProofRequest<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The address; its query and fragment are left out.
    pub url: &'a str,
    /// The token that goes with the request, if one does.
    pub access_token: Option<&'a SecretString>,
    /// The nonce that the server gave last.
    pub nonce: Option<&'a str>,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Sixteen random bytes that no other proof has.
    pub identifier: [u8; 16],
}

#[derive(Serialize)]
struct Claims<'a> {
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

/// What binds the tokens of a token request to a key (RFC 9449 §5).
#[derive(Clone, Copy)]
pub struct DpopBinding<'a> {
    /// The key.
    pub key: &'a DpopKey,
    /// The nonce that the authorization server gave last.
    pub nonce: Option<&'a str>,
    /// The time, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Where `jti` comes from.
    pub identifiers: Identifiers<'a>,
}

impl DpopBinding<'_> {
    pub(crate) fn proof(&self, token_endpoint: &str, nonce: Option<&str>) -> HeaderValue {
        self.key.proof(&ProofRequest {
            method: "POST",
            url: token_endpoint,
            access_token: None,
            nonce,
            now: self.now,
            identifier: (self.identifiers)(),
        })
    }
}

/// The nonce for the next request, if the answer carries one (RFC 9449 §8.2).
pub fn nonce(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(NONCE)?.to_str().ok()?;
    let plain = text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    (plain && !text.is_empty() && text.len() <= LONGEST_NONCE).then_some(text)
}

/// The nonce that a protected resource wants before it answers (RFC 9449 §9). To be looked for in a 401.
pub fn wanted_nonce(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::WWW_AUTHENTICATE);
    let challenges = challenge::parse(values.iter().filter_map(|value| value.to_str().ok()));
    let wanted = challenges
        .iter()
        .any(|challenge| challenge.is_dpop() && challenge.param("error") == Some(USE_NONCE));
    nonce(headers).filter(|_| wanted)
}

/// Whether the error code of a token endpoint asks for its nonce (RFC 9449 §8).
pub(crate) fn asks_for_nonce(code: Option<&str>) -> bool {
    code == Some(USE_NONCE)
}
