//! Sealing: AES-256-GCM under a key of its own for every value, bound to the place where it is
//! stored.
//!
//! A sealed value is `version (1) ‖ key id (32, padded with zeros) ‖ salt (32) ‖ nonce (12) ‖
//! commitment (32) ‖ ciphertext and tag`. The value's key and the commitment come from the master
//! key and the salt by HKDF-SHA256. The commitment makes sure that no ciphertext opens under two
//! keys, which GCM by itself does not promise. The associated data names table, column, row, user
//! and key id, so that a value moved elsewhere does not open.

mod key_ring;

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use keyway_model::Random;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

pub use key_ring::{DerivedKey, KeyRing, KeyRingError};
pub(crate) use key_ring::{KEY_ID_LENGTH, MasterKey, key_id_of_padded};

use crate::error::Error;

const VERSION: u8 = 1;
const SALT_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 12;
const COMMITMENT_LENGTH: usize = 32;
const HEAD_LENGTH: usize = 1 + KEY_ID_LENGTH + SALT_LENGTH + NONCE_LENGTH + COMMITMENT_LENGTH;
const PURPOSE: &[u8] = b"keyway|v1|sealed values";

/// Where a sealed value is stored.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// The row's key, such that no two rows of the table have the same.
    pub(crate) row: &'a str,
    /// Whose row it is; empty where it is nobody's.
    pub(crate) user: &'a str,
}

impl Place<'_> {
    fn unsealing(&self) -> Error {
        Error::Unsealing { table: self.table, column: self.column, row: self.row.to_owned() }
    }

    /// Every part with its length before it, so that no two places have the same associated data.
    fn associated_data(&self, key_id: &str) -> Vec<u8> {
        let parts = ["keyway|v1", self.table, self.column, self.row, self.user, key_id];
        let mut data = Vec::new();
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

impl KeyRing {
    /// Seals under the first key.
    pub(crate) fn seal(&self, random: &Random, place: Place<'_>, secret: &SecretString) -> Vec<u8> {
        seal_under(self.current(), random, place, secret)
    }

    /// Opens what was sealed for the same place under any of the keys.
    ///
    /// # Errors
    /// [`Error::Unsealing`], whatever the reason.
    pub(crate) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<SecretString, Error> {
        self.try_open(place, sealed).ok_or_else(|| place.unsealing())
    }

    fn try_open(&self, place: Place<'_>, sealed: &[u8]) -> Option<SecretString> {
        let (version, rest) = sealed.split_first()?;
        let (key_id, rest) = rest.split_at_checked(KEY_ID_LENGTH)?;
        let (salt, rest) = rest.split_at_checked(SALT_LENGTH)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LENGTH)?;
        let (commitment, ciphertext) = rest.split_at_checked(COMMITMENT_LENGTH)?;
        let master = self.padded(key_id).filter(|_| *version == VERSION)?;
        let keys = ValueKeys::derive(master, salt);
        if !bool::from(keys.commitment().ct_eq(commitment)) {
            return None;
        }
        let nonce = Nonce::try_from(nonce).ok()?;
        let aad = place.associated_data(&master.id);
        let plain = keys.cipher().decrypt(&nonce, Payload { msg: ciphertext, aad: &aad }).ok()?;
        let text = String::from_utf8(plain).map_err(|error| error.into_bytes().zeroize()).ok()?;
        Some(text.into())
    }
}

/// Seals under this key; outside the canary it is always the ring's first one.
pub(crate) fn seal_under(
    master: &MasterKey,
    random: &Random,
    place: Place<'_>,
    secret: &SecretString,
) -> Vec<u8> {
    let salt = random.bytes::<SALT_LENGTH>();
    let nonce = random.bytes::<NONCE_LENGTH>();
    let keys = ValueKeys::derive(master, &salt);
    let aad = place.associated_data(&master.id);
    let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &aad };
    let ciphertext = keys
        .cipher()
        .encrypt(&nonce.into(), payload)
        .expect("AES-GCM refuses only plaintexts of 64 GiB and more");
    let mut sealed = Vec::with_capacity(HEAD_LENGTH + ciphertext.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&master.padded_id());
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(keys.commitment());
    sealed.extend_from_slice(&ciphertext);
    sealed
}

/// What one value is sealed with: its key, and behind it the commitment to that key.
struct ValueKeys(Zeroizing<[u8; 32 + COMMITMENT_LENGTH]>);

impl ValueKeys {
    fn derive(master: &MasterKey, salt: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; 32 + COMMITMENT_LENGTH]);
        Hkdf::<Sha256>::new(Some(salt), &*master.key)
            .expand(PURPOSE, &mut *bytes)
            .expect("64 bytes are fewer than the 8160 that HKDF-SHA256 gives");
        Self(bytes)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new_from_slice(&self.0[..32]).expect("the slice has the 32 bytes of a key")
    }

    fn commitment(&self) -> &[u8] {
        &self.0[32..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> =
        Place { table: "grants", column: "access_token", row: "1", user: "ana" };

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).unwrap()
    }

    fn keys() -> (String, String) {
        let random = Random::seeded(7);
        (KeyRing::generate(&random), KeyRing::generate(&random))
    }

    fn opens(ring: &KeyRing, place: Place<'_>, sealed: &[u8]) -> bool {
        match ring.open(place, sealed) {
            Ok(secret) => secret.expose_secret() == "s3cret",
            Err(Error::Unsealing { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_was_sealed_opens_at_its_place_alone() {
        let (key, _) = keys();
        let ring = ring(&key);
        let sealed = ring.seal(&Random::seeded(1), PLACE, &"s3cret".into());
        assert!(opens(&ring, PLACE, &sealed));
        for moved in [
            Place { table: "connectors", ..PLACE },
            Place { column: "refresh_token", ..PLACE },
            Place { row: "2", ..PLACE },
            Place { user: "bob", ..PLACE },
            Place { row: "", user: "1ana", ..PLACE },
            Place { row: "1a", user: "na", ..PLACE },
        ] {
            assert!(!opens(&ring, moved, &sealed));
        }
    }

    #[test]
    fn a_damaged_value_does_not_open() {
        let (key, _) = keys();
        let ring = ring(&key);
        let sealed = ring.seal(&Random::seeded(1), PLACE, &"s3cret".into());
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&ring, PLACE, &damaged), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(!opens(&ring, PLACE, &sealed[..length]), "{length} bytes");
        }
        assert!(!opens(&ring, PLACE, &[&sealed[..], &[0]].concat()));
    }

    #[test]
    fn an_old_key_still_opens_and_the_first_one_seals() {
        let (old, new) = keys();
        let sealed = ring(&old).seal(&Random::seeded(1), PLACE, &"s3cret".into());
        let both = ring(&format!("{new},{old}"));
        assert!(opens(&both, PLACE, &sealed));
        assert!(!opens(&ring(&new), PLACE, &sealed));
        let again = both.seal(&Random::seeded(1), PLACE, &"s3cret".into());
        assert!(opens(&ring(&new), PLACE, &again));
    }

    #[test]
    fn another_key_under_the_same_id_does_not_open() {
        let (first, second) = keys();
        let renamed = |key: &str| format!("k:{}", key.split_once(':').unwrap().1);
        let sealed = ring(&renamed(&first)).seal(&Random::seeded(1), PLACE, &"s3cret".into());
        assert!(opens(&ring(&renamed(&first)), PLACE, &sealed));
        assert!(!opens(&ring(&renamed(&second)), PLACE, &sealed));
    }

    #[test]
    fn no_two_values_share_salt_or_nonce() {
        let (key, _) = keys();
        let (ring, random) = (ring(&key), Random::seeded(1));
        let head =
            |sealed: &[u8]| sealed[1 + KEY_ID_LENGTH..][..SALT_LENGTH + NONCE_LENGTH].to_vec();
        let heads: std::collections::HashSet<_> =
            (0..1000).map(|_| head(&ring.seal(&random, PLACE, &"s3cret".into()))).collect();
        assert_eq!(heads.len(), 1000);
    }
}
