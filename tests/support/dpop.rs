//! How a scripted server judges DPoP proofs (RFC 9449 §4.3): each is checked in full, and taken once.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What a proof must be about.
pub(crate) struct Expected<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    /// The access token that goes with it.
    pub(crate) token: Option<&'a str>,
    /// The nonce that the server hands out, if it wants one.
    pub(crate) nonce: Option<&'a str>,
}

/// Why a proof does not count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// `invalid_dpop_proof`, and why.
    Invalid(&'static str),
    /// `use_dpop_nonce`.
    NonceMissing,
}

/// Judges proofs, and remembers which it has seen.
#[derive(Default)]
pub(crate) struct Judge(Mutex<HashSet<String>>);

impl Judge {
    /// The thumbprint of the key that the request proves, or `None` if it brings no proof.
    pub(crate) fn thumbprint(
        &self,
        headers: &HeaderMap,
        expected: &Expected<'_>,
    ) -> Result<Option<String>, Objection> {
        let mut proofs = headers.get_all("dpop").iter();
        let Some(proof) = proofs.next() else { return Ok(None) };
        if proofs.next().is_some() {
            return Err(Objection::Invalid("more than one proof"));
        }
        let proof = proof.to_str().map_err(|_| Objection::Invalid("not text"))?;
        let (claims, thumbprint) = verified(proof).ok_or(Objection::Invalid("signature"))?;
        let new = claims["jti"].as_str().is_some_and(|jti| {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(jti.to_owned())
        });
        let ath = expected.token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        let checks = [
            (new, "jti was seen before"),
            (claims["htm"] == expected.method, "htm"),
            (claims["htu"] == expected.url, "htu"),
            (claims["iat"].is_i64(), "iat"),
            (claims["ath"].as_str() == ath.as_deref(), "ath"),
        ];
        if let Some((_, what)) = checks.iter().find(|(good, _)| !good) {
            return Err(Objection::Invalid(what));
        }
        if expected.nonce.is_some() && claims["nonce"].as_str() != expected.nonce {
            return Err(Objection::NonceMissing);
        }
        Ok(Some(thumbprint))
    }
}

/// The claims of a proof that its own key signed, and that key's thumbprint (RFC 7638).
fn verified(proof: &str) -> Option<(Value, String)> {
    let header = jsonwebtoken::decode_header(proof).ok()?;
    let jwk = serde_json::to_value(header.jwk?).ok()?;
    let (x, y) = (jwk["x"].as_str()?, jwk["y"].as_str()?);
    let proper = header.typ.as_deref() == Some("dpop+jwt") && jwk["d"].is_null();
    let key = DecodingKey::from_ec_components(x, y).ok().filter(|_| proper)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = jsonwebtoken::decode::<Value>(proof, &key, &validation).ok()?.claims;
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Some((claims, URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))))
}
