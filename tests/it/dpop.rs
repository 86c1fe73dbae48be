//! Tokens that are bound to a key: proofs at the token endpoint and on every MCP request, nonces of both
//! servers. The scripted servers check each proof in full and take each only once.

use std::collections::HashSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_model::Clock;
use keyway_tests::{
    api::{Api, Credentials},
    authorization_server::AuthorizationServer,
    browser::Browser,
    keyway,
    log::{Log, Recorded},
    mcp_server::McpServer,
    scene::{NOTES, Scene},
    settings::Settings,
};
use serde_json::Value;

/// Servers that bind tokens; nobody signed in yet.
async fn scene() -> Scene {
    let scene = Scene::new().await;
    bind(&scene.authorization_server, &scene.mcp);
    scene
}

fn bind(server: &AuthorizationServer, mcp: &McpServer) {
    server.script(|script| script.dpop = true);
    mcp.script(|script| script.dpop = true);
}

fn with_nonces(scene: &Scene) {
    scene.authorization_server.script(|script| script.dpop_nonce = Some("as-1".to_owned()));
    scene.mcp.script(|script| script.dpop_nonce = Some("rs-1".to_owned()));
}

/// Header and claims of the proof that came with a request.
fn proof(request: &Recorded) -> (Value, Value) {
    let mut parts = request.header("dpop").unwrap_or_default().split('.');
    let mut next = || {
        let decoded = URL_SAFE_NO_PAD.decode(parts.next().unwrap_or_default()).unwrap_or_default();
        serde_json::from_slice(&decoded).unwrap_or_default()
    };
    (next(), next())
}

fn proven(log: &Log) -> Vec<Recorded> {
    log.matching(|request| request.header("dpop").is_some())
}

#[tokio::test]
async fn a_bound_token_goes_with_a_fresh_proof_on_every_request_by_either_door() {
    let scene = scene().await;
    scene.sign_in().await;
    scene.assert_works().await;
    let mut client = scene.api.mcp(NOTES);
    client.initialize().await.expect(200);
    client.call("whoami", "{}").await.expect(200);
    client.end().await;
    let authorized = scene.mcp.log().matching(|request| request.header("authorization").is_some());
    assert!(authorized.len() > 4);
    let mut ids = HashSet::new();
    for request in &authorized {
        assert!(request.header("authorization").is_some_and(|value| value.starts_with("DPoP ")));
        assert!(ids.insert(proof(request).1["jti"].to_string()), "each proof has an id of its own");
    }
    let key = proof(&authorized[0]).0["jwk"].clone();
    let asked = proven(scene.authorization_server.log());
    assert_eq!((asked.len(), &proof(&asked[0]).0["jwk"]), (1, &key));
}

#[tokio::test]
async fn a_refresh_proves_the_same_key() {
    let scene = scene().await;
    scene.sign_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    let asked = proven(scene.authorization_server.log());
    assert_eq!(asked.len(), 2);
    assert_eq!(proof(&asked[0]).0["jwk"], proof(&asked[1]).0["jwk"]);
}

#[tokio::test]
async fn nonces_of_both_servers_are_sent_back_and_remembered() {
    let scene = scene().await;
    with_nonces(&scene);
    scene.sign_in().await;
    scene.assert_works().await;
    let nonces = |log: &Log| -> Vec<Value> {
        proven(log).iter().map(|request| proof(request).1["nonce"].clone()).collect()
    };
    assert_eq!(nonces(scene.authorization_server.log()), [Value::Null, "as-1".into()]);
    let sent = nonces(scene.mcp.log());
    assert_eq!(sent[0], Value::Null);
    assert!(sent.len() > 2 && sent[1..].iter().all(|nonce| nonce == "rs-1"), "{sent:?}");
    scene.advance(3600);
    scene.assert_works().await;
    assert_eq!(nonces(scene.authorization_server.log()).len(), 3, "the nonce was remembered");
}

#[tokio::test]
async fn a_nonce_that_changes_costs_one_more_request_and_no_refresh() {
    let scene = scene().await;
    with_nonces(&scene);
    scene.sign_in().await;
    let mut client = scene.api.mcp(NOTES);
    client.initialize().await.expect(200);
    scene.mcp.script(|script| script.dpop_nonce = Some("rs-2".to_owned()));
    let before = scene.mcp.log().len();
    client.call("whoami", "{}").await.expect(200);
    client.call("whoami", "{}").await.expect(200);
    assert_eq!(scene.mcp.log().len() - before, 3);
    assert_eq!(scene.refreshes(), 0);
}

#[tokio::test]
async fn a_protected_resource_can_ask_for_bound_tokens_in_its_metadata() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.dpop = true);
    let required = serde_json::json!({"dpop_bound_access_tokens_required": true});
    scene.mcp.script(|script| script.metadata = required);
    scene.sign_in().await;
    scene.assert_works().await;
    assert!(!proven(scene.mcp.log()).is_empty());
}

#[tokio::test]
async fn without_being_asked_a_token_stays_a_bearer_token() {
    for (server, mcp) in [(true, false), (false, true)] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.dpop = server);
        scene.mcp.script(|script| script.dpop = mcp);
        scene.sign_in().await;
        scene.assert_works().await;
        assert!(proven(scene.mcp.log()).is_empty());
        assert!(proven(scene.authorization_server.log()).is_empty());
    }
}

#[tokio::test]
async fn a_grant_without_a_person_is_bound_too() {
    let scene = Scene::without_connector(Settings::single_user, |_| {}).await;
    bind(&scene.authorization_server, &scene.mcp);
    with_nonces(&scene);
    scene.authorization_server.register_client("machine", Some("s"), "https://unused.example/");
    let oauth = serde_json::json!({"grant": "client_credentials", "client_id": "machine",
        "client_secret": "s"});
    let connector = serde_json::json!({"url": scene.mcp.url(), "slug": NOTES, "oauth": oauth});
    scene.api.create(connector).await.expect(201);
    for _ in 0..2 {
        scene.whoami().await.expect(200);
        scene.advance(3600);
    }
    let keys: HashSet<String> =
        proven(scene.mcp.log()).iter().map(|sent| proof(sent).0["jwk"].to_string()).collect();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn the_key_survives_a_restart() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::single_user(&directory);
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    bind(&server, &mcp);
    let first = keyway::start(&settings, Clock::system()).await.expect("keyway starts");
    let api = Api::new(&first.public_url, Credentials::None);
    api.create_oauth(NOTES, &mcp.url()).await;
    let (authorize_url, _) = api.start_sign_in(NOTES).await;
    Browser::of("alice").sign_in(&authorize_url).await;
    first.shutdown().await;
    let second = keyway::start(&settings, Clock::system()).await.expect("keyway starts again");
    let api = Api::new(&second.public_url, Credentials::None);
    api.call(NOTES, "whoami", serde_json::json!({})).await.expect(200);
    let (asked, sent) = (proven(server.log()), proven(mcp.log()));
    assert_eq!(proof(&asked[0]).0["jwk"], proof(&sent[0]).0["jwk"]);
    second.shutdown().await;
}
