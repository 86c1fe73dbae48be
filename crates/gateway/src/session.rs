//! Session ids as callers see them: sealed over user, connector, sign-in and URL, so that nobody else
//! can use one, any replica can take the next request, and a new sign-in or URL ends it.

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use keyway_connectors::access_token::Credential;
use keyway_model::Random;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const NONCE: usize = 12;
/// The longest id of an upstream's that is sealed, in bytes.
const LONGEST: usize = 1024;

/// Seals with its first key and opens with any.
#[derive(Clone)]
pub struct SessionSeal {
    ciphers: Vec<Aes256Gcm>,
}

impl SessionSeal {
    /// A seal over the keys; the first one seals.
    pub fn new(keys: impl IntoIterator<Item = Zeroizing<[u8; 32]>>) -> Self {
        Self { ciphers: keys.into_iter().map(|key| Aes256Gcm::new((&*key).into())).collect() }
    }

    /// The caller's form of an upstream's session id. `None` where the id is not one (MCP 2025-11-25,
    /// session management: visible ASCII), or is too long.
    pub(crate) fn seal(
        &self,
        credential: &Credential,
        random: &Random,
        upstream: &HeaderValue,
    ) -> Option<HeaderValue> {
        let id = upstream.as_bytes();
        if id.is_empty() || id.len() > LONGEST || !id.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        HeaderValue::try_from(self.seal_bytes(random, &bound_to(credential), id)?).ok()
    }

    /// The upstream's id behind a caller's. `None` where it was sealed for anybody or anything else.
    pub(crate) fn open(
        &self,
        credential: &Credential,
        sealed: &HeaderValue,
    ) -> Option<HeaderValue> {
        let opened = self.open_bytes(&bound_to(credential), sealed.as_bytes())?;
        HeaderValue::from_bytes(&opened).ok()
    }

    /// Seals bytes for what they belong to, as text.
    pub(crate) fn seal_bytes(&self, random: &Random, bound: &[u8], bytes: &[u8]) -> Option<String> {
        let nonce: [u8; NONCE] = random.bytes();
        let payload = Payload { msg: bytes, aad: bound };
        let sealed = self.ciphers.first()?.encrypt(&Nonce::from(nonce), payload).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&[FORMAT][..], &nonce, &sealed].concat()))
    }

    /// The bytes behind a text. `None` where they were sealed for anybody or anything else.
    pub(crate) fn open_bytes(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (&format, rest) = bytes.split_first()?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).ok()?;
        if format != FORMAT {
            return None;
        }
        let payload = || Payload { msg: ciphertext, aad: bound };
        let mut ciphers = self.ciphers.iter();
        ciphers.find_map(|cipher| cipher.decrypt(&Nonce::from(nonce), payload()).ok())
    }
}

/// What a session belongs to.
fn bound_to(credential: &Credential) -> Vec<u8> {
    let sign_in = credential.token.as_ref().map(|token| token.sign_in_id.to_string());
    let parts = [
        credential.user_id.as_str(),
        &credential.connector.id.to_string(),
        sign_in.as_deref().unwrap_or_default(),
        &credential.target.text(),
    ];
    bound("keyway|mcp-session|v1", &parts)
}

/// A purpose and what something belongs to, each part with its length before it.
pub(crate) fn bound(purpose: &str, parts: &[&str]) -> Vec<u8> {
    let mut bound = purpose.as_bytes().to_vec();
    for part in parts {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part.as_bytes());
    }
    bound
}
