//! The harness itself: a sign-in by hand against the scripted servers, and their ways to misbehave.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_tests::{
    api::{Answer, Api, Credentials},
    authorization_server::{AuthorizationServer, RefreshTokens},
    browser::Browser,
    client::client,
    fault::Fault,
    mcp_server::{Answers, McpServer},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const REDIRECT: &str = "http://127.0.0.1:1/callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-rfc-0123456789";

async fn post_form(url: &str, fields: &[(&str, &str)]) -> Answer {
    let sent = client(Duration::from_secs(5)).post(url).form(fields).send().await;
    Answer::read(sent.expect("the server answers")).await
}

async fn register(server: &AuthorizationServer) -> String {
    let request = json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"});
    let url = format!("{}/register", server.origin());
    let sent = client(Duration::from_secs(5)).post(url).json(&request).send().await;
    let answer = Answer::read(sent.expect("the server answers")).await.expect(201);
    answer["client_id"].as_str().expect("a client id").to_owned()
}

async fn sign_in_by_hand(server: &AuthorizationServer, resource: &str) -> (String, Value) {
    let client_id = register(server).await;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut url = url::Url::parse(&format!("{}/authorize", server.origin())).expect("a URL");
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", client_id.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", "s"),
        ("resource", resource),
    ]);
    let callback = Browser::of("ann").sign_in_up_to(url.as_str(), "/callback").await;
    let code = callback.query_pairs().find(|(name, _)| name == "code").expect("a code").1;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_ref()),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT),
        ("client_id", client_id.as_str()),
    ];
    let token = post_form(&format!("{}/token", server.origin()), &fields).await.expect(200);
    (client_id, token)
}

async fn refresh(server: &AuthorizationServer, client_id: &str, token: &Value) -> Answer {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token["refresh_token"].as_str().unwrap_or_default()),
        ("client_id", client_id),
    ];
    post_form(&format!("{}/token", server.origin()), &fields).await
}

#[tokio::test]
async fn a_token_of_a_sign_in_by_hand_opens_the_mcp_server() {
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let (_, token) = sign_in_by_hand(&server, &mcp.url()).await;

    let token = token["access_token"].as_str().expect("a token").to_owned();
    let api = Api::new(mcp.origin(), Credentials::Bearer(token));
    let mut client = api.mcp("");
    client.initialize().await.expect(200);
    let answer = client.call("whoami", "{}").await.expect(200);
    assert_eq!(answer["result"]["content"][0]["text"], "ann");
    assert_eq!(mcp.log().rpc("tools/call").len(), 1);
}

#[tokio::test]
async fn without_a_token_the_mcp_server_answers_with_a_challenge_that_leads_to_metadata() {
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let mut client = Api::new(mcp.origin(), Credentials::None).mcp("");
    let answer = client.initialize().await;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").expect("a challenge");
    let address = challenge.split('"').nth(1).expect("an address in quotes");
    let metadata = client_get(address).await.expect(200);
    assert_eq!(metadata["authorization_servers"], json!([server.issuer()]));
}

async fn client_get(url: &str) -> Answer {
    let sent = client(Duration::from_secs(5)).get(url).send().await;
    Answer::read(sent.expect("the server answers")).await
}

#[tokio::test]
async fn a_used_refresh_token_revokes_its_family_where_the_server_is_strict() {
    let server = AuthorizationServer::start().await;
    let (client_id, first) = sign_in_by_hand(&server, "r").await;
    let second = refresh(&server, &client_id, &first).await.expect(200);
    refresh(&server, &client_id, &first).await.expect(400);
    refresh(&server, &client_id, &second).await.expect(400);
    let presented = first["refresh_token"].as_str().expect("a refresh token");
    assert_eq!(server.log().refreshes_with(presented), 2);
}

#[tokio::test]
async fn a_used_refresh_token_goes_on_working_where_the_server_is_graceful() {
    let server = AuthorizationServer::start().await;
    server.script(|script| script.refresh_tokens = RefreshTokens::Grace);
    let (client_id, first) = sign_in_by_hand(&server, "r").await;
    refresh(&server, &client_id, &first).await.expect(200);
    refresh(&server, &client_id, &first).await.expect(200);
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_refresh_was_carried_out() {
    let server = AuthorizationServer::start().await;
    let (client_id, first) = sign_in_by_hand(&server, "r").await;
    server.script(|script| script.lost_answers = 1);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first["refresh_token"].as_str().unwrap_or_default()),
        ("client_id", client_id.as_str()),
    ];
    let url = format!("{}/token", server.origin());
    let lost = client(Duration::from_secs(5)).post(url).form(&fields).send().await;
    assert!(lost.is_err());
    let again = refresh(&server, &client_id, &first).await;
    assert_eq!(again.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn token_requests_wait_at_the_gate() {
    let server = AuthorizationServer::start().await;
    let (client_id, first) = sign_in_by_hand(&server, "r").await;
    server.token_gate().close();
    let (waiting, holder) = (server.clone(), client_id.clone());
    let refreshing = tokio::spawn(async move { refresh(&waiting, &holder, &first).await });
    server.token_gate().waiting(1).await;
    assert!(!refreshing.is_finished());
    server.token_gate().open();
    refreshing.await.expect("no panic").expect(200);
}

#[tokio::test]
async fn metadata_can_break_off_be_large_or_lie() {
    let server = AuthorizationServer::start().await;
    let url = format!("{}/.well-known/oauth-authorization-server", server.origin());
    server.script(|script| script.metadata_fault = Some(Fault::CloseMidBody));
    let broken = client(Duration::from_secs(5)).get(&url).send().await.expect("a head");
    assert!(broken.status().is_success() && broken.bytes().await.is_err());

    server.script(|script| script.metadata_fault = Some(Fault::Large(3_000_000)));
    assert_eq!(client_get(&url).await.body.len(), 3_000_000);

    server.script(|script| {
        script.metadata_fault = None;
        script.metadata = json!({"issuer": "https://other.example", "token_endpoint": null});
    });
    let lying = client_get(&url).await.expect(200);
    assert_eq!(lying["issuer"], "https://other.example");
    assert!(lying.get("token_endpoint").is_none());
}

#[tokio::test]
async fn the_mcp_server_checks_what_2026_07_28_sends_in_headers() {
    let mcp = McpServer::open().await;
    let client = Api::new(mcp.origin(), Credentials::None).mcp("");
    let call = r#""name":"echo","arguments":{"n":123456789012345678901}"#;
    let answer = client.stateless("tools/call", Some("echo"), call).await;
    assert!(answer.text().contains(r#""structuredContent":{"n":123456789012345678901}"#));
    let refused = client.stateless("tools/call", Some("other"), call).await.expect(400);
    assert_eq!(refused["error"]["code"], -32020);
    let unknown = client.stateless("no/such", None, "").await.expect(404);
    assert_eq!(unknown["error"]["code"], -32601);
}

#[tokio::test]
async fn slow_calls_come_in_events_that_a_test_can_hold_back() {
    let mcp = McpServer::open().await;
    mcp.script(|script| script.answers = Answers::Sse);
    mcp.call_gate().close();
    let mut client = Api::new(mcp.origin(), Credentials::None).mcp("");
    assert!(client.initialize().await.text().starts_with("event: message\ndata: {"));
    let message = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow","arguments":{"steps":3}}}"#;
    let mut response = client.stream(message).await;
    let first = response.chunk().await.expect("a body").expect("an event");
    assert!(String::from_utf8_lossy(&first).contains("\"progress\":1"));
    mcp.call_gate().waiting(1).await;
    mcp.call_gate().open();
    let rest = response.text().await.expect("the rest");
    assert!(rest.contains("\"progress\":3") && rest.contains("\"id\":7"));
}
