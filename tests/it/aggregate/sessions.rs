//! Sessions of the handshake wire: whose they are, where they hold, when they end.

use keyway_tests::{
    keyway::Keyway,
    mcp_server::Eras,
    process::Process,
    settings::Settings,
    wire_client::{HANDSHAKE, STATELESS},
};
use serde_json::json;

use super::{client, serve, text};

#[tokio::test]
async fn a_session_is_its_users_at_its_address_until_it_is_ended() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    let client = client(&alice, HANDSHAKE).await;
    client.result("ping", json!({})).await;
    for stranger in [
        client.moved(&bob, "/mcp"),
        client.moved(&alice, "/mcp?connectors=notes"),
        client.in_session("made-up"),
        client.in_session(&"A".repeat(300)),
    ] {
        let answer = stranger.post("ping", json!({})).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
    assert_eq!(client.end().await.status, 204);
    assert_eq!(client.post("ping", json!({})).await.status, 404);
    assert_eq!(client.end().await.status, 404);
}

#[tokio::test]
async fn without_a_session_there_is_only_post() {
    let keyway = Keyway::single_user().await;
    let client = client(&keyway.api(), STATELESS).await;
    for method in [http::Method::GET, http::Method::DELETE] {
        let answer = keyway.api().send(client.bare(method)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")));
    }
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let answer = keyway.api().post("/mcp", ping).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test]
async fn ending_a_session_ends_its_streams() {
    let keyway = Keyway::single_user().await;
    let client = client(&keyway.api(), HANDSHAKE).await;
    let mut heard = client.listen().await;
    assert_eq!(client.end().await.status, 204);
    assert_eq!(heard.next().await, None);
}

#[tokio::test]
async fn any_process_takes_the_next_request_of_a_session() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::on_postgres(&directory);
    let one = Process::serve(&settings, &directory).await;
    let two = Process::serve(&settings, &directory).await;
    let _server = serve(&one.api(), "notes", Eras::Both).await;
    let client = client(&one.api(), HANDSHAKE).await;
    let elsewhere = client.moved(&two.api(), "/mcp");
    assert_eq!(elsewhere.names("prompts/list", "name").await, ["notes__summary"]);
    assert_eq!(text(&elsewhere.call("notes__whoami", json!({})).await), "nobody");
    assert_eq!(text(&client.call("notes__whoami", json!({})).await), "nobody");
}
