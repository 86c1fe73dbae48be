//! Proof Key for Code Exchange (RFC 7636), with `S256` alone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use secrecy::SecretString;

/// The one method that is used; `plain` is never.
pub const METHOD: &str = "S256";

/// The two halves of one sign-in's proof.
pub struct Pkce {
    /// Kept until the code comes back, then sent to the token endpoint: 43 characters.
    pub verifier: SecretString,
    /// Sent with the authorization request: the verifier's SHA-256 in base64url.
    pub challenge: String,
}

/// A proof from 32 random bytes, which must come from a cryptographic generator.
pub fn from_random(random: [u8; 32]) -> Pkce {
    let verifier = PkceCodeVerifier::new(URL_SAFE_NO_PAD.encode(random));
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier).as_str().to_owned();
    Pkce { verifier: SecretString::from(verifier.into_secret()), challenge }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b_comes_out() {
        let random = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let pkce = from_random(random);
        assert_eq!(pkce.verifier.expose_secret(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
