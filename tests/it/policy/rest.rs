//! Modes and read-only connectors over REST.

use keyway_tests::{
    mcp_server::descriptor,
    scene::{NOTES, Scene},
};
use serde_json::json;

use super::{Stage, change, names};

#[tokio::test]
async fn a_tool_that_is_switched_off_is_not_listed_and_not_called() {
    let stage = Stage::new().await;
    assert_eq!(stage.mode("echo", "off").await["mode"], "off");
    assert!(!stage.shown().await.contains(&"echo".to_owned()));
    let refused = stage.api.call(NOTES, "echo", json!({})).await;
    assert_eq!(refused.problem(), (403, "tool_off".to_owned()));
    assert_eq!(
        (&refused.json()["connector"], &refused.json()["tool"]),
        (&json!("notes"), &json!("echo"))
    );
    let named = stage.api.post("/api/v1/tools/call", json!({"name": "notes__echo"})).await;
    assert_eq!(named.problem(), (403, "tool_off".to_owned()));
    assert_eq!(stage.calls(), 0);
    stage.mode("echo", "allow").await;
    stage.api.call(NOTES, "echo", json!({})).await.expect(200);
}

#[tokio::test]
async fn the_tools_of_a_connector_are_all_shown_with_their_modes() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    stage.mode("ask", "ask").await;
    let listed = stage.api.get("/api/v1/connectors/notes/tools").await.expect(200);
    let modes = names(&listed["tools"], "mode");
    assert_eq!(modes, ["allow", "allow", "allow", "allow", "allow", "ask", "off"]);
    assert!(
        listed["tools"].as_array().expect("tools").iter().all(|tool| tool["changed"].is_null())
    );
}

#[tokio::test]
async fn a_read_only_connector_lets_through_what_says_that_it_reads() {
    let stage = Stage::new().await;
    stage.read_only(true).await;
    assert_eq!(stage.shown().await, ["echo", "whoami", "slow", "big"]);
    stage.api.call(NOTES, "whoami", json!({})).await.expect(200);
    for tool in ["located", "fail", "never-listed"] {
        let refused = stage.api.call(NOTES, tool, json!({})).await;
        assert_eq!(refused.problem(), (403, "read_only".to_owned()), "{tool}");
    }
    assert_eq!(stage.calls(), 1);
    stage.read_only(false).await;
    stage.api.call(NOTES, "located", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_server_cannot_talk_a_tool_into_a_read_only_connector() {
    let stage = Stage::new().await;
    stage.read_only(true).await;
    assert_eq!(stage.api.call(NOTES, "located", json!({})).await.problem().1, "read_only");
    let reads = descriptor("located", r#"{"type":"object"}"#, r#""readOnlyHint":true"#);
    stage.mcp.script(|script| script.tools = vec![reads]);
    stage.api.post("/api/v1/connectors/notes/test", json!({})).await.expect(200);
    assert_eq!(stage.api.call(NOTES, "located", json!({})).await.problem().1, "read_only");
    let listed = stage.api.get("/api/v1/connectors/notes/tools").await.expect(200);
    let seen = listed["tools"][0]["changed"]["descriptor"].clone();
    change(&stage.api, "located", json!({"accept_change": seen})).await.expect(200);
    stage.api.call(NOTES, "located", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_name_that_is_hardly_another_does_not_get_around_a_mode() {
    let stage = Stage::new().await;
    stage.mode("echo", "off").await;
    for name in ["Echo", "ECHO", " echo", "echo "] {
        let refused = stage.api.call(NOTES, name, json!({})).await;
        assert_eq!(refused.problem(), (403, "tool_off".to_owned()), "{name:?}");
    }
    assert_eq!(stage.calls(), 0);
}

#[tokio::test]
async fn only_what_was_listed_has_a_mode() {
    let stage = Stage::tokens().await;
    let change_by =
        |api, tool: &'static str, patch| async move { change(&api, tool, patch).await.problem() };
    let off = json!({"mode": "off"});
    let not_found = (404, "tool_not_found".to_owned());
    assert_eq!(change_by(stage.api.clone(), "nothing", off.clone()).await, not_found);
    assert_eq!(change_by(stage.api.clone(), "%00", off.clone()).await, not_found);
    let bob = stage.keyway.api_of("bob");
    assert_eq!(change_by(bob, "echo", off).await, (404, "not_found".to_owned()));
    let wrong = change_by(stage.api.clone(), "echo", json!({"mode": "maybe"})).await;
    assert_eq!(wrong, (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn odd_names_have_modes_like_others() {
    let stage = Stage::new().await;
    let names = ["__proto__", "a__b", "a/b", "søk", "../etc"];
    let tools = names.map(|name| descriptor(name, r#"{"type":"object"}"#, ""));
    stage.mcp.script(|script| script.tools = tools.to_vec());
    for name in names {
        let path: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        assert_eq!(stage.mode(&path, "off").await["name"], name);
        let refused = stage.api.call(NOTES, name, json!({})).await;
        assert_eq!(refused.problem(), (403, "tool_off".to_owned()), "{name}");
    }
    assert_eq!(stage.shown().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_policy_that_comes_while_the_call_is_under_way_still_counts() {
    let scene = Scene::signed_in().await;
    scene.assert_works().await;
    scene.api.get("/api/v1/tools").await.expect(200);
    scene.advance(3600);
    scene.authorization_server.token_gate().close();
    let api = scene.api.clone();
    let call = tokio::spawn(async move { api.call(NOTES, "whoami", json!({})).await });
    scene.authorization_server.token_gate().waiting(1).await;
    change(&scene.api, "whoami", json!({"mode": "off"})).await.expect(200);
    scene.authorization_server.token_gate().open();
    assert_eq!(call.await.expect("no panic").problem(), (403, "tool_off".to_owned()));
    assert_eq!(scene.mcp.log().rpc("tools/call").len(), 1);
}
