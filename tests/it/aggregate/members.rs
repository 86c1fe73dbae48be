//! A connector that is slow, down, signed out or switched off does not trouble the others, and the list
//! tells.

use keyway_tests::{
    api::Api,
    fault::Fault,
    keyway::Keyway,
    mcp_server::{Eras, McpServer},
    scene::{NOTES, Scene},
    until::until,
    wire_client::{HANDSHAKE, STATELESS},
};
use serde_json::{Value, json};

use super::{client, serve, streams::hears};

const METHODS: [&str; 4] = ["", "initialize", "server/discover", "tools/list"];

/// Has the server answer everything that leads to a list like this.
fn play(server: &McpServer, fault: &Fault) {
    server.script(|script| {
        for method in METHODS {
            script.fault_on.insert(method.into(), fault.clone());
        }
    });
}

async fn list(api: &Api, version: &'static str) -> (Vec<String>, Value) {
    let result = client(api, version).await.result("tools/list", json!({})).await;
    let tools = result["tools"].as_array().cloned().unwrap_or_default();
    let name = |tool: &Value| tool["name"].as_str().unwrap_or_default().to_owned();
    (tools.iter().map(name).collect(), result["_meta"]["keyway/connectors"].clone())
}

async fn within<T>(seconds: u64, done: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(std::time::Duration::from_secs(seconds), done).await;
    done.expect("it does not take longer")
}

fn of(names: &[String], slug: &str) -> usize {
    names.iter().filter(|name| name.starts_with(slug)).count()
}

#[tokio::test]
async fn who_is_down_signed_out_or_switched_off_is_left_out_and_told() {
    let scene = Scene::new().await;
    let api = &scene.api;
    let _good = serve(api, "good", Eras::Both).await;
    let _off = serve(api, "off", Eras::Both).await;
    api.patch("/api/v1/connectors/off", json!({"enabled": false})).await.expect(200);
    play(&serve(api, "down", Eras::Both).await, &Fault::Reset);
    for version in [HANDSHAKE, STATELESS] {
        let (names, told) = list(api, version).await;
        assert_eq!((of(&names, "good__"), names.len()), (7, 7), "{names:?}");
        assert_eq!(told["good"]["status"], "fresh");
        assert_eq!(told["down"]["status"], "unavailable");
        assert_eq!(told["notes"]["code"], "sign_in_required");
        let page = told["notes"]["sign_in_url"].as_str().unwrap_or_default();
        assert!(page.starts_with(scene.keyway.origin()), "{told}");
        assert_eq!(told["off"], Value::Null);
    }
}

#[tokio::test]
async fn who_never_answers_holds_the_others_up_for_a_second_and_is_left_out() {
    let keyway = Keyway::single_user().await;
    let _good = serve(&keyway.api(), "good", Eras::Both).await;
    let slow = serve(&keyway.api(), "slow", Eras::Both).await;
    play(&slow, &Fault::Hang);
    let (names, told) = within(4, list(&keyway.api(), STATELESS)).await;
    assert_eq!((of(&names, "good__"), names.len()), (7, 7));
    assert_eq!(told["slow"]["code"], "upstream_timeout", "{told}");
}

#[tokio::test]
async fn any_number_of_them_holds_nobody_up_for_longer() {
    let keyway = Keyway::single_user().await;
    let hanging = McpServer::open().await;
    play(&hanging, &Fault::Hang);
    for number in 0..20 {
        let slug = format!("a-{number}");
        let connector = json!({"url": hanging.url(), "slug": slug, "auth_type": "headers"});
        keyway.api().create(connector).await.expect(201);
    }
    let _good = serve(&keyway.api(), "good", Eras::Both).await;
    let (names, _) = within(4, list(&keyway.api(), STATELESS)).await;
    assert_eq!((of(&names, "good__"), names.len()), (7, 7));
}

#[tokio::test]
async fn who_was_down_the_last_time_is_not_waited_for_long() {
    let keyway = Keyway::single_user().await;
    let down = serve(&keyway.api(), "down", Eras::Both).await;
    play(&down, &Fault::Status(503));
    assert_eq!(list(&keyway.api(), STATELESS).await.1["down"]["status"], "unavailable");
    let noted = || async { keyway.api().connector("down").await["health"]["status"] != "unknown" };
    until("its health is written down", noted).await;
    play(&down, &Fault::Hang);
    let (_, told) = within(4, list(&keyway.api(), STATELESS)).await;
    assert_eq!(told["down"]["code"], "upstream_timeout", "{told}");
}

#[tokio::test]
async fn a_list_that_comes_late_is_told_to_who_listens() {
    for (version, method) in [(HANDSHAKE, "tools/list"), (STATELESS, "prompts/list")] {
        let keyway = Keyway::single_user().await;
        let _good = serve(&keyway.api(), "good", Eras::Both).await;
        let slow = serve(&keyway.api(), "slow", Eras::Both).await;
        slow.list_gate().close();
        let client = client(&keyway.api(), version).await;
        let mut heard = hears(&client, version).await;
        let names = client.names(method, "name").await;
        assert_eq!((of(&names, "good__"), of(&names, "slow__")), (names.len(), 0), "{names:?}");
        slow.list_gate().open();
        heard.until(&format!("notifications/{method}_changed")).await;
        assert_eq!(client.names(method, "name").await.len(), 2 * names.len(), "{version}");
    }
}

#[tokio::test]
async fn a_list_that_was_seen_is_shown_while_its_server_does_not_answer() {
    let keyway = Keyway::single_user().await;
    let slow = serve(&keyway.api(), "slow", Eras::Both).await;
    assert_eq!(list(&keyway.api(), STATELESS).await.0.len(), 7);
    play(&slow, &Fault::Hang);
    keyway.advance(std::time::Duration::from_secs(301));
    let (names, told) = within(4, list(&keyway.api(), STATELESS)).await;
    assert_eq!((names.len(), &told["slow"]["status"]), (7, &json!("stale")));
}

#[tokio::test]
async fn a_list_that_turns_out_to_be_another_than_was_shown_is_told_to_who_listens() {
    let keyway = Keyway::single_user().await;
    let slow = serve(&keyway.api(), "slow", Eras::Handshake).await;
    let client = client(&keyway.api(), HANDSHAKE).await;
    let mut heard = hears(&client, HANDSHAKE).await;
    assert_eq!(client.names("tools/list", "name").await.len(), 7);
    slow.script(|script| script.tools.truncate(3));
    slow.list_gate().close();
    keyway.advance(std::time::Duration::from_secs(301));
    assert_eq!(client.names("tools/list", "name").await.len(), 7);
    slow.list_gate().open();
    heard.until("notifications/tools/list_changed").await;
    assert_eq!(client.names("tools/list", "name").await.len(), 3);
}

#[tokio::test]
async fn tools_of_a_connector_that_needs_a_new_sign_in_stay_and_a_call_says_where() {
    let scene = Scene::signed_in().await;
    assert_eq!(list(&scene.api, STATELESS).await.0.len(), 7);
    scene.mcp.script(|script| script.refuses_tokens = true);
    let client = client(&scene.api, STATELESS).await;
    let called = client.call("notes__whoami", json!({})).await;
    assert_eq!(called["isError"], true);
    assert_eq!(called["structuredContent"]["connector"], NOTES);
    let page = called["structuredContent"]["sign_in_url"].clone();
    let (names, told) = list(&scene.api, STATELESS).await;
    assert_eq!(names.len(), 7, "{told}");
    assert_eq!((&told[NOTES]["status"], &told[NOTES]["sign_in_url"]), (&json!("stale"), &page));
}
