//! The token requests against a scripted server, and every class of answer.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    authorization::{Expected, parse_callback, validate_callback},
    testing::{Script, form, response},
};

const ENDPOINT: &str = "https://as.example/token";

fn request(method: &'static str, secret: Option<&'static SecretString>) -> TokenRequest<'static> {
    TokenRequest {
        token_endpoint: ENDPOINT,
        client: ClientAuthentication {
            client_id: "client",
            client_secret: secret,
            method,
            assertion: None,
        },
        resource: Some("https://MCP.example"),
        dpop: None,
    }
}

fn code() -> AuthorizationCode {
    let expected = Expected { issuer: "https://as.example", iss_supported: false };
    let parameters = parse_callback("code=the-code").expect("parameters");
    validate_callback(parameters, &expected).expect("a code")
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(status: u16, body: &str) -> Result<TokenAnswer, TokenError> {
    read_answer(&response(status, &[("retry-after", "7")], body), false)
}

fn answer(body: &str) -> TokenAnswer {
    read(200, body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn class(status: u16, body: &str) -> TokenErrorClass {
    read(status, body).err().expect("an error").class()
}

#[tokio::test]
async fn a_code_is_exchanged_with_verifier_and_resource() {
    let script =
        Script::new().json(ENDPOINT, 200, r#"{"access_token":"at","token_type":"Bearer"}"#);
    let verifier = SecretString::from("the-verifier");
    let redirect_uri = "https://keyway.example/oauth/callback";
    let answer =
        exchange_code(&script, &request("none", None), &code(), redirect_uri, &verifier).await;
    assert_eq!(answer.expect("tokens").access_token.expose_secret(), "at");
    let sent = script.only_request();
    assert_eq!(sent.method(), "POST");
    assert_eq!(sent.headers()["accept"], "application/json");
    assert_eq!(sent.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(
        form(&sent),
        pairs(&[
            ("grant_type", "authorization_code"),
            ("code", "the-code"),
            ("redirect_uri", redirect_uri),
            ("code_verifier", "the-verifier"),
            ("resource", "https://MCP.example"),
            ("client_id", "client"),
        ])
    );
}

#[tokio::test]
async fn a_refresh_sends_the_same_resource_and_the_scopes() {
    let script = Script::new().json(ENDPOINT, 200, r#"{"access_token":"at"}"#);
    let scopes = ["a".to_owned(), "b".to_owned()];
    let token = SecretString::from("the-refresh-token");
    let answer = refresh(&script, &request("none", None), &token, &scopes).await;
    assert!(answer.is_ok_and(|answer| answer.refresh_token.is_none()));
    assert_eq!(
        form(&script.only_request()),
        pairs(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", "the-refresh-token"),
            ("scope", "a b"),
            ("resource", "https://MCP.example"),
            ("client_id", "client"),
        ])
    );
}

#[tokio::test]
async fn a_refresh_can_run_detached() {
    let detached = tokio::spawn(async {
        let token = SecretString::from("rt");
        refresh(&Script::new(), &request("none", None), &token, &[]).await.err()
    });
    let error = detached.await.expect("an end").expect("an error");
    assert_eq!(error.to_string(), "the token endpoint answered 404");
}

#[tokio::test]
async fn a_client_without_its_secret_sends_nothing() {
    let script = Script::new();
    let token = SecretString::from("rt");
    let answer = refresh(&script, &request("client_secret_basic", None), &token, &[]).await;
    assert_eq!(answer.err().map(|e| e.class()), Some(TokenErrorClass::ClientBroken));
    assert_eq!(script.urls(), [""; 0]);
}

#[tokio::test]
async fn a_missing_answer_is_told_apart_from_a_missing_connection() {
    for (error, expected) in [
        (SendError::Unreachable(String::new()), TokenErrorClass::Transient { retry_after: None }),
        (SendError::Blocked(String::new()), TokenErrorClass::Transient { retry_after: None }),
        (SendError::NoAnswer(String::new()), TokenErrorClass::Ambiguous),
        (SendError::TooLarge(1), TokenErrorClass::Protocol),
    ] {
        let script = Script::new().fail(ENDPOINT, error);
        let token = SecretString::from("rt");
        let answer = refresh(&script, &request("none", None), &token, &[]).await;
        assert_eq!(answer.err().map(|e| e.class()), Some(expected));
    }
}

#[test]
fn every_refusal_has_its_class() {
    use TokenErrorClass::{ClientBroken, Protocol, Rejected};
    let transient = TokenErrorClass::Transient { retry_after: Some(Duration::from_secs(7)) };
    for (status, body, expected) in [
        (400, r#"{"error":"invalid_grant","error_description":"x"}"#, Rejected),
        (401, r#"{"error":"invalid_grant"}"#, Rejected),
        (200, r#"{"error":"bad_refresh_token"}"#, Rejected),
        (200, r#"{"ok":false,"error":"invalid_refresh_token"}"#, Rejected),
        (200, "error=bad_verification_code&error_description=x", Rejected),
        (400, r#"{"error":"token_expired"}"#, Rejected),
        (400, r#"{"error":"expired_refresh_token"}"#, Rejected),
        (400, r#"{"error":"interaction_required"}"#, Rejected),
        (400, r#"{"error":"invalid_scope"}"#, Rejected),
        (400, r#"{"error":"invalid_target"}"#, Rejected),
        (401, r#"{"error":"invalid_client"}"#, ClientBroken),
        (400, r#"{"error":"Invalid_Client"}"#, ClientBroken),
        (400, "error=unauthorized_client", ClientBroken),
        (401, "", ClientBroken),
        (401, "<h1>no</h1>", ClientBroken),
        (401, r#"{"error":"invalid_request"}"#, Protocol),
        (400, r#"{"error":"temporarily_unavailable"}"#, transient),
        (400, r#"{"error":"slow_down"}"#, transient),
        (500, r#"{"error":"invalid_grant"}"#, transient),
        (429, r#"{"error":"invalid_grant"}"#, transient),
        (503, "<h1>down</h1>", transient),
        (408, "", transient),
        (425, "", transient),
        (422, "Unrecognized client_id", Protocol),
        (400, r#"{"error":"unheard_of"}"#, Protocol),
        (400, r#"{"error":{"code":"invalid_grant"}}"#, Protocol),
        (400, r#"{"error":"invalid_grant","error":"x"}"#, Protocol),
        (302, "", Protocol),
        (200, "<html>login</html>", Protocol),
        (200, "", Protocol),
        (200, "null", Protocol),
        (200, r#"{"token_type":"bearer"}"#, Protocol),
        (200, r#"{"access_token":"a","access_token":"b"}"#, Protocol),
    ] {
        assert_eq!(class(status, body), expected, "{status} {body}");
    }
}

#[test]
fn an_error_shows_its_code_and_never_the_providers_text() {
    let body = r#"{"error":"invalid_grant","error_description":"secret rt-123"}"#;
    let error = read(400, body).err().expect("an error");
    assert_eq!(error.code(), Some("invalid_grant"));
    assert_eq!(error.to_string(), "the authorization server refused with the error invalid_grant");
    let odd = read(400, r#"{"error":"<script>"}"#).err().expect("an error");
    assert_eq!((odd.code(), odd.to_string().contains('<')), (None, false));
}

#[test]
fn a_life_is_known_only_where_the_server_gives_one() {
    let year = Some(Duration::from_secs(365 * 24 * 3600));
    for (expires_in, expected) in [
        ("3600", Some(Duration::from_secs(3600))),
        ("\"3600\"", Some(Duration::from_secs(3600))),
        ("3600.5", Some(Duration::from_millis(3_600_500))),
        ("3", Some(Duration::from_secs(3))),
        ("1e99", year),
        ("0", None),
        ("-1", None),
        ("null", None),
        ("\"soon\"", None),
        ("\"NaN\"", None),
        ("\"inf\"", None),
        ("{}", None),
    ] {
        let body = format!(r#"{{"access_token":"at","expires_in":{expires_in}}}"#);
        assert_eq!(answer(&body).expires_in, expected, "{expires_in}");
    }
}

#[test]
fn only_bearer_tokens_that_may_stand_in_a_header_are_taken() {
    for good in [r#""token_type":"BEARER""#, r#""token_type":null"#, r#""x":[]"#] {
        answer(&format!(r#"{{"access_token":"at",{good}}}"#));
    }
    let long = "x".repeat(16 * 1024 + 1);
    for bad in [
        r#""access_token":"at","token_type":"mac""#,
        r#""access_token":"at","token_type":7"#,
        r#""access_token":"""#,
        r#""access_token":"a\r\nX: y""#,
        r#""access_token":"é""#,
        r#""access_token":{"token":"x"}"#,
        r#""access_token":"at","refresh_token":"at""#,
        r#""access_token":"at","refresh_token":"a b""#,
        &format!(r#""access_token":"{long}""#),
    ] {
        let error = read(200, &format!("{{{bad}}}")).err();
        assert_eq!(error.map(|e| e.class()), Some(TokenErrorClass::Protocol), "{bad:.60}");
    }
}

#[test]
fn a_form_encoded_answer_is_read() {
    let answer = answer("access_token=at%2B1&expires_in=60&scope=a+b&token_type=bearer");
    assert_eq!(answer.access_token.expose_secret(), "at+1");
    assert_eq!(answer.expires_in, Some(Duration::from_secs(60)));
    assert_eq!(answer.scopes, Some(vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn what_is_absent_or_empty_is_none() {
    let body = r#"{"access_token":"at","refresh_token":"","scope":"","id_token":7}"#;
    let answer = answer(body);
    assert!(answer.refresh_token.is_none());
    assert_eq!(answer.scopes, None);
    assert!(answer.id_token.is_none());
}

#[test]
fn scopes_may_be_an_array() {
    let answer = answer(r#"{"access_token":"at","scope":["a",7,"b"],"refresh_token":"rt"}"#);
    assert_eq!(answer.scopes, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert!(answer.refresh_token.is_some_and(|token| token.expose_secret() == "rt"));
}

proptest! {
    #[test]
    fn any_answer_is_survived(
        status in 200_u16..600,
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut any = response(status, &[], "");
        *any.body_mut() = Bytes::from(body);
        if let Err(error) = read_answer(&any, false) {
            let _ = (error.class(), error.to_string());
        }
    }

    #[test]
    fn a_token_that_is_taken_can_stand_in_a_header(token in "[ -~é\r\n]{0,20}") {
        let body = serde_json::json!({"access_token": token, "refresh_token": "rt"}).to_string();
        if let Ok(answer) = read(200, &body) {
            let access_token = answer.access_token.expose_secret();
            prop_assert!(access_token.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(access_token, token);
        }
    }

    #[test]
    fn any_json_of_our_members_is_survived(
        name in "access_token|refresh_token|expires_in|scope|token_type|error|id_token",
        value in "null|true|-?[0-9]{1,30}|\"[ -~&&[^\"\\\\]]{0,20}\"|\\[\\]|\\{\\}",
    ) {
        let _ = read(200, &format!(r#"{{"access_token":"at","{name}":{value}}}"#));
        let _ = read(400, &format!(r#"{{"{name}":{value}}}"#));
    }
}
