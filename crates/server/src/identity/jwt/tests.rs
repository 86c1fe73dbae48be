//! The table of tokens that are taken and refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, encode};
use serde_json::json;

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000)
}

fn rules() -> Rules {
    Rules {
        issuer: "https://chat.example".into(),
        audience: "keyway".into(),
        user_claim: "sub".into(),
    }
}

fn good() -> Value {
    json!({"iss": "https://chat.example", "aud": "keyway", "sub": "ana", "exp": NOW + 600, "iat": NOW})
}

/// The good claims with some changed, or removed by `null`.
fn changed(changes: Value) -> Map<String, Value> {
    let (Value::Object(mut claims), Value::Object(changes)) = (good(), changes) else { panic!() };
    claims.extend(changes);
    claims.retain(|_, value| !value.is_null());
    claims
}

fn signed(header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn verdict(token: &str, algorithms: &[Algorithm], key: &DecodingKey) -> Result<Verified, Refused> {
    let header = admitted_header(token, algorithms)?;
    rules().judge(&signed_claims(token, &header, key)?, now())
}

fn verdict_of_secret(token: &str) -> Result<Verified, Refused> {
    verdict(token, &[Algorithm::HS256], &DecodingKey::from_secret(SECRET))
}

#[test]
fn a_good_token_names_its_user_until_it_ends() {
    let verified = verdict_of_secret(&signed(&Header::default(), &good())).unwrap();
    assert_eq!(verified.user.as_str(), "ana");
    assert_eq!(verified.until, now().plus(Duration::from_secs(660)));
}

#[test]
fn a_list_of_audiences_may_hold_ours() {
    assert!(rules().judge(&changed(json!({"aud": ["other", "keyway"]})), now()).is_ok());
}

#[test]
fn claims_that_do_not_fit_are_refused() {
    for (changes, word) in [
        (json!({"iss": null}), "iss"),
        (json!({"iss": "https://chat.example/"}), "iss"),
        (json!({"iss": ["https://chat.example"]}), "iss"),
        (json!({"aud": null}), "aud"),
        (json!({"aud": "keyway2"}), "aud"),
        (json!({"aud": ["other"]}), "aud"),
        (json!({"sub": null}), "sub"),
        (json!({"sub": ""}), "sub"),
        (json!({"sub": " "}), "sub"),
        (json!({"sub": 7}), "sub"),
        (json!({"exp": null}), "exp"),
        (json!({"exp": "soon"}), "exp"),
        (json!({"exp": 1e300}), "exp"),
        (json!({"exp": NOW - 60}), "has ended"),
        (json!({"nbf": NOW + 61}), "not valid yet"),
        (json!({"iat": NOW + 61}), "not valid yet"),
        (json!({"exp": NOW + 86_401}), "24 hours"),
        (json!({"exp": NOW + 86_401, "iat": null}), "24 hours"),
        (json!({"exp": NOW + 60, "iat": NOW - 86_400}), "24 hours"),
    ] {
        let refused = rules().judge(&changed(changes.clone()), now()).unwrap_err();
        assert!(refused.to_string().contains(word), "{changes}: {refused}");
    }
}

#[test]
fn a_minute_of_leeway_is_given() {
    for changes in [json!({"exp": NOW - 59}), json!({"nbf": NOW + 60}), json!({"iat": NOW + 60})] {
        assert!(rules().judge(&changed(changes.clone()), now()).is_ok(), "{changes}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.", part(json!({"alg": "none"})), part(good()));
    assert!(matches!(verdict_of_secret(&token), Err(Refused::Malformed)));
}

#[test]
fn a_critical_header_parameter_is_refused() {
    let header = Header { crit: Some(vec!["b64".into()]), ..Header::default() };
    assert!(matches!(verdict_of_secret(&signed(&header, &good())), Err(Refused::Critical)));
}

#[test]
fn another_secret_and_another_algorithm_are_refused() {
    let token = encode(&Header::default(), &good(), &EncodingKey::from_secret(b"other")).unwrap();
    assert!(matches!(verdict_of_secret(&token), Err(Refused::Signature)));
    let token = signed(&Header::new(Algorithm::HS512), &good());
    assert!(matches!(verdict_of_secret(&token), Err(Refused::Algorithm)));
}

/// A public key of the host application, with what a client could know of it.
const RSA_MODULUS: &str = concat!(
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX",
    "jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSq",
    "zs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ",
    "-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
);

fn key_set() -> KeySet {
    let keys = json!({"keys": [
        {"kty": "RSA", "kid": "one", "use": "sig", "n": RSA_MODULUS, "e": "AQAB"},
        {"kty": "RSA", "kid": "sealing", "use": "enc", "n": RSA_MODULUS, "e": "AQAB"},
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {"kty": "unheard-of", "kid": "new"},
    ]});
    KeySet::parse(keys.to_string().as_bytes()).unwrap()
}

#[test]
fn a_public_key_used_as_a_shared_secret_is_refused() {
    let forged = EncodingKey::from_secret(RSA_MODULUS.as_bytes());
    let header = Header { kid: Some("one".into()), ..Header::default() };
    let token = encode(&header, &good(), &forged).unwrap();
    let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    assert!(matches!(admitted_header(&token, &algorithms), Err(Refused::Algorithm)));
    assert!(key_set().key(&header).is_none());
}

#[test]
fn a_key_is_chosen_by_its_name_or_because_it_is_the_only_one() {
    let header =
        |kid: Option<&str>| Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    assert!(key_set().key(&header(Some("one"))).is_some());
    assert!(key_set().key(&header(None)).is_some());
    for kid in ["two", "sealing", "shared", "new"] {
        assert!(key_set().key(&header(Some(kid))).is_none(), "{kid}");
    }
}
