//! Keyway's own MCP client, as servers see it.

use std::time::Duration;

use keyway_tests::{
    mcp_server::{Eras, McpServer},
    scene::Scene,
    settings::Settings,
};
use serde_json::json;

#[tokio::test]
async fn what_a_tool_asks_for_goes_to_the_caller_and_its_answers_go_back() {
    let scene = Scene::signed_in().await;
    let asked = scene.api.call("notes", "ask", json!({})).await;
    let text = asked.text();
    let asked = asked.expect(200);
    assert_eq!(asked["resultType"], "input_required");
    assert!(text.contains(r#""x-unknown":1"#), "{text}");
    let answer = json!({
        "connector": "notes", "tool": "ask", "arguments": {},
        "input_responses": { "who": { "action": "accept", "content": { "name": "Ana" } } },
        "request_state": asked["requestState"],
    });
    let answered = scene.api.post("/api/v1/tools/call", answer).await.expect(200);
    assert!(answered["content"][0]["text"].as_str().unwrap().contains("Ana"), "{answered}");
    let calls = scene.mcp.log().rpc("tools/call");
    let ids: std::collections::HashSet<_> =
        calls.iter().map(|call| call.json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 2, "each request has an id of its own");
}

#[tokio::test]
async fn an_annotated_parameter_is_repeated_as_a_header() {
    let scene = Scene::signed_in().await;
    let called = scene.api.call("notes", "located", json!({ "region": "Zürich" })).await;
    assert!(called.text().contains("Zürich"), "{}", called.text());
    let calls = scene.mcp.log().rpc("tools/call");
    let header = calls.last().and_then(|call| call.header("mcp-param-region").map(str::to_owned));
    assert_eq!(header.as_deref(), Some("=?base64?WsO8cmljaA==?="));
}

#[tokio::test]
async fn answers_that_are_no_object_are_refused_before_anything_is_sent() {
    let scene = Scene::signed_in().await;
    let call = json!({ "name": "notes__ask", "arguments": {}, "input_responses": ["Ana"] });
    let refused = scene.api.post("/api/v1/tools/call", call).await;
    assert_eq!(refused.problem(), (400, "invalid_request".to_owned()));
    assert!(scene.mcp.log().rpc("tools/call").is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_answer_holds_the_tools_of_the_others_up_for_a_second() {
    let scene = Scene::signed_in().await;
    scene.api.get("/api/v1/tools").await.expect(200);
    let (hanging, good) = (McpServer::open().await, McpServer::open().await);
    for (slug, server) in [("hanging", &hanging), ("good", &good)] {
        let connector = json!({"url": server.url(), "slug": slug, "auth_type": "headers"});
        scene.api.create(connector).await.expect(201);
    }
    for server in [&scene.mcp, &hanging] {
        server.list_gate().close();
    }
    scene.advance(301);
    let listed = tokio::time::timeout(Duration::from_secs(4), scene.api.get("/api/v1/tools")).await;
    let listed = listed.expect("it does not take longer").expect(200);
    let all = listed["tools"].as_array().expect("a list");
    let is_stale = |slug: &str| {
        let mut of = all.iter().filter(|tool| tool["connector"] == slug);
        of.next().map(|tool| tool["stale"] == true)
    };
    assert_eq!((is_stale("notes"), is_stale("good")), (Some(true), Some(false)), "{listed}");
    assert_eq!(
        (&listed["unavailable"][0]["connector"], &listed["unavailable"][0]["code"]),
        (&json!("hanging"), &json!("upstream_timeout"))
    );
}

#[tokio::test]
async fn a_pinned_connector_speaks_no_other_wire_from_its_creation_on() {
    let scene = Scene::without_connector(Settings::single_user, |_| {}).await;
    let pinned =
        json!({"url": scene.mcp.url(), "slug": "notes", "pinned_protocol_version": "2026-07-28"});
    let created = scene.api.create(pinned).await.expect(201);
    assert_eq!(created["auth_type"], "oauth", "the first contact found where to sign in");
    scene.sign_in().await;
    scene.assert_works().await;
    assert!(scene.mcp.log().rpc("initialize").is_empty());
    assert!(!scene.mcp.log().rpc("tools/call").is_empty());
}

#[tokio::test]
async fn where_questions_are_answered_a_stream_for_them_is_open_before_a_tool_runs() {
    for (answers, listens) in [("accept_defaults", true), ("decline", false)] {
        let scene = Scene::set(Settings::single_user, |settings| {
            settings.set("KEYWAY_ELICITATION", answers);
        })
        .await;
        scene.mcp.script(|script| script.eras = Eras::Handshake);
        scene.sign_in().await;
        scene.assert_works().await;
        let requests = scene.mcp.log().requests();
        let called = requests.iter().position(|request| request.rpc_method() == "tools/call");
        let before = &requests[..called.expect("the tool was called")];
        assert_eq!(
            before.iter().any(|request| request.method == "GET" && request.path == "/mcp"),
            listens,
            "{answers}"
        );
    }
}
