//! What becomes of tokens when their grant is forgotten (RFC 7009): the refresh token first, from a queue
//! that outlives connectors and processes, with a receipt (reference: quirk 21, "disconnect does not
//! revoke").

use keyway_tests::{
    api::Api, authorization_server::AuthorizationServer, browser::Browser, fault::Fault,
    log::Recorded, mcp_server::McpServer, process::Process, scene::Scene, settings::Settings,
    until::until,
};
use serde_json::{Value, json};

const SIGN_OUT: &str = "/api/v1/connectors/notes/oauth";

fn revocations(server: &AuthorizationServer) -> Vec<Recorded> {
    server.log().to("/revoke")
}

fn hints(server: &AuthorizationServer) -> Vec<String> {
    let hint = |request: &Recorded| request.form("token_type_hint");
    revocations(server).iter().filter_map(hint).collect()
}

/// The receipt, once there is one.
async fn receipt(api: &Api) -> Value {
    let receipts = || async {
        let page = api.get("/api/v1/activity?connector=notes").await.expect(200);
        let list = page["activity"].as_array().cloned().unwrap_or_default();
        list.into_iter().find(|one| one["action"] == "tokens_revoked")
    };
    until("there is a receipt", || async { receipts().await.is_some() }).await;
    receipts().await.unwrap_or_default()
}

#[tokio::test]
async fn signing_out_revokes_the_refresh_token_first_and_then_the_access_token() {
    let scene = Scene::signed_in().await;
    let access_token = scene.authorization_server.newest_access_token().expect("a token");
    scene.api.delete(SIGN_OUT).await.expect(204);
    let told = receipt(&scene.api).await;
    assert_eq!((&told["outcome"], &told["detail"]), (&json!("revoked"), &Value::Null));
    assert_eq!(told["actor"], "keyway");
    let seen = revocations(&scene.authorization_server);
    assert_eq!(hints(&scene.authorization_server), ["refresh_token", "access_token"]);
    assert!(seen[0].form("token").is_some_and(|token| token.starts_with("rt-")));
    assert_eq!(seen[1].form("token"), Some(access_token.clone()));
    assert!(scene.authorization_server.token(&access_token).is_none());
}

#[tokio::test]
async fn a_server_without_revocation_gets_a_receipt_that_says_where_to_end_it() {
    let scene = Scene::new().await;
    let nowhere = json!({"revocation_endpoint": null});
    scene.authorization_server.script(|script| script.metadata = nowhere);
    scene.sign_in().await;
    scene.api.delete(SIGN_OUT).await.expect(204);
    let told = receipt(&scene.api).await;
    assert_eq!(told["outcome"], "not_supported");
    let words = told["detail"].as_str().unwrap_or_default();
    assert!(words.contains(scene.authorization_server.issuer()), "{words}");
    assert!(revocations(&scene.authorization_server).is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_take_the_kind_of_token_is_not_asked_again() {
    let scene = Scene::signed_in().await;
    let fault = Fault::oauth_error(400, "unsupported_token_type");
    scene.authorization_server.script(|script| script.revocation_fault = Some(fault));
    scene.api.delete(SIGN_OUT).await.expect(204);
    assert_eq!(receipt(&scene.api).await["outcome"], "not_supported");
    assert_eq!(hints(&scene.authorization_server), ["refresh_token", "access_token"]);
    let left = scene.keyway.running().context().background.next_revocation_at().await;
    assert_eq!(left.ok(), Some(None), "nothing is left in the queue");
}

#[tokio::test]
async fn a_server_that_is_down_is_asked_again_later_and_the_connector_is_gone_meanwhile() {
    let scene = Scene::signed_in().await;
    let server = &scene.authorization_server;
    server.script(|script| script.revocation_fault = Some(Fault::Status(503)));
    scene.api.delete("/api/v1/connectors/notes").await.expect(204);
    assert_eq!(scene.api.get("/api/v1/connectors/notes").await.status, 404);
    server.log().wait_until(|seen| seen.iter().any(|request| request.path == "/revoke")).await;
    server.script(|script| script.revocation_fault = None);
    // The clock stands still, so the next try does not come by itself.
    until("the pause has begun", || async {
        let next = scene.keyway.running().context().background.next_revocation_at().await;
        let pause = next.ok().flatten().map(|next| next.since(scene.keyway.clock().now()));
        pause.is_some_and(|pause| !pause.is_zero() && pause.as_secs() < 10)
    })
    .await;
    assert_eq!(hints(server), ["refresh_token"]);
    scene.advance(10);
    let told = receipt(&scene.api).await;
    assert_eq!((&told["outcome"], &told["connector"]), (&json!("revoked"), &json!("notes")));
    assert_eq!(hints(server), ["refresh_token", "refresh_token", "access_token"]);
}

#[tokio::test]
async fn after_a_day_nobody_asks_any_more() {
    let scene = Scene::signed_in().await;
    let server = &scene.authorization_server;
    server.script(|script| script.revocation_fault = Some(Fault::Status(503)));
    scene.api.delete(SIGN_OUT).await.expect(204);
    server.log().wait_until(|seen| seen.iter().any(|request| request.path == "/revoke")).await;
    scene.advance(24 * 3600);
    let told = receipt(&scene.api).await;
    assert_eq!(told["outcome"], "gave_up");
    assert!(told["detail"].as_str().is_some_and(|words| words.contains(server.issuer())));
}

#[tokio::test]
async fn a_killed_process_finishes_the_queue_after_its_restart() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::single_user(&directory);
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let process = Process::serve(&settings, &directory).await;
    process.api().create_oauth("notes", &mcp.url()).await;
    let (authorize_url, _) = process.api().start_sign_in("notes").await;
    Browser::of("alice").sign_in(&authorize_url).await;
    server.script(|script| script.revocation_fault = Some(Fault::Status(503)));
    process.api().delete(SIGN_OUT).await.expect(204);
    server.log().wait_until(|seen| seen.iter().any(|request| request.path == "/revoke")).await;
    until("the try is put off", || async {
        process.log().contains("the tokens are revoked later")
    })
    .await;
    process.kill().await;

    server.script(|script| script.revocation_fault = None);
    let again = Process::serve(&settings, &directory).await;
    assert_eq!(receipt(&again.api()).await["outcome"], "revoked");
    assert_eq!(hints(&server).last().map(String::as_str), Some("access_token"));
}
