//! P-256 keys that sign compact JWTs (ES256, RFC 7518 §3.4): what tokens are bound to, and what the
//! client itself proves who it is with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The algorithm's name (RFC 7518 §3.1).
pub(crate) const ALGORITHM: &str = "ES256";

/// A private key with its public point.
#[derive(Clone)]
pub(crate) struct Es256Key {
    key: SigningKey,
    x: String,
    y: String,
}

impl Es256Key {
    /// The key of these bytes; `None` for the one value in four thousand million that is none.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let key = SigningKey::from_slice(&bytes).ok()?;
        let point = key.verifying_key().to_sec1_point(false);
        let (x, y) = (URL_SAFE_NO_PAD.encode(point.x()?), URL_SAFE_NO_PAD.encode(point.y()?));
        Some(Self { key, x, y })
    }

    /// The private key, base64url-encoded.
    pub(crate) fn encoded(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.to_bytes())
    }

    /// The public key (RFC 7517, RFC 7518 §6.2).
    pub(crate) fn public_jwk(&self) -> Value {
        json!({ "kty": "EC", "crv": "P-256", "x": self.x, "y": self.y })
    }

    /// The SHA-256 thumbprint of the public key (RFC 7638).
    pub(crate) fn thumbprint(&self) -> String {
        thumbprint(&self.x, &self.y)
    }

    /// A signed token (RFC 7515 §7.1). `header` is encoded already.
    pub(crate) fn sign(&self, header: &str, claims: &Value) -> String {
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// The hash of the required members, in the order of their names, without white space (RFC 7638 §3).
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_9449() {
        let thumbprint = thumbprint(
            "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        );
        assert_eq!(thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }
}
