//! What servers tell of their own accord, and what changes at Keyway: on the stream of a session and on
//! the one that answers `subscriptions/listen`.

use keyway_tests::{
    keyway::Keyway,
    mcp_server::{Eras, McpServer},
    scene::Scene,
    until::until,
    wire_client::{HANDSHAKE, Messages, STATELESS, VERSIONS, WireClient},
};
use serde_json::{Value, json};

use super::{client, serve};

const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
const UPDATED: &str = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"notes://one"}}"#;
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

fn everything() -> Value {
    json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["kw-notes+notes://one"]}})
}

/// The client's stream, on its wire.
pub(super) async fn hears(client: &WireClient, version: &str) -> Messages {
    if version != STATELESS {
        return client.listen().await;
    }
    let mut heard = client.open("subscriptions/listen", everything()).await;
    heard.until("notifications/subscriptions/acknowledged").await;
    heard
}

async fn is_listened_to(server: &McpServer) {
    until("the server is listened to", || async { server.listeners() == 1 }).await;
}

#[tokio::test]
async fn a_servers_change_reaches_clients_of_every_version() {
    for eras in [Eras::Handshake, Eras::Stateless] {
        let keyway = Keyway::single_user().await;
        let server = serve(&keyway.api(), "notes", eras).await;
        for version in VERSIONS {
            let client = client(&keyway.api(), version).await;
            let mut heard = hears(&client, version).await;
            is_listened_to(&server).await;
            server.notify(CHANGED);
            let told = heard.until("notifications/tools/list_changed").await;
            let id = &told["params"]["_meta"][SUBSCRIPTION_ID];
            let wanted = if version == STATELESS { json!("r-1") } else { Value::Null };
            assert_eq!(*id, wanted, "{eras:?} {version}");
        }
    }
}

#[tokio::test]
async fn only_what_was_asked_for_is_acknowledged_and_told() {
    let keyway = Keyway::single_user().await;
    let server = serve(&keyway.api(), "notes", Eras::Handshake).await;
    let client = client(&keyway.api(), STATELESS).await;
    let wanted = json!({"notifications": {"promptsListChanged": true, "futureThing": true}});
    let mut heard = client.open("subscriptions/listen", wanted).await;
    let first = heard.next().await.expect("an acknowledgement");
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["notifications"], json!({"promptsListChanged": true}));
    assert_eq!(first["params"]["_meta"][SUBSCRIPTION_ID], "r-1");
    is_listened_to(&server).await;
    server.notify(CHANGED);
    server.notify(&CHANGED.replace("tools", "prompts"));
    let next = heard.next().await.expect("a change");
    assert_eq!(next["method"], "notifications/prompts/list_changed");
}

#[tokio::test]
async fn a_resource_that_changed_is_told_by_the_address_it_is_shown_under() {
    for eras in [Eras::Handshake, Eras::Stateless] {
        for version in [HANDSHAKE, STATELESS] {
            let keyway = Keyway::single_user().await;
            let server = serve(&keyway.api(), "notes", eras).await;
            server.script(|script| {
                script.replies.insert("resources/subscribe".into(), r#""result":{}"#.into());
            });
            let client = client(&keyway.api(), version).await;
            if version == HANDSHAKE {
                let uri = json!({"uri": "kw-notes+notes://one"});
                client.result("resources/subscribe", uri).await;
            }
            let mut heard = hears(&client, version).await;
            let wanted = || async {
                let seen = server.log().requests();
                seen.iter().any(|seen| {
                    let params = &seen.json()["params"];
                    params["uri"] == "notes://one"
                        || params["notifications"]["resourceSubscriptions"]
                            == json!(["notes://one"])
                })
            };
            until("the server is asked for it", wanted).await;
            is_listened_to(&server).await;
            server.notify(&UPDATED.replace("one", "two"));
            server.notify(UPDATED);
            let told = heard.until("notifications/resources/updated").await;
            assert_eq!(told["params"]["uri"], "kw-notes+notes://one", "{eras:?} {version}");
        }
    }
}

#[tokio::test]
async fn a_connector_that_comes_and_one_that_is_signed_in_to_are_told() {
    for version in [HANDSHAKE, STATELESS] {
        let scene = Scene::new().await;
        let client = client(&scene.api, version).await;
        let mut heard = hears(&client, version).await;
        let _server = serve(&scene.api, "new", Eras::Both).await;
        heard.until("notifications/tools/list_changed").await;
        scene.sign_in().await;
        heard.until("notifications/tools/list_changed").await;
        let names = client.names("prompts/list", "name").await;
        assert_eq!(names, ["new__summary", "notes__summary"]);
    }
}

#[tokio::test]
async fn streams_end_with_the_process_and_a_subscription_with_its_answer() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    let _server = serve(&api, "notes", Eras::Both).await;
    let mut of_session = client(&api, HANDSHAKE).await.listen().await;
    let mut subscribed = hears(&client(&api, STATELESS).await, STATELESS).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), keyway.shut_down()).await;
    assert!(ended.is_ok(), "streams do not hold it up");
    assert_eq!(of_session.next().await, None);
    let last = subscribed.next().await.expect("an answer");
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!("r-1"), &json!("complete")));
    assert_eq!(subscribed.next().await, None);
}
