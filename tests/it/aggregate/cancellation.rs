//! A client that does not want its answer any more: the server hears of it in the way of its wire.

use keyway_tests::{
    keyway::Keyway,
    mcp_server::{Eras, McpServer},
    until::until,
    wire_client::{HANDSHAKE, STATELESS},
};
use serde_json::{Value, json};

use super::{client, serve};

fn slow() -> Value {
    json!({"name": "notes__slow", "arguments": {"steps": 2}, "_meta": {"progressToken": "p"}})
}

/// Waits until the server knows that nobody waits for its call.
async fn assert_told(server: &McpServer, eras: Eras) {
    if eras == Eras::Handshake {
        let log = server.log();
        log.wait_until(|seen| {
            let call = seen.iter().find(|seen| seen.rpc_method() == "tools/call");
            let id = call.map(|call| call.json()["id"].clone()).unwrap_or_default();
            let told = seen.iter().find(|seen| seen.rpc_method() == "notifications/cancelled");
            told.is_some_and(|told| told.json()["params"]["requestId"] == id)
        })
        .await;
    } else {
        let gone = || async { server.call_gate().standing() == 0 };
        until("the stream is closed", gone).await;
        assert!(server.log().rpc("notifications/cancelled").is_empty());
    }
}

#[tokio::test]
async fn a_session_cancels_by_name() {
    for eras in [Eras::Handshake, Eras::Stateless] {
        let keyway = Keyway::single_user().await;
        let server = serve(&keyway.api(), "notes", eras).await;
        let client = client(&keyway.api(), HANDSHAKE).await;
        server.call_gate().close();
        let mut messages = client.open("tools/call", slow()).await;
        messages.until("notifications/progress").await;
        server.call_gate().waiting(1).await;
        let unknown = json!({"requestId": "another"});
        client.tell("notifications/cancelled", unknown).await.expect(202);
        assert_eq!(server.call_gate().standing(), 1);
        client.tell("notifications/cancelled", json!({"requestId": "r-1"})).await.expect(202);
        assert_told(&server, eras).await;
    }
}

#[tokio::test]
async fn without_a_session_the_end_of_the_connection_cancels() {
    for eras in [Eras::Handshake, Eras::Stateless] {
        let keyway = Keyway::single_user().await;
        let server = serve(&keyway.api(), "notes", eras).await;
        let client = client(&keyway.api(), STATELESS).await;
        server.call_gate().close();
        let mut messages = client.open("tools/call", slow()).await;
        messages.until("notifications/progress").await;
        server.call_gate().waiting(1).await;
        drop(messages);
        assert_told(&server, eras).await;
    }
}

#[tokio::test]
async fn with_a_session_the_work_goes_on_though_the_connection_ends() {
    let keyway = Keyway::single_user().await;
    let server = serve(&keyway.api(), "notes", Eras::Handshake).await;
    let client = client(&keyway.api(), HANDSHAKE).await;
    server.call_gate().close();
    let mut messages = client.open("tools/call", slow()).await;
    messages.until("notifications/progress").await;
    server.call_gate().waiting(1).await;
    drop(messages);
    super::client(&keyway.api(), HANDSHAKE).await.call("notes__whoami", json!({})).await;
    assert_eq!(server.call_gate().standing(), 1);
    assert!(server.log().rpc("notifications/cancelled").is_empty());
    client.end().await.expect(204);
    assert_told(&server, Eras::Handshake).await;
}
