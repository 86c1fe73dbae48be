//! Signed assertions read back with the public keys, and the requests that carry them.

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::*;
use crate::{
    client_auth::{ClientAuthentication, ClientAuthenticationError},
    testing::{Script, form},
};

const ISSUER: &str = "https://as.example/tenant";
const ENDPOINT: &str = "https://as.example/token";
const NOW: i64 = 1_700_000_000;

const RSA: [&str; 2] = [include_str!("keys/rsa.pem"), include_str!("keys/rsa.pub.pem")];
const P256: [&str; 2] = [include_str!("keys/p256.pem"), include_str!("keys/p256.pub.pem")];
const P384: [&str; 2] = [include_str!("keys/p384.pem"), include_str!("keys/p384.pub.pem")];
const ED25519: [&str; 2] = [include_str!("keys/ed25519.pem"), include_str!("keys/ed25519.pub.pem")];

fn key(pem: &str, algorithm: &str) -> Result<SigningKey, SigningKeyError> {
    SigningKey::from_pem(&SecretString::from(pem), algorithm)
}

fn request(client: ClientAuthentication<'_>) -> TokenRequest<'_> {
    let resource = Some("https://mcp.example/mcp");
    TokenRequest { token_endpoint: ENDPOINT, client, resource, dpop: None }
}

fn public(client_id: &str) -> ClientAuthentication<'_> {
    ClientAuthentication { client_id, client_secret: None, method: "none", assertion: None }
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn every_algorithm_signs_what_its_public_key_verifies() {
    for algorithm in SigningKey::ALGORITHMS {
        let [private, public] = match algorithm {
            "ES256" => P256,
            "ES384" => P384,
            "EdDSA" => ED25519,
            _ => RSA,
        };
        let signed = key(private, algorithm).expect(algorithm).sign(&serde_json::json!({"a": 1}));
        let decoding = match algorithm.as_bytes() {
            [b'E', b'S', ..] => DecodingKey::from_ec_pem(public.as_bytes()),
            [b'E', ..] => DecodingKey::from_ed_pem(public.as_bytes()),
            _ => DecodingKey::from_rsa_pem(public.as_bytes()),
        };
        let mut validation = Validation::new(algorithm.parse().expect("an algorithm"));
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let token = signed.expect("a token");
        let decoding = decoding.expect("a public key");
        let read = jsonwebtoken::decode::<Value>(token.expose_secret(), &decoding, &validation);
        assert_eq!(read.expect(algorithm).claims["a"], 1);
    }
}

#[test]
fn a_key_that_does_not_fit_its_algorithm_is_refused_at_once() {
    assert_eq!(key(P256[0], "ES384").err(), Some(SigningKeyError::Key));
    assert_eq!(key(P256[0], "RS256").err(), Some(SigningKeyError::Key));
    assert_eq!(key(RSA[0], "ES256").err(), Some(SigningKeyError::Key));
    assert_eq!(key(P256[1], "ES256").err(), Some(SigningKeyError::Key));
    assert_eq!(key("-----BEGIN", "ES256").err(), Some(SigningKeyError::Key));
    for algorithm in ["HS256", "none", "ES512", "es256", ""] {
        assert_eq!(key(P256[0], algorithm).err(), Some(SigningKeyError::Algorithm), "{algorithm}");
    }
}

#[test]
fn an_own_key_signs_what_its_published_half_verifies() {
    let key = SigningKey::from_secret_bytes([7; 32]).expect("a key");
    let jwk = key.published().expect("a public key");
    assert_eq!((&jwk["use"], &jwk["alg"]), (&"sig".into(), &"ES256".into()));
    assert!(jwk["d"].is_null(), "no private part");
    let token = key.sign(&serde_json::json!({"a": 1})).expect("a token");
    let header = jsonwebtoken::decode_header(token.expose_secret()).expect("a header");
    assert_eq!(header.kid.as_deref(), jwk["kid"].as_str());
    let text = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
    let public = DecodingKey::from_ec_components(&text("x"), &text("y")).expect("a public key");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let read = jsonwebtoken::decode::<Value>(token.expose_secret(), &public, &validation);
    assert_eq!(read.expect("a good signature").claims["a"], 1);
    assert!(SigningKey::from_secret_bytes([0; 32]).is_none());
}

#[tokio::test]
async fn a_client_assertion_names_client_and_issuer_and_is_new_each_time() {
    let script = Script::new().json(ENDPOINT, 200, r#"{"access_token":"at"}"#);
    let key = key(P256[0], "ES256").expect("a key");
    let count = std::sync::atomic::AtomicU8::new(0);
    let identifiers = || [count.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 16];
    let assertion =
        Some(ClientAssertion { key: &key, audience: ISSUER, now: NOW, identifiers: &identifiers });
    let client = ClientAuthentication { method: "private_key_jwt", assertion, ..public("client") };
    let scopes = ["a".to_owned(), "b".to_owned()];
    let mut ids = HashSet::new();
    for _ in 0..2 {
        let answer = token::client_credentials(&script, &request(client), &scopes).await;
        assert!(answer.is_ok());
    }
    for sent in script.seen() {
        let mut sent = form(&sent);
        let (name, assertion) = sent.pop().expect("an assertion");
        assert_eq!(name, "client_assertion");
        assert_eq!(
            sent,
            fields(&[
                ("grant_type", "client_credentials"),
                ("scope", "a b"),
                ("resource", "https://mcp.example/mcp"),
                ("client_id", "client"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ])
        );
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[ISSUER]);
        validation.validate_exp = false;
        let public = DecodingKey::from_ec_pem(P256[1].as_bytes()).expect("a public key");
        let claims = jsonwebtoken::decode::<Value>(&assertion, &public, &validation);
        let claims = claims.expect("an assertion").claims;
        assert_eq!((&claims["iss"], &claims["sub"]), (&"client".into(), &"client".into()));
        assert_eq!((&claims["iat"], &claims["exp"]), (&NOW.into(), &(NOW + 60).into()));
        ids.insert(claims["jti"].to_string());
    }
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn a_client_without_its_key_sends_nothing() {
    let script = Script::new();
    let client = ClientAuthentication { method: "private_key_jwt", ..public("client") };
    let answer = token::client_credentials(&script, &request(client), &[]).await;
    assert_eq!(answer.err(), Some(TokenError::Client(ClientAuthenticationError::KeyMissing)));
    assert_eq!(script.urls(), [""; 0]);
}

#[tokio::test]
async fn an_id_token_is_exchanged_for_an_assertion_about_the_person() {
    let issued = r#"{"access_token":"the-id-jag","token_type":"N_A",
        "issued_token_type":"urn:ietf:params:oauth:token-type:id-jag"}"#;
    let script = Script::new().json(ENDPOINT, 200, issued);
    let id_token = SecretString::from("the-id-token");
    let asked =
        IdentityAssertionRequest { id_token: &id_token, audience: ISSUER, scopes: &["a".into()] };
    let given = exchange_id_token(&script, &request(public("at-the-idp")), &asked).await;
    assert_eq!(given.expect("an assertion").expose_secret(), "the-id-jag");
    assert_eq!(
        form(&script.only_request()),
        fields(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"),
            ("subject_token", "the-id-token"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
            ("audience", ISSUER),
            ("resource", "https://mcp.example/mcp"),
            ("scope", "a"),
            ("client_id", "at-the-idp"),
        ])
    );
}

#[tokio::test]
async fn an_exchange_that_gives_something_else_is_refused() {
    let id_token = SecretString::from("t");
    let asked = IdentityAssertionRequest { id_token: &id_token, audience: ISSUER, scopes: &[] };
    for (status, body) in [
        (200, r#"{"access_token":"at","token_type":"Bearer"}"#),
        (
            200,
            r#"{"access_token":"at","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#,
        ),
        (
            200,
            r#"{"access_token":"a b","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag"}"#,
        ),
        (200, r#"{"issued_token_type":"urn:ietf:params:oauth:token-type:id-jag"}"#),
        (400, r#"{"error":"invalid_grant"}"#),
    ] {
        let script = Script::new().json(ENDPOINT, status, body);
        let given = exchange_id_token(&script, &request(public("c")), &asked).await;
        assert!(given.is_err(), "{body}");
    }
}

#[tokio::test]
async fn an_assertion_can_be_all_the_client_there_is() {
    let script = Script::new().json(ENDPOINT, 200, r#"{"access_token":"at"}"#);
    let assertion = SecretString::from("the-assertion");
    assert!(jwt_bearer(&script, &request(public("")), &assertion, &[]).await.is_ok());
    assert_eq!(
        form(&script.only_request()),
        fields(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", "the-assertion"),
            ("resource", "https://mcp.example/mcp"),
        ])
    );
}
