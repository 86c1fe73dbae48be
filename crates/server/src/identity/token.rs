//! The bearer secrets that Keyway hands out: a prefix that tells what it is, and 256 random bits. They are
//! stored and looked up by their SHA-256 alone.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_model::Random;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// What a service key begins with.
pub(crate) const SERVICE_KEY: &str = "kwsk_";
/// What a session token begins with.
pub(crate) const SESSION: &str = "kwst_";
/// What a personal token begins with.
pub(crate) const PERSONAL: &str = "kwpt_";
/// What the value of a session cookie begins with.
pub(crate) const COOKIE: &str = "kwsc_";

/// A new secret with this prefix.
pub(crate) fn generate(prefix: &str, random: &Random) -> SecretString {
    let bytes: [u8; 32] = random.bytes();
    SecretString::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// What is stored of a secret.
pub(crate) fn hash(secret: &SecretString) -> [u8; 32] {
    Sha256::digest(secret.expose_secret()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_tells_what_it_is_and_never_repeats() {
        let random = Random::seeded(1);
        let (one, two) = (generate(SERVICE_KEY, &random), generate(SERVICE_KEY, &random));
        assert!(one.expose_secret().starts_with("kwsk_"));
        assert_eq!(one.expose_secret().len(), SERVICE_KEY.len() + 43);
        assert_ne!(hash(&one), hash(&two));
    }
}
