//! How many streams a user may hold open.

use keyway_tests::{
    api::Api,
    keyway::Keyway,
    mcp_client::McpClient,
    mcp_server::{Answers, Eras, McpServer},
    settings::Settings,
    until::until,
};
use serde_json::json;

const SLOW: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow","arguments":{"steps":2}}}"#;

/// A Keyway with so many streams for each user.
async fn with_streams(most: &str) -> Keyway {
    Keyway::start(Settings::tokens, |settings| {
        settings.set("KEYWAY_STREAMS_PER_USER", most);
    })
    .await
}

/// A client of an open server, past its handshake.
async fn connect(api: &Api, server: &McpServer) -> McpClient {
    let connector = json!({"url": server.url(), "slug": "notes", "auth_type": "headers"});
    api.create(connector).await.expect(201);
    let mut client = api.mcp("notes");
    client.initialize().await.expect(200);
    client
}

async fn server() -> McpServer {
    let server = McpServer::open().await;
    server.script(|script| script.eras = Eras::Handshake);
    server
}

#[tokio::test]
async fn a_user_holds_so_many_streams_and_others_theirs() {
    let (keyway, server) = (with_streams("2").await, server().await);
    let alice = connect(&keyway.api_of("alice"), &server).await;
    let (first, _second) = (alice.listen().await, alice.listen().await);
    let third = alice.listen().await;
    assert_eq!(third.status(), 429);
    assert_eq!(third.headers()["retry-after"], "1");
    assert_eq!(server.listeners(), 2, "the server is not asked");
    let call = alice.call("echo", "{}").await;
    assert_eq!(call.problem(), (429, "rate_limited".to_owned()));
    let bob = connect(&keyway.api_of("bob"), &server).await;
    assert_eq!(bob.listen().await.status(), 200);
    drop(first);
    until("there is room again", || async { alice.listen().await.status() == 200 }).await;
}

#[tokio::test]
async fn an_answer_that_streams_holds_a_place_until_it_ends() {
    let (keyway, server) = (with_streams("1").await, server().await);
    let alice = connect(&keyway.api_of("alice"), &server).await;
    server.script(|script| script.answers = Answers::Sse);
    server.call_gate().close();
    let calling = alice.stream(SLOW).await;
    assert_eq!(calling.status(), 200);
    assert_eq!(alice.stream(SLOW).await.status(), 429);
    server.call_gate().open();
    let answer = calling.text().await.expect("it comes to its end");
    assert!(answer.contains("done"), "{answer}");
    until("there is room again", || async { alice.call("echo", "{}").await.status == 200 }).await;
    alice.end().await.expect(204);
}

#[tokio::test]
async fn what_ends_a_session_is_let_through() {
    let (keyway, server) = (with_streams("1").await, server().await);
    let alice = connect(&keyway.api_of("alice"), &server).await;
    let _listening = alice.listen().await;
    alice.end().await.expect(204);
    assert_eq!(server.open_sessions(), 0);
}
