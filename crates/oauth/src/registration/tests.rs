//! Registration against a scripted server, and every way in which an answer cannot be used.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Script, response};

const ENDPOINT: &str = "https://as.example/register";
const OURS: &str = "https://keyway.example/oauth/callback";
const NOW: i64 = 1_700_000_000;

fn request(method: &'static str) -> RegistrationRequest<'static> {
    RegistrationRequest {
        redirect_uris: &[OURS],
        client_name: "Keyway",
        client_uri: None,
        application_type: "web",
        scope: Some("read write"),
        grant_types: &["authorization_code", "refresh_token"],
        token_endpoint_auth_method: method,
        keys: None,
        token_endpoint_auth_methods_supported: None,
    }
}

fn read(asked: &'static str, body: &Value) -> Result<RegisteredClient, RegistrationError> {
    read_answer(&response(201, &[], &body.to_string()), &request(asked), NOW)
}

fn method(asked: &'static str, body: &Value) -> Result<String, RegistrationError> {
    read(asked, body).map(|client| client.token_endpoint_auth_method)
}

#[tokio::test]
async fn the_request_says_what_the_client_is() {
    let script = Script::new().json(ENDPOINT, 201, r#"{"client_id":"c"}"#);
    let client = register(&script, ENDPOINT, &request("none"), NOW).await;
    assert_eq!(client.ok().map(|client| client.client_id).as_deref(), Some("c"));
    let sent = script.only_request();
    assert_eq!(sent.method(), "POST");
    assert_eq!(sent.headers()["content-type"], "application/json");
    let body: Value = serde_json::from_slice(sent.body()).expect("JSON");
    assert_eq!(
        body,
        json!({
            "redirect_uris": [OURS],
            "client_name": "Keyway",
            "application_type": "web",
            "scope": "read write",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        })
    );
}

#[tokio::test]
async fn a_missing_answer_is_no_refusal() {
    let error = SendError::Unreachable("x".to_owned());
    let script = Script::new().fail(ENDPOINT, error.clone());
    let client = register(&script, ENDPOINT, &request("none"), NOW).await;
    assert_eq!(client.err(), Some(RegistrationError::Send(error)));
}

#[test]
fn the_method_in_the_answer_governs() {
    let both = |method: Value| json!({"client_id": "c", "client_secret": "s", "token_endpoint_auth_method": method});
    for (asked, body, expected) in [
        ("none", both(json!("client_secret_post")), "client_secret_post"),
        ("client_secret_post", both(json!("client_secret_basic")), "client_secret_basic"),
        ("client_secret_basic", both(json!("none")), "none"),
        ("none", both(json!(null)), "client_secret_basic"),
        ("client_secret_post", both(json!(7)), "client_secret_post"),
        ("client_secret_basic", json!({"client_id": "c"}), "none"),
    ] {
        assert_eq!(method(asked, &body).as_deref(), Ok(expected), "{body}");
    }
}

#[test]
fn a_secret_without_a_method_is_used_as_the_metadata_says() {
    let body = json!({"client_id": "c", "client_secret": "s"}).to_string();
    for (offered, expected) in [
        (vec!["none"], "none"),
        (vec!["none", "client_secret_post"], "client_secret_post"),
        (vec!["client_secret_post", "client_secret_basic"], "client_secret_basic"),
        (vec!["private_key_jwt"], "client_secret_basic"),
    ] {
        let offered: Vec<_> = offered.into_iter().map(str::to_owned).collect();
        let supported = Some(offered.as_slice());
        let request = RegistrationRequest {
            token_endpoint_auth_methods_supported: supported,
            ..request("none")
        };
        let client = read_answer(&response(201, &[], &body), &request, NOW).expect("a client");
        assert_eq!(client.token_endpoint_auth_method, expected, "{offered:?}");
    }
}

#[test]
fn a_method_that_is_not_supported_is_named() {
    let body = json!({"client_id": "c", "token_endpoint_auth_method": "private_key_jwt"});
    let error = method("none", &body).expect_err("an error");
    assert!(error.to_string().contains("private_key_jwt"), "{error}");
    let body = json!({"client_id": "c", "token_endpoint_auth_method": "client_secret_basic"});
    assert!(matches!(method("none", &body), Err(RegistrationError::Answer(_))));
}

#[test]
fn answers_that_cannot_be_used_are_refused() {
    for body in [
        json!({}),
        json!({"client_id": 7}),
        json!({"client_id": ""}),
        json!({"client_id": "a\r\nb"}),
        json!({"client_id": "x".repeat(2 * 1024 + 1)}),
        json!({"client_id": "c", "redirect_uris": ["https://evil.example/"]}),
        json!({"client_id": "c", "redirect_uris": []}),
        json!({"client_id": "c", "client_secret": "a\nb"}),
    ] {
        assert!(matches!(read("none", &body), Err(RegistrationError::Answer(_))), "{body}");
    }
    let html = read_answer(&response(201, &[], "<html>"), &request("none"), NOW);
    assert!(matches!(html, Err(RegistrationError::Answer(_))));
}

#[test]
fn a_secret_ends_when_the_server_says() {
    let body =
        |at: Value| json!({"client_id": "c", "client_secret": "s", "client_secret_expires_at": at});
    for (at, expected) in [
        (json!(0), Ok(None)),
        (json!(null), Ok(None)),
        (json!(NOW + 60), Ok(Some(NOW + 60))),
        (json!((NOW + 60).to_string()), Ok(Some(NOW + 60))),
        (json!(NOW), Err(RegistrationError::SecretExpired)),
        (json!(-1), Err(RegistrationError::SecretExpired)),
    ] {
        let client = read("client_secret_post", &body(at.clone()));
        assert_eq!(client.map(|client| client.client_secret_expires_at), expected, "{at}");
    }
    let public = json!({"client_id": "c", "client_secret_expires_at": 1});
    assert!(read("none", &public).is_ok_and(|c| c.client_secret_expires_at.is_none()));
}

#[test]
fn refusals_carry_their_code_and_pass_apart_from_being_busy() {
    let busy = Some(Duration::from_secs(9));
    for (status, body, expected) in [
        (
            400,
            r#"{"error":"invalid_redirect_uri","error_description":"no"}"#,
            RegistrationError::Refused {
                status: 400,
                code: Some("invalid_redirect_uri".to_owned()),
            },
        ),
        (
            200,
            r#"{"error":"invalid_client_metadata"}"#,
            RegistrationError::Refused {
                status: 200,
                code: Some("invalid_client_metadata".to_owned()),
            },
        ),
        (403, "<html>", RegistrationError::Refused { status: 403, code: None }),
        (302, "", RegistrationError::Refused { status: 302, code: None }),
        (429, "{}", RegistrationError::Unavailable { status: 429, retry_after: busy }),
        (503, "<html>", RegistrationError::Unavailable { status: 503, retry_after: busy }),
    ] {
        let answer = response(status, &[("retry-after", "9")], body);
        assert_eq!(read_answer(&answer, &request("none"), NOW).err(), Some(expected), "{body}");
    }
}

#[test]
fn the_methods_to_ask_for_are_a_signature_then_none_then_the_servers_first_secret() {
    for (offered, signing, expected) in [
        (None, "ES256", vec!["none"]),
        (Some(vec!["client_secret_post", "none"]), "ES256", vec!["none"]),
        (Some(vec!["client_secret_post", "client_secret_basic"]), "", vec!["client_secret_post"]),
        (Some(vec!["none", "private_key_jwt"]), "ES256", vec!["private_key_jwt", "none"]),
        (
            Some(vec!["client_secret_basic", "private_key_jwt"]),
            "ES256",
            vec!["private_key_jwt", "client_secret_basic"],
        ),
        (Some(vec!["private_key_jwt"]), "ES256", vec!["private_key_jwt"]),
        (Some(vec!["private_key_jwt", "client_secret_post"]), "RS256", vec!["client_secret_post"]),
        (Some(vec!["private_key_jwt"]), "RS256", vec!["none"]),
    ] {
        let offered = offered.map(|methods| methods.into_iter().map(str::to_owned).collect());
        let server = AuthorizationServerMetadata {
            token_endpoint_auth_methods_supported: offered,
            token_endpoint_auth_signing_alg_values_supported: Some(vec![signing.to_owned()]),
            ..AuthorizationServerMetadata::default()
        };
        assert_eq!(auth_methods(&server), expected);
    }
}

#[tokio::test]
async fn a_client_that_signs_is_registered_with_its_keys_and_keeps_no_secret() {
    let keys = json!({"keys": []});
    for (given, name, sent) in [
        (ClientKeys::At("https://k.example/jwks"), "jwks_uri", json!("https://k.example/jwks")),
        (ClientKeys::Inline(&keys), "jwks", keys.clone()),
    ] {
        let answer = r#"{"client_id":"c","client_secret":"s",
            "token_endpoint_auth_method":"private_key_jwt"}"#;
        let script = Script::new().json(ENDPOINT, 201, answer);
        let request = RegistrationRequest { keys: Some(given), ..request("private_key_jwt") };
        let client = register(&script, ENDPOINT, &request, NOW).await.expect("a client");
        assert!(client.client_secret.is_none());
        assert_eq!(client.token_endpoint_auth_method, "private_key_jwt");
        let body: Value = serde_json::from_slice(script.only_request().body()).expect("JSON");
        assert_eq!(body[name], sent);
        assert_eq!(body["token_endpoint_auth_signing_alg"], "ES256");
    }
}

#[test]
fn a_client_whose_keys_the_server_does_not_know_cannot_sign() {
    let body = json!({"client_id": "c", "token_endpoint_auth_method": "private_key_jwt"});
    let error = RegistrationError::UnsupportedAuthMethod { method: Some("private_key_jwt".into()) };
    assert_eq!(method("none", &body), Err(error));
}

#[test]
fn a_client_on_this_machine_is_native() {
    for (redirect_uri, expected) in [
        ("https://keyway.example/oauth/callback", "web"),
        ("http://localhost:8420/oauth/callback", "native"),
        ("https://localhost:8420/oauth/callback", "native"),
        ("http://127.0.0.1:1/", "native"),
        ("https://[::1]:1/", "native"),
        ("http://keyway.lan/", "native"),
    ] {
        assert_eq!(application_type(redirect_uri), expected, "{redirect_uri}");
    }
}
