//! Sessions of the handshake wire: whose they are, where they hold, when they end.

use std::time::Duration;

use keyway_tests::{
    keyway::Keyway,
    mcp_server::Eras,
    process::Process,
    settings::Settings,
    until::until,
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

#[tokio::test]
async fn a_session_that_is_ended_at_one_process_is_over_at_all() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::on_postgres(&directory);
    let one = Process::serve(&settings, &directory).await;
    let two = Process::serve(&settings, &directory).await;
    let (ended, other) = (client(&one.api(), HANDSHAKE).await, client(&one.api(), HANDSHAKE).await);
    let elsewhere = ended.moved(&two.api(), "/mcp");
    elsewhere.result("ping", json!({})).await;
    let mut heard = elsewhere.listen().await;
    assert_eq!(ended.end().await.status, 204);
    let is_over = || async { elsewhere.post("ping", json!({})).await.status == 404 };
    until("the other process knows", is_over).await;
    assert_eq!(heard.next().await, None, "its stream has ended");
    assert_eq!(elsewhere.end().await.status, 404);
    let three = Process::serve(&settings, &directory).await;
    let later = ended.moved(&three.api(), "/mcp").post("ping", json!({})).await;
    assert_eq!(later.status, 404, "one that started later knows: {}", later.text());
    for api in [one.api(), two.api(), three.api()] {
        other.moved(&api, "/mcp").result("ping", json!({})).await;
    }
}

#[tokio::test]
async fn an_end_that_a_process_did_not_hear_of_counts_there_all_the_same() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::on_postgres(&directory);
    let one = Process::serve(&settings, &directory).await;
    let two = Process::serve(&settings, &directory).await;
    let (quiet, listening) =
        (client(&one.api(), HANDSHAKE).await, client(&one.api(), HANDSHAKE).await);
    let elsewhere = quiet.moved(&two.api(), "/mcp");
    elsewhere.result("ping", json!({})).await;
    let mut stream = listening.moved(&two.api(), "/mcp").listen().await;
    settings.cut_listeners();
    let (one_end, other_end) = tokio::join!(quiet.end(), listening.end());
    assert_eq!((one_end.status.as_u16(), other_end.status.as_u16()), (204, 204));
    let is_over = || async { elsewhere.post("ping", json!({})).await.status == 404 };
    until("the other process knows", is_over).await;
    let ended = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(40), ended).await.expect("the stream ends");
}

#[tokio::test]
async fn an_ended_session_stays_ended_after_a_restart() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::single_user(&directory);
    let before = Process::serve(&settings, &directory).await;
    let (ended, other) =
        (client(&before.api(), HANDSHAKE).await, client(&before.api(), HANDSHAKE).await);
    assert_eq!(ended.end().await.status, 204);
    before.terminate().await;
    let after = Process::serve(&settings, &directory).await;
    assert_eq!(ended.moved(&after.api(), "/mcp").post("ping", json!({})).await.status, 404);
    other.moved(&after.api(), "/mcp").result("ping", json!({})).await;
}

#[tokio::test]
async fn a_session_lasts_thirty_days() {
    let keyway = Keyway::single_user().await;
    let client = client(&keyway.api(), HANDSHAKE).await;
    keyway.advance(Duration::from_secs(30 * 24 * 3600 - 60));
    client.result("ping", json!({})).await;
    keyway.advance(Duration::from_secs(60));
    let over = client.post("ping", json!({})).await;
    assert_eq!(over.status, 404);
    assert!(over.text().contains("initialize again"), "{}", over.text());
}
