//! The host application's key set (RFC 7517): which of its keys verifies a token.

use jsonwebtoken::{
    AlgorithmFamily, DecodingKey, Header,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// The keys of the set that can verify signatures.
pub(super) struct KeySet {
    keys: Vec<(Option<String>, DecodingKey)>,
}

impl KeySet {
    /// Reads a JSON Web Key Set. A key that is not understood, or not for signatures, is passed over
    /// (RFC 7517 §5).
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_slice(bytes)?;
        let keys = document.keys.into_iter().filter_map(signature_key).collect();
        Ok(Self { keys })
    }

    /// The key for a token with this header: the one it names, or the only one that fits its algorithm.
    /// Keys that the header itself brings (`jwk`, `jku`, `x5u`) are never looked at.
    pub(super) fn key(&self, header: &Header) -> Option<&DecodingKey> {
        let fits = |key: &DecodingKey| key.family() == header.alg.family();
        let named = |id: &Option<String>| header.kid.is_none() || *id == header.kid;
        let mut keys = self.keys.iter().filter(|(id, key)| named(id) && fits(key));
        let (_, first) = keys.next()?;
        keys.next().is_none().then_some(first)
    }
}

fn signature_key(key: Value) -> Option<(Option<String>, DecodingKey)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let other_use = !matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    let symmetric = decoding.family() == AlgorithmFamily::Hmac;
    (!other_use && !symmetric).then_some((key.common.key_id, decoding))
}
