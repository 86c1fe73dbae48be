//! Several processes on one PostgreSQL: one refresh between them, recovery after a crash, and changes
//! that are seen everywhere.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use keyway_tests::{
    api::Api,
    authorization_server::{AuthorizationServer, RefreshTokens},
    browser::Browser,
    mcp_server::McpServer,
    process::Process,
    settings::Settings,
    until::until,
};
use serde_json::json;
use tempfile::TempDir;

/// Two processes on one database, and a connector `notes` that is signed in.
struct Pair {
    one: Process,
    two: Process,
    authorization_server: AuthorizationServer,
    _mcp: McpServer,
    _directory: TempDir,
}

async fn pair(script: impl FnOnce(&AuthorizationServer)) -> Pair {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::on_postgres(&directory);
    let authorization_server = AuthorizationServer::start().await;
    script(&authorization_server);
    let mcp = McpServer::protected_by(&authorization_server).await;
    mcp.script(|script| script.sessions = false);
    let one = Process::serve(&settings, &directory).await;
    let two = Process::serve(&settings, &directory).await;
    one.api().create_oauth("notes", &mcp.url()).await;
    let (authorize_url, session) = one.api().start_sign_in("notes").await;
    Browser::of("alice").sign_in(&authorize_url).await;
    assert_eq!(two.api().session(&session).await["status"], "finished");
    Pair { one, two, authorization_server, _mcp: mcp, _directory: directory }
}

async fn whoami(api: Api) -> u16 {
    api.call("notes", "whoami", json!({})).await.status.as_u16()
}

async fn until_expired(server: &AuthorizationServer) {
    let token = server.newest_access_token().expect("a token was given out");
    until("the token expires", || async { server.token(&token).is_none() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_renew_an_expired_grant_once() {
    let pair = pair(|server| {
        server.script(|script| script.token_lifetime = Duration::from_secs(2));
    })
    .await;
    let server = &pair.authorization_server;
    server.script(|script| script.token_lifetime = Duration::from_secs(3600));
    until_expired(server).await;
    let before = server.log().refreshes().len();
    server.token_gate().close();
    let apis = [pair.one.api(), pair.two.api()];
    let calls = (0..100).map(|n| tokio::spawn(whoami(apis[n % 2].clone())));
    let calls: Vec<_> = calls.collect();
    server.token_gate().waiting(1).await;
    server.token_gate().open();
    for status in join_all(calls).await {
        assert_eq!(status.expect("no panic"), 200);
    }
    assert_eq!(server.log().refreshes().len() - before, 1);
}

#[tokio::test]
async fn a_process_that_is_killed_in_a_refresh_is_recovered_from_where_the_server_has_grace() {
    let pair = pair(|server| {
        server.script(|script| {
            script.refresh_tokens = RefreshTokens::Grace;
            script.token_lifetime = Duration::from_secs(2);
        });
    })
    .await;
    let server = &pair.authorization_server;
    server.script(|script| script.token_lifetime = Duration::from_secs(3600));
    until_expired(server).await;
    let before = server.log().refreshes().len();
    server.answer_gate().close();
    let api = pair.one.api();
    // Its answer never comes: the process is gone.
    let call = tokio::spawn(async move {
        let call = json!({"connector": "notes", "tool": "whoami", "arguments": {}});
        api.request(Method::POST, "/api/v1/tools/call").json(&call).send().await.is_err()
    });
    server.answer_gate().waiting(1).await;
    pair.one.kill().await;
    server.answer_gate().open();
    assert!(call.await.expect("no panic"), "nobody was left to answer");
    until("the other process works", || async { whoami(pair.two.api()).await == 200 }).await;
    assert_eq!(pair.two.api().connector("notes").await["state"], "ready");
    assert_eq!(server.log().refreshes().len() - before, 2);
}

#[tokio::test]
async fn a_change_in_one_process_is_seen_in_the_other() {
    let pair = pair(|_| {}).await;
    assert_eq!(whoami(pair.two.api()).await, 200);
    let change = json!({"enabled": false});
    pair.one.api().patch("/api/v1/connectors/notes", change).await.expect(200);
    until("the other process sees it", || async { whoami(pair.two.api()).await == 409 }).await;
}

#[tokio::test]
async fn a_sign_in_begun_in_one_process_ends_in_the_other() {
    let pair = pair(|_| {}).await;
    let started = pair.one.api().start("notes", json!({"force": true})).await.expect(200);
    let authorize_url = started["authorize_url"].as_str().expect("an address");
    let browser = Browser::of("alice");
    let callback = browser.sign_in_up_to(authorize_url, "/oauth/callback").await;
    let elsewhere = callback.as_str().replacen(pair.one.origin(), pair.two.origin(), 1);
    assert_eq!(browser.open(&elsewhere).await.status, 200);
    assert_eq!(whoami(pair.one.api()).await, 200);
}
