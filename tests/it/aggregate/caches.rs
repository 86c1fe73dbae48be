//! For how long a list is good, and what makes Keyway ask again.

use keyway_tests::{
    keyway::Keyway,
    mcp_server::{Eras, McpServer, descriptor},
    scene::{NOTES, Scene},
    wire_client::{HANDSHAKE, STATELESS, WireClient},
};
use serde_json::json;

use super::{client, serve};

const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

async fn count(client: &WireClient) -> usize {
    client.names("tools/list", "name").await.len()
}

fn asked(server: &McpServer) -> usize {
    server.log().rpc("tools/list").len()
}

fn add_a_tool(server: &McpServer) {
    server.script(|script| script.tools.push(descriptor("new", "{}", "")));
}

#[tokio::test]
async fn a_list_is_good_for_five_minutes_or_as_long_as_its_server_says() {
    for (eras, ttl, good_for) in [(Eras::Handshake, 0, 300), (Eras::Stateless, 60_000, 60)] {
        let keyway = Keyway::single_user().await;
        let server = serve(&keyway.api(), "notes", eras).await;
        server.script(|script| script.ttl_ms = ttl);
        let client = client(&keyway.api(), STATELESS).await;
        let listed = client.result("tools/list", json!({})).await;
        assert!(listed["ttlMs"].as_u64().expect("a number") <= good_for * 1000, "{eras:?}");
        assert_eq!(listed["cacheScope"], "private");
        keyway.advance(std::time::Duration::from_secs(good_for - 1));
        let before = server.log().len();
        count(&client).await;
        assert_eq!(server.log().len(), before, "nothing goes to the server");
        keyway.advance(std::time::Duration::from_secs(2));
        count(&client).await;
        assert_eq!(asked(&server), 2, "{eras:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_so_while_it_works_on_a_call_is_listed_again() {
    for eras in [Eras::Handshake, Eras::Stateless] {
        let keyway = Keyway::single_user().await;
        let server = serve(&keyway.api(), "notes", eras).await;
        server.script(|script| script.ttl_ms = 300_000);
        let client = client(&keyway.api(), HANDSHAKE).await;
        assert_eq!(count(&client).await, 7);
        add_a_tool(&server);
        server.script(|script| {
            script.before.insert("tools/call".into(), vec![CHANGED.into()]);
        });
        client.call("notes__whoami", json!({})).await;
        assert_eq!(count(&client).await, 8, "{eras:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_it_again_and_again_is_asked_once_in_five_seconds() {
    let keyway = Keyway::single_user().await;
    let server = serve(&keyway.api(), "notes", Eras::Handshake).await;
    let client = client(&keyway.api(), HANDSHAKE).await;
    assert_eq!(count(&client).await, 7);
    let mut heard = client.listen().await;
    let listened_to = async || server.listeners() == 1;
    keyway_tests::until::until("the server is listened to", listened_to).await;
    add_a_tool(&server);
    server.notify(CHANGED);
    heard.until("notifications/tools/list_changed").await;
    assert_eq!((count(&client).await, asked(&server)), (8, 2));
    for _ in 0..20 {
        server.notify(CHANGED);
    }
    heard.until("notifications/tools/list_changed").await;
    assert_eq!((count(&client).await, asked(&server)), (8, 2));
    keyway.advance(std::time::Duration::from_secs(5));
    assert_eq!((count(&client).await, asked(&server)), (8, 3));
}

#[tokio::test]
async fn a_new_sign_in_never_sees_the_list_of_the_old_one() {
    let scene = Scene::signed_in().await;
    let client = client(&scene.api, STATELESS).await;
    scene.mcp.script(|script| script.ttl_ms = 300_000);
    assert_eq!(count(&client).await, 7);
    scene.mcp.script(|script| script.tools = vec![descriptor("new", "{}", "")]);
    assert_eq!(count(&client).await, 7);
    let started = scene.api.start(NOTES, json!({"force": true})).await.expect(200);
    let address = started["authorize_url"].as_str().expect("an address");
    scene.browser.sign_in(address).await;
    assert_eq!(client.names("tools/list", "name").await, ["notes__new"]);
}
