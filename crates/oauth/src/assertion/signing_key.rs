//! The keys that client assertions are signed with: one that somebody gave as PEM, or one of the
//! installation's own, whose public half is published.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::es256::{ALGORITHM, Es256Key};

/// A private key with the algorithm it signs with.
#[derive(Clone)]
pub struct SigningKey(Kind);

#[derive(Clone)]
enum Kind {
    Given { key: EncodingKey, algorithm: Algorithm },
    Own { key: Es256Key, header: String },
}

/// Why a key cannot sign.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SigningKeyError {
    /// The algorithm is not one of [`SigningKey::ALGORITHMS`].
    #[error(
        "the signing algorithm is not supported; use one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
    )]
    Algorithm,
    /// The text is no private key for the algorithm.
    #[error("the private key is not a PEM (PKCS #8) key for the signing algorithm")]
    Key,
}

impl SigningKey {
    /// The algorithms (RFC 7518 §3.1, RFC 8037).
    pub const ALGORITHMS: [&'static str; 9] =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

    /// Reads a PEM (PKCS #8) key, and makes sure that it signs with the algorithm.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn from_pem(pem: &SecretString, algorithm: &str) -> Result<Self, SigningKeyError> {
        let known = Self::ALGORITHMS.contains(&algorithm);
        let algorithm = Algorithm::from_str(algorithm).ok().filter(|_| known);
        let algorithm = algorithm.ok_or(SigningKeyError::Algorithm)?;
        let pem = pem.expose_secret().trim().as_bytes();
        let key = match algorithm.family() {
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem),
            AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem),
            _ => EncodingKey::from_ed_pem(pem),
        };
        let key = key.map_err(|_| SigningKeyError::Key)?;
        let key = Self(Kind::Given { key, algorithm });
        key.sign(&json!({})).map(|_| key)
    }

    /// The ES256 key of these secret bytes, with its thumbprint as `kid`; `None` for the one value in four
    /// thousand million that is none.
    pub fn from_secret_bytes(bytes: [u8; 32]) -> Option<Self> {
        let key = Es256Key::from_bytes(bytes)?;
        let header = json!({ "typ": "JWT", "alg": ALGORITHM, "kid": key.thumbprint() });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        Some(Self(Kind::Own { key, header }))
    }

    /// The public key as others verify with it (RFC 7517 §4), where it is an own one.
    pub fn published(&self) -> Option<Value> {
        let Kind::Own { key, .. } = &self.0 else { return None };
        let mut jwk = key.public_jwk();
        jwk["kid"] = key.thumbprint().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = ALGORITHM.into();
        Some(jwk)
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<SecretString, SigningKeyError> {
        let signed = match &self.0 {
            Kind::Given { key, algorithm } => {
                jsonwebtoken::encode(&Header::new(*algorithm), claims, key).ok()
            }
            Kind::Own { key, header } => {
                serde_json::to_value(claims).ok().map(|claims| key.sign(header, &claims))
            }
        };
        signed.map(SecretString::from).ok_or(SigningKeyError::Key)
    }
}
