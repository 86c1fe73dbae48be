//! A call that needs a person: asked in the client's own way where it can be, and told where it cannot.

use keyway_tests::{
    mcp_server::Eras,
    scene::{NOTES, Scene},
    wire_client::{HANDSHAKE, STATELESS},
};
use serde_json::{Value, json};

use super::{able_client, client, serve, text};

fn whoami() -> Value {
    json!({"name": "notes__whoami", "arguments": {}})
}

/// The retry that says what became of the question to sign in.
fn retry(required: &Value, action: &str) -> Value {
    let mut retry = whoami();
    retry["inputResponses"] = json!({"sign_in": {"action": action}});
    retry["requestState"] = required["requestState"].clone();
    retry
}

/// A page of Keyway's own, not an authorization server's.
fn assert_own_page(scene: &Scene, address: &Value) {
    let address = address.as_str().unwrap_or_default();
    assert!(address.starts_with(scene.keyway.origin()), "{address}");
}

#[tokio::test]
async fn a_client_with_a_session_is_told_what_to_open_and_calls_again() {
    let scene = Scene::new().await;
    let client = able_client(&scene.api, HANDSHAKE).await;
    let mut heard = client.listen().await;
    let error = client.ask("tools/call", whoami()).await["error"].clone();
    assert_eq!(error["code"], -32042, "{error}");
    let asked = &error["data"]["elicitations"][0];
    assert_eq!(asked["mode"], "url");
    assert_own_page(&scene, &asked["url"]);
    scene.sign_in().await;
    let told = heard.until("notifications/elicitation/complete").await;
    assert_eq!(told["params"]["elicitationId"], asked["elicitationId"]);
    assert_eq!(text(&client.call("notes__whoami", json!({})).await), "alice");
}

#[tokio::test]
async fn a_client_without_one_is_asked_and_the_call_resumes_after_the_sign_in() {
    let scene = Scene::new().await;
    let client = able_client(&scene.api, STATELESS).await;
    let required = client.result("tools/call", whoami()).await;
    assert_eq!(required["resultType"], "input_required", "{required}");
    let asked = &required["inputRequests"]["sign_in"];
    assert_eq!(
        (&asked["method"], &asked["params"]["mode"]),
        (&json!("elicitation/create"), &json!("url"))
    );
    assert_own_page(&scene, &asked["params"]["url"]);
    let resumed = client.result("tools/call", retry(&required, "accept"));
    let (resumed, _) = tokio::join!(resumed, scene.sign_in());
    assert_eq!(text(&resumed), "alice", "{resumed}");
}

#[tokio::test]
async fn who_declines_is_not_asked_again() {
    let scene = Scene::new().await;
    let client = able_client(&scene.api, STATELESS).await;
    let required = client.result("tools/call", whoami()).await;
    for action in ["decline", "cancel"] {
        let result = client.result("tools/call", retry(&required, action)).await;
        assert_eq!((&result["isError"], &result["resultType"]), (&json!(true), &json!("complete")));
        assert_own_page(&scene, &result["structuredContent"]["sign_in_url"]);
    }
}

#[tokio::test]
async fn who_cannot_be_asked_gets_a_result_for_a_call_and_an_error_for_the_rest() {
    let scene = Scene::new().await;
    for version in [HANDSHAKE, STATELESS] {
        let client = client(&scene.api, version).await;
        let result = client.result("tools/call", whoami()).await;
        assert_eq!(result["isError"], true);
        assert_eq!(result["structuredContent"]["code"], "sign_in_required");
        assert_eq!(result["structuredContent"]["connector"], NOTES);
        assert_own_page(&scene, &result["structuredContent"]["sign_in_url"]);
        let answer = client.ask("resources/read", json!({"uri": "kw-notes+notes://one"})).await;
        assert_eq!(answer["error"]["code"], -31001, "{version} {answer}");
        assert_own_page(&scene, &answer["error"]["data"]["sign_in_url"]);
    }
}

#[tokio::test]
async fn an_address_that_a_server_wants_opened_is_handed_on_in_the_clients_way() {
    let scene = Scene::new().await;
    let server = serve(&scene.api, "pay", Eras::Handshake).await;
    let error = r#""error":{"code":-32042,"message":"pay","data":{"elicitations":[{"mode":"url","elicitationId":"e1","url":"https://pay.example/1","message":"Pay"}]}}"#;
    server.script(|script| {
        script.replies.insert("tools/call".into(), error.into());
    });
    let params = json!({"name": "pay__echo", "arguments": {}});
    let with_session =
        able_client(&scene.api, HANDSHAKE).await.ask("tools/call", params.clone()).await;
    assert_eq!(with_session["error"]["data"]["elicitations"][0]["url"], "https://pay.example/1");
    let without = able_client(&scene.api, STATELESS).await;
    let required = without.result("tools/call", params.clone()).await;
    let asked = &required["inputRequests"]["open-0"]["params"];
    assert_eq!(asked["url"], "https://pay.example/1", "{required}");
    server.script(|script| script.replies.clear());
    let mut again = params.clone();
    again["inputResponses"] = json!({"open-0": {"action": "accept"}});
    again["requestState"] = required["requestState"].clone();
    assert_eq!(without.result("tools/call", again).await["isError"], false);
    let sent = server.log().rpc("tools/call").pop().expect("a call").json();
    assert_eq!(sent["params"]["requestState"], Value::Null, "what is Keyway's stays here");
}
