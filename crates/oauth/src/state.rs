//! The `state` of an authorization request: which authorization session it belongs to and until when,
//! signed, so that a forged one is turned away before anything is looked up (RFC 6749 §10.12).
//!
//! The form is `payload.signature`, both base64url without padding. The payload is 33 bytes: version 1,
//! the first 8 bytes of the SHA-256 of the key's id, the session's id (16 bytes) and the expiry in
//! seconds since the epoch (8 bytes, big endian). The signature is the HMAC-SHA256 of the payload's text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use thiserror::Error;

const VERSION: u8 = 1;
const TAG: usize = 8;
const PAYLOAD: usize = 1 + TAG + 16 + 8;
const PAYLOAD_TEXT: usize = 44;
const SIGNATURE: usize = 32;
const SIGNATURE_TEXT: usize = 43;

/// A key that states are signed with. It must serve no other purpose.
#[derive(Clone)]
pub struct StateKey {
    /// Tells the keys apart while they rotate.
    pub id: String,
    /// 256 bits.
    pub key: [u8; 32],
}

/// What a state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatePayload {
    /// The authorization session's id.
    pub session: [u8; 16],
    /// When the state ends, in seconds since 1970-01-01T00:00:00Z.
    pub expires_at_seconds: i64,
}

/// Why a state is turned away.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StateError {
    /// Not a state that one of the keys signed.
    #[error("the state is not one of ours")]
    Invalid,
    /// Signed by us, and too old.
    #[error("the state has expired; start the sign-in again")]
    Expired,
}

/// The state for a payload: 88 characters of URL-safe ASCII.
pub fn sign(key: &StateKey, payload: &StatePayload) -> String {
    let mut bytes = [0; PAYLOAD];
    bytes[0] = VERSION;
    bytes[1..=TAG].copy_from_slice(&tag(key));
    bytes[1 + TAG..17 + TAG].copy_from_slice(&payload.session);
    bytes[17 + TAG..].copy_from_slice(&payload.expires_at_seconds.to_be_bytes());
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let signature = mac(key, text.as_bytes()).finalize().into_bytes();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Checks a state against the keys that are in use, in constant time for one key, without allocation.
/// It holds as long as `now_seconds` is before its expiry.
pub fn verify(keys: &[StateKey], text: &str, now_seconds: i64) -> Result<StatePayload, StateError> {
    let (payload_text, signature_text) = text.split_once('.').ok_or(StateError::Invalid)?;
    let bytes: [u8; PAYLOAD] = decode::<PAYLOAD, PAYLOAD_TEXT>(payload_text)?;
    let signature: [u8; SIGNATURE] = decode::<SIGNATURE, SIGNATURE_TEXT>(signature_text)?;
    let (head, body) = bytes.split_at(1 + TAG);
    let named = |key: &&StateKey| head[0] == VERSION && head[1..] == tag(key);
    let key = keys.iter().find(named).ok_or(StateError::Invalid)?;
    mac(key, payload_text.as_bytes()).verify_slice(&signature).map_err(|_| StateError::Invalid)?;
    let payload = payload(body).ok_or(StateError::Invalid)?;
    if now_seconds < payload.expires_at_seconds { Ok(payload) } else { Err(StateError::Expired) }
}

fn payload(body: &[u8]) -> Option<StatePayload> {
    let (session, expires_at) = body.split_at_checked(16)?;
    Some(StatePayload {
        session: session.try_into().ok()?,
        expires_at_seconds: i64::from_be_bytes(expires_at.try_into().ok()?),
    })
}

/// Decodes exactly `BYTES` bytes from exactly `TEXT` characters. The engine refuses padding, foreign
/// characters and trailing bits, so that one value has one text.
fn decode<const BYTES: usize, const TEXT: usize>(text: &str) -> Result<[u8; BYTES], StateError> {
    let mut bytes = [0; BYTES];
    if text.len() != TEXT {
        return Err(StateError::Invalid);
    }
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(length) if length == BYTES => Ok(bytes),
        _ => Err(StateError::Invalid),
    }
}

fn tag(key: &StateKey) -> [u8; TAG] {
    let digest: [u8; 32] = Sha256::digest(key.id.as_bytes()).into();
    let mut tag = [0; TAG];
    tag.copy_from_slice(&digest[..TAG]);
    tag
}

fn mac(key: &StateKey, text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(id: &str, byte: u8) -> StateKey {
        StateKey { id: id.to_owned(), key: [byte; 32] }
    }

    const SAMPLE: StatePayload = StatePayload { session: [7; 16], expires_at_seconds: 1000 };

    #[test]
    fn a_state_opens_under_any_key_that_is_in_use() {
        let state = sign(&key("old", 1), &SAMPLE);
        assert_eq!(verify(&[key("new", 2), key("old", 1)], &state, 999), Ok(SAMPLE));
        assert_eq!(verify(&[key("new", 2)], &state, 999), Err(StateError::Invalid));
        assert_eq!(verify(&[key("old", 2)], &state, 999), Err(StateError::Invalid));
        assert_eq!(verify(&[key("other", 1)], &state, 999), Err(StateError::Invalid));
    }

    #[test]
    fn it_ends_at_its_expiry() {
        let state = sign(&key("k", 1), &SAMPLE);
        assert_eq!(verify(&[key("k", 1)], &state, 1000), Err(StateError::Expired));
    }

    #[test]
    fn it_is_short_and_safe_in_an_address() {
        let state = sign(&key(&"long id ".repeat(50), 1), &SAMPLE);
        assert_eq!(state.len(), 88);
        assert!(state.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
    }

    #[test]
    fn any_single_flipped_bit_makes_it_invalid() {
        let state = sign(&key("k", 1), &SAMPLE);
        for at in 0..state.len() * 8 {
            let mut bytes = state.clone().into_bytes();
            bytes[at / 8] ^= 1 << (at % 8);
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert_eq!(verify(&[key("k", 1)], &text, 0), Err(StateError::Invalid), "bit {at}");
        }
    }

    #[test]
    fn other_shapes_are_invalid() {
        let state = sign(&key("k", 1), &SAMPLE);
        let other = sign(&key("k", 1), &StatePayload { session: [8; 16], ..SAMPLE });
        let (payload, signature) = state.split_once('.').expect("two parts");
        let (_, other_signature) = other.split_once('.').expect("two parts");
        let shapes = [
            String::new(),
            payload.to_owned(),
            format!("{signature}.{payload}"),
            format!("{payload}.{other_signature}"),
            format!("{state}="),
            format!(" {state}"),
            format!("{state}.{signature}"),
            state[..state.len() - 1].to_owned(),
            "x".repeat(1_000_000),
        ];
        for text in shapes {
            assert_eq!(verify(&[key("k", 1)], &text, 0), Err(StateError::Invalid));
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_comes_back(session: [u8; 16], expires_at_seconds in 1..=i64::MAX) {
            let payload = StatePayload { session, expires_at_seconds };
            let state = sign(&key("k", 9), &payload);
            prop_assert_eq!(verify(&[key("k", 9)], &state, 0), Ok(payload));
        }

        #[test]
        fn foreign_text_is_invalid(text in ".{0,300}") {
            prop_assert_eq!(verify(&[key("k", 9)], &text, 0), Err(StateError::Invalid));
        }

        #[test]
        fn text_of_the_right_shape_is_invalid(text in "[A-Za-z0-9_-]{44}\\.[A-Za-z0-9_-]{43}") {
            prop_assert_eq!(verify(&[key("k", 9)], &text, 0), Err(StateError::Invalid));
        }
    }
}
