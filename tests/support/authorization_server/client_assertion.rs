//! Clients that sign (RFC 7523 §2.2): an assertion is checked in full, with the client's public key, and
//! taken once.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::{Shared, books::ClientKeys, token::Fields};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Whether the assertion is signed by a key of the client's, for this server, lives shortly and comes for
/// the first time.
pub(super) fn proves(
    shared: &Shared,
    client_id: &str,
    keys: &ClientKeys,
    fields: &Fields,
    jwt: &str,
) -> bool {
    let Some(key) = public_key(shared, keys, jwt) else { return false };
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[&shared.issuer]);
    // The server's clock is the test's, not the library's.
    validation.validate_exp = false;
    let Ok(read) = jsonwebtoken::decode::<Value>(jwt, &key, &validation) else { return false };
    let now = shared.clock.now().as_seconds();
    let fresh = read.claims["exp"].as_i64().is_some_and(|end| end > now && end <= now + 300);
    let own = read.claims["iss"] == client_id && read.claims["sub"] == client_id;
    let typed = fields.get("client_assertion_type").is_some_and(|kind| kind == JWT_BEARER);
    let id = read.claims["jti"].as_str().filter(|id| !id.is_empty());
    fresh && own && typed && id.is_some_and(|id| shared.books().is_first(id))
}

fn public_key(shared: &Shared, keys: &ClientKeys, jwt: &str) -> Option<DecodingKey> {
    let set = match keys {
        ClientKeys::None => return None,
        ClientKeys::Pem(pem) => return DecodingKey::from_ec_pem(pem.as_bytes()).ok(),
        ClientKeys::Set(set) => set.clone(),
        ClientKeys::At(address) => shared.books().keys_at(address),
    };
    let id = jsonwebtoken::decode_header(jwt).ok()?.kid?;
    let jwk = set["keys"].as_array()?.iter().find(|key| key["kid"] == id.as_str())?;
    DecodingKey::from_ec_components(jwk["x"].as_str()?, jwk["y"].as_str()?).ok()
}
