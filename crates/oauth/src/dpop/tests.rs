//! The vectors of RFC 7517 and RFC 9449, proofs read back with their own key, and nonces.

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    client_auth::ClientAuthentication,
    testing::{Script, response},
    token::{self, TokenRequest, TokenType},
};

/// The private key of RFC 7517, appendix A.2.
const PRIVATE: &str = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";
const ENDPOINT: &str = "https://as.example/token";

fn key() -> DpopKey {
    DpopKey::from_secret(&SecretString::from(PRIVATE)).expect("a key")
}

fn request<'a>(url: &'a str, token: Option<&'a SecretString>) -> ProofRequest<'a> {
    ProofRequest {
        method: "POST",
        url,
        access_token: token,
        nonce: None,
        now: 1_700_000_000,
        identifier: [7; 16],
    }
}

/// Header and claims of a proof whose signature is good.
fn read(proof: &HeaderValue) -> (Value, Value) {
    let proof = proof.to_str().expect("text");
    let (signed, signature) = proof.rsplit_once('.').expect("a signature");
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let (header, claims) = signed.split_once('.').expect("two parts");
    let json = |text: &str| serde_json::from_slice::<Value>(&decode(text)).expect("JSON");
    let header = json(header);
    let coordinate = |name: &str| decode(header["jwk"][name].as_str().expect("a coordinate"));
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let public = VerifyingKey::from_sec1_bytes(&point).expect("a public key");
    let signature = Signature::from_slice(&decode(signature)).expect("a signature");
    public.verify(signed.as_bytes(), &signature).expect("a good signature");
    (header, json(claims))
}

#[test]
fn a_proof_says_which_request_it_is_for() {
    let (header, claims) = read(&key().proof(&request("https://h.example/mcp?key=1#x", None)));
    assert_eq!((&header["typ"], &header["alg"]), (&"dpop+jwt".into(), &"ES256".into()));
    assert_eq!(header["jwk"]["x"], "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4");
    assert_eq!(header["jwk"]["y"], "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    assert_eq!(header["jwk"].as_object().map(serde_json::Map::len), Some(4), "no private part");
    let expected = json!({
        "htm": "POST", "htu": "https://h.example/mcp", "iat": 1_700_000_000,
        "jti": URL_SAFE_NO_PAD.encode([7; 16]),
    });
    assert_eq!(claims, expected);
}

#[test]
fn a_proof_is_bound_to_its_token_as_in_rfc_9449() {
    let token = SecretString::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let with_nonce =
        ProofRequest { nonce: Some("n-1"), ..request("https://h.example/", Some(&token)) };
    let (_, claims) = read(&key().proof(&with_nonce));
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    assert_eq!(claims["nonce"], "n-1");
}

#[test]
fn a_key_survives_being_written_down() {
    assert_eq!(key().to_secret().expose_secret(), PRIVATE);
    for text in ["", "x", "AAAA", &"A".repeat(43)] {
        assert!(DpopKey::from_secret(&SecretString::from(text)).is_none(), "{text}");
    }
    assert!(DpopKey::from_random([0; 32]).is_none() && DpopKey::from_random([255; 32]).is_none());
}

#[test]
fn a_nonce_is_wanted_only_where_the_server_says_so() {
    let of = |challenge: &str, nonce: &str| {
        let headers = [("www-authenticate", challenge), ("dpop-nonce", nonce)];
        wanted_nonce(response(401, &headers, "").headers()).map(str::to_owned)
    };
    let asks = r#"Bearer realm="x", DPoP error="use_dpop_nonce", algs="ES256""#;
    assert_eq!(of(asks, "n-1").as_deref(), Some("n-1"));
    assert_eq!(of(asks, ""), None);
    assert_eq!(of(asks, "a b"), None);
    assert_eq!(of(asks, &"x".repeat(LONGEST_NONCE + 1)), None);
    assert_eq!(of(r#"DPoP error="invalid_token""#, "n-1"), None);
    assert_eq!(of(r#"Bearer error="use_dpop_nonce""#, "n-1"), None);
}

async fn ask(
    script: &Script,
    key: Option<&DpopKey>,
) -> Result<token::TokenAnswer, token::TokenError> {
    let identifiers = || [1; 16];
    let dpop = key.map(|key| DpopBinding { key, nonce: None, now: 1, identifiers: &identifiers });
    let client = ClientAuthentication {
        client_id: "c",
        client_secret: None,
        method: "none",
        assertion: None,
    };
    let request = TokenRequest { token_endpoint: ENDPOINT, client, resource: None, dpop };
    token::client_credentials(script, &request, &[]).await
}

#[tokio::test]
async fn a_token_endpoint_that_wants_a_nonce_is_asked_once_more_with_it() {
    let headers = [("content-type", "application/json"), ("dpop-nonce", "n-1")];
    let script = Script::new().response(ENDPOINT, 400, &headers, r#"{"error":"use_dpop_nonce"}"#);
    let refused = ask(&script, Some(&key())).await.err();
    assert_eq!(
        refused.and_then(|error| error.code().map(str::to_owned)).as_deref(),
        Some("use_dpop_nonce")
    );
    let nonces: Vec<Value> =
        script.seen().iter().map(|sent| read(&sent.headers()["dpop"]).1["nonce"].clone()).collect();
    assert_eq!(nonces, [Value::Null, "n-1".into()]);
}

#[tokio::test]
async fn a_bound_token_is_taken_only_after_a_proof() {
    let bound = r#"{"access_token":"at","token_type":"DPoP"}"#;
    let headers = [("content-type", "application/json"), ("dpop-nonce", "n-2")];
    let script = Script::new().response(ENDPOINT, 200, &headers, bound);
    assert!(ask(&script, None).await.is_err());
    assert!(!script.only_request().headers().contains_key("dpop"));
    let answer = ask(&script, Some(&key())).await.expect("tokens");
    assert_eq!((answer.token_type, answer.dpop_nonce.as_deref()), (TokenType::Dpop, Some("n-2")));
    let plain = Script::new().json(ENDPOINT, 200, r#"{"access_token":"at","token_type":"bearer"}"#);
    let answer = ask(&plain, Some(&key())).await.expect("tokens");
    assert_eq!(answer.token_type, TokenType::Bearer);
}

proptest! {
    #[test]
    fn any_key_proves_any_request(
        bytes in proptest::array::uniform32(1_u8..255),
        path in "[!-~]{0,40}",
        nonce in proptest::option::of("[!-~]{1,40}"),
        token in "[!-~]{1,80}",
    ) {
        let key = DpopKey::from_random(bytes).expect("a key below the order of the curve");
        let (url, token) = (format!("https://h.example/{path}"), SecretString::from(token));
        let proof = key.proof(&ProofRequest { nonce: nonce.as_deref(), ..request(&url, Some(&token)) });
        let (_, claims) = read(&proof);
        prop_assert_eq!(claims["nonce"].as_str(), nonce.as_deref());
        let htu = claims["htu"].as_str().expect("htu");
        prop_assert!(url.starts_with(htu) && !htu.contains(['?', '#']));
        let again = DpopKey::from_secret(&key.to_secret()).expect("the same key");
        prop_assert_eq!(again.thumbprint(), key.thumbprint());
    }
}
