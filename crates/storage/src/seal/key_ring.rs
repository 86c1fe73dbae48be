//! The master keys: how they are written, what is refused, and the keys that are derived from them.

use std::{collections::HashSet, fmt, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hkdf::Hkdf;
use keyway_model::Random;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// The longest key id, in bytes; in sealed values it is padded to this length.
pub(crate) const KEY_ID_LENGTH: usize = 32;

/// Standard base64 with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The master keys. The first one seals, all of them open. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing(Arc<[MasterKey]>);

pub(crate) struct MasterKey {
    pub(crate) id: String,
    pub(crate) key: Zeroizing<[u8; 32]>,
}

/// A key derived for one purpose.
#[derive(Clone)]
pub struct DerivedKey {
    /// The id of the master key it comes from.
    pub id: String,
    /// The key.
    pub key: [u8; 32],
}

/// Why a text is no key ring. Never holds key material.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyRingError {
    /// There is no key in it.
    #[error("there is no master key; make one with `keyway keys generate`")]
    Empty,
    /// An entry is not `id:base64`.
    #[error("master key number {0} is not of the form id:base64")]
    Malformed(usize),
    /// An id is too long or holds other characters.
    #[error(
        "the id of master key number {0} is not 1 to 32 characters of A-Z, a-z, 0-9, -, _ and ."
    )]
    Id(usize),
    /// A key has another length.
    #[error("master key {0:?} is not 32 bytes in base64; make one with `keyway keys generate`")]
    Length(String),
    /// A key is no random one.
    #[error("master key {0:?} is not random; make one with `keyway keys generate`")]
    Weak(String),
    /// An id or a key occurs twice.
    #[error("master key {0:?} has the id or the bytes of another one")]
    Duplicate(String),
}

impl KeyRing {
    /// Reads `id:base64` entries of 32 bytes each, with commas or line breaks between them. Refuses
    /// keys that consist of one repeated byte, and ids or keys that occur twice.
    ///
    /// # Errors
    /// [`KeyRingError`] for the first entry that is refused.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let entries = text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
        let keys = entries
            .enumerate()
            .map(|(index, entry)| parse_entry(index + 1, entry))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyRingError::Empty);
        }
        let (mut ids, mut values) = (HashSet::new(), HashSet::new());
        for master in &keys {
            if !ids.insert(&master.id) || !values.insert(&*master.key) {
                return Err(KeyRingError::Duplicate(master.id.clone()));
            }
        }
        Ok(Self(keys.into()))
    }

    /// A new key with a new id, as [`KeyRing::parse`] reads it.
    pub fn generate(random: &Random) -> String {
        let id = u32::from_be_bytes(random.bytes());
        let key = Zeroizing::new(random.bytes::<32>());
        format!("k{id:08x}:{}", STANDARD.encode(*key))
    }

    /// The ids, the one that seals first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|master| master.id.as_str())
    }

    /// A key for this purpose from every master key, the current one first. Keys of different
    /// purposes tell nothing about each other (HKDF-SHA256, RFC 5869).
    pub fn derive(&self, purpose: &str) -> Vec<DerivedKey> {
        self.0.iter().map(|master| master.derive(purpose)).collect()
    }

    /// The key that seals.
    pub(crate) fn current(&self) -> &MasterKey {
        &self.0[0]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.0.iter()
    }

    /// The key with this padded id.
    pub(crate) fn padded(&self, padded_id: &[u8]) -> Option<&MasterKey> {
        self.0.iter().find(|master| master.padded_id() == padded_id)
    }
}

/// Names the keys and shows none.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// The id that a padded one stands for.
pub(crate) fn key_id_of_padded(padded_id: &[u8]) -> String {
    let end = padded_id.iter().position(|byte| *byte == 0).unwrap_or(padded_id.len());
    String::from_utf8_lossy(&padded_id[..end]).into_owned()
}

impl MasterKey {
    /// The id as sealed values carry it.
    pub(crate) fn padded_id(&self) -> [u8; KEY_ID_LENGTH] {
        let mut padded = [0; KEY_ID_LENGTH];
        padded[..self.id.len()].copy_from_slice(self.id.as_bytes());
        padded
    }

    fn derive(&self, purpose: &str) -> DerivedKey {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, &*self.key)
            .expand_multi_info(&[b"keyway|v1|", purpose.as_bytes()], &mut key)
            .expect("32 bytes are fewer than the 8160 that HKDF-SHA256 gives");
        DerivedKey { id: self.id.clone(), key }
    }
}

fn parse_entry(number: usize, entry: &str) -> Result<MasterKey, KeyRingError> {
    let (id, key) = entry.split_once(':').ok_or(KeyRingError::Malformed(number))?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if id.is_empty() || id.len() > KEY_ID_LENGTH || !id.bytes().all(allowed) {
        return Err(KeyRingError::Id(number));
    }
    let id = id.to_owned();
    let bytes = LENIENT.decode(key).map(Zeroizing::new);
    let Some(key) = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()) else {
        return Err(KeyRingError::Length(id));
    };
    let key = Zeroizing::new(key);
    if key.iter().all(|byte| *byte == key[0]) {
        return Err(KeyRingError::Weak(id));
    }
    Ok(MasterKey { id, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> KeyRingError {
        KeyRing::parse(text).unwrap_err()
    }

    #[test]
    fn a_generated_key_is_read_with_or_without_padding() {
        let text = KeyRing::generate(&Random::seeded(1));
        let with = KeyRing::parse(&text).unwrap();
        let without = KeyRing::parse(&format!(" {} \n", text.trim_end_matches('='))).unwrap();
        assert_eq!(with.derive("x")[0].key, without.derive("x")[0].key);
        assert_eq!(format!("{with:?}"), format!("[\"{}\"]", text.split_once(':').unwrap().0));
    }

    #[test]
    fn keys_of_different_purposes_differ() {
        let random = Random::seeded(1);
        let text = format!("{},{}", KeyRing::generate(&random), KeyRing::generate(&random));
        let ring = KeyRing::parse(&text).unwrap();
        let (state, cookie) = (ring.derive("state"), ring.derive("cookie"));
        assert_eq!(state.len(), 2);
        assert_ne!(state[0].key, state[1].key);
        assert_ne!(state[0].key, cookie[0].key);
        assert!(ring.ids().eq([state[0].id.as_str(), state[1].id.as_str()]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = KeyRing::generate(&Random::seeded(1));
        let bytes = key.split_once(':').unwrap().1;
        let long = "k".repeat(33);
        assert_eq!(refusal(""), KeyRingError::Empty);
        assert_eq!(refusal(bytes), KeyRingError::Malformed(1));
        assert_eq!(refusal(&format!("{long}:{bytes}")), KeyRingError::Id(1));
        assert_eq!(refusal(&format!("a b:{bytes}")), KeyRingError::Id(1));
        assert_eq!(refusal("k:c2hvcnQ="), KeyRingError::Length("k".into()));
        assert_eq!(refusal("k:change-me"), KeyRingError::Length("k".into()));
        let zeros = format!("k:{}", STANDARD.encode([7; 32]));
        assert_eq!(refusal(&zeros), KeyRingError::Weak("k".into()));
        assert_eq!(refusal(&format!("a:{bytes},b:{bytes}")), KeyRingError::Duplicate("b".into()));
    }
}
