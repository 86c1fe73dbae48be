//! Random text for the tokens and ids that the scripted servers make up.

use keyway_model::Random;

/// 32 hexadecimal digits.
pub(crate) fn random_text() -> String {
    format!("{:032x}", u128::from_be_bytes(Random::system().bytes()))
}
