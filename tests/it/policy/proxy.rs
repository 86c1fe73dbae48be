//! The policy at the transparent proxy: what gets around it does not get through.

use http::Method;
use keyway_tests::{mcp_client::McpClient, mcp_server::Answers, scene::NOTES};
use serde_json::{Value, json};

use super::{Stage, approval_id, decide, names};

async fn client(stage: &Stage) -> McpClient {
    let mut client = stage.api.mcp(NOTES);
    client.initialize().await.expect(200);
    client
}

/// A message that must not come to the server.
async fn assert_stopped(stage: &Stage, client: &McpClient, message: &str) {
    let seen = stage.mcp.log().len();
    let answer = client.post(message).await;
    assert_eq!(stage.mcp.log().len(), seen, "{message} came through: {}", answer.text());
}

#[tokio::test]
async fn a_refused_call_is_answered_with_a_result_that_says_so() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    let client = client(&stage).await;
    let answer = client.call("fail", "{}").await.expect(200);
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!("r-1"), &json!(true)));
    let data = json!({"code": "tool_off", "connector": "notes", "tool": "fail"});
    assert_eq!(answer["result"]["structuredContent"], data);
    assert_eq!(answer["result"].get("resultType"), None);
    let members = r#""name":"fail","arguments":{}"#;
    let answer = client.stateless("tools/call", Some("fail"), members).await.expect(200);
    assert_eq!(answer["result"]["resultType"], "complete");
    let notified =
        client.post(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"fail"}}"#);
    assert_eq!(notified.await.problem(), (403, "tool_off".to_owned()));
    assert_eq!(stage.calls(), 0);
}

#[tokio::test]
async fn no_way_of_writing_a_call_gets_around_the_policy() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    let client = client(&stage).await;
    for message in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f\u0061il"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"fail"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"FAIL"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"fail"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"fail"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"fail"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["fail",{}]}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"fail"}}]"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fail"}} {}"#,
    ] {
        assert_stopped(&stage, &client, message).await;
    }
    let huge = format!(
        r#"{{"jsonrpc":"2.0","id":1,"params":{{"arguments":{{"x":"{}"}},"name":"fail"}},"method":"tools/call"}}"#,
        "x".repeat(4_000_000)
    );
    assert_stopped(&stage, &client, &huge).await;
    client.call("echo", "{}").await.expect(200);
}

#[tokio::test]
async fn headers_and_encodings_do_not_get_around_the_policy() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    let fail = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fail"}}"#;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (name, value, body) in [
        ("content-encoding", "gzip", "what only a server unpacks"),
        ("mcp-method", "tools/call", ping),
        ("mcp-name", "echo", fail),
    ] {
        let request = stage.api.request(Method::POST, "/mcp/notes").header(name, value);
        let request = request.header("content-type", "application/json").body(body);
        let refused = stage.api.send(request).await;
        assert_eq!(refused.problem(), (400, "invalid_request".to_owned()), "{name}");
    }
    assert_eq!(stage.mcp.log().rpc("tools/call").len(), 0);
    assert_eq!(stage.mcp.log().rpc("ping").len(), 0);
}

#[tokio::test]
async fn lists_leave_out_what_is_not_admitted_and_keep_every_byte_of_the_rest() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    let client = client(&stage).await;
    let tools = stage.mcp.log();
    let before = tools.len();
    for answers in [Answers::Json, Answers::Sse] {
        stage.mcp.script(|script| script.answers = answers);
        let listed = client.request("tools/list", "{}").await;
        assert_eq!(listed.status, 200);
        let text = listed.text();
        assert!(!text.contains(r#""name":"fail""#), "{text}");
        let echo = r#"{"name":"echo","title":"The tool echo","description":"What echo does","inputSchema":{"type":"object","x-unknown":12345678901234567890123},"annotations":{"readOnlyHint":true},"x-unknown":{"z":98765432109876543210,"a":[1.0,1e2]}}"#;
        assert!(text.contains(echo), "{text}");
        assert!(text.contains(r#""x-unknown":11111111111111111111"#), "{text}");
    }
    assert_eq!(tools.len() - before, 2);
    stage.read_only(true).await;
    stage.mcp.script(|script| script.answers = Answers::Json);
    let listed = client.request("tools/list", "{}").await.json();
    assert_eq!(names(&listed["result"]["tools"], "name"), ["echo", "whoami", "slow", "big"]);
}

#[tokio::test]
async fn a_replayed_list_is_filtered_too() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    let client = client(&stage).await;
    let mut stream = client.listen().await;
    stage
        .mcp
        .notify(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"fail"},{"name":"echo"}]}}"#);
    let mut read = String::new();
    while !read.contains("echo") {
        let chunk = stream.chunk().await.expect("the stream lives").expect("an event");
        read.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(!read.contains("fail"), "{read}");
}

#[tokio::test]
async fn a_batch_with_a_refused_call_is_refused_as_a_whole() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    let client = client(&stage).await;
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},
        {"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"fail"}}]"#;
    let answers = client.post(batch).await.expect(200);
    assert_eq!((&answers[0]["id"], &answers[0]["error"]["code"]), (&json!(1), &json!(-31001)));
    assert_eq!((&answers[1]["id"], &answers[1]["result"]["isError"]), (&json!("b"), &json!(true)));
    assert_eq!(answers[2], Value::Null);
    assert_eq!(stage.calls(), 0);
}

#[tokio::test]
async fn a_retry_after_an_approval_goes_through_exactly_once() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let client = client(&stage).await;
    let asked = client.call("echo", r#"{"a":1}"#).await.expect(200);
    let data = asked["result"]["structuredContent"].clone();
    assert_eq!(data["code"], "approval_needed");
    let id = data["approval_id"].as_str().expect("an id");
    let url = format!("{}/#approval={id}", stage.keyway.origin());
    assert_eq!(data["approval_url"], url);
    assert!(asked["result"]["content"][0]["text"].as_str().expect("words").contains(&url));
    decide(&stage.api, id, "once").await.expect(200);
    let other = client.call("echo", r#"{"a":2}"#).await.expect(200);
    assert_eq!(other["result"]["structuredContent"]["code"], "approval_needed");
    let done = client.call("echo", r#"{ "a": 1 }"#).await.expect(200);
    assert_eq!(done["result"]["structuredContent"], json!({"a": 1}));
    let again = client.call("echo", r#"{"a":1}"#).await.expect(200);
    assert_eq!(again["result"]["structuredContent"]["code"], "approval_needed");
    assert_eq!(stage.calls(), 1);
}

#[tokio::test]
async fn an_approval_outlives_the_one_retry_with_a_renewed_token() {
    let scene = keyway_tests::scene::Scene::signed_in().await;
    scene.api.get("/api/v1/tools").await.expect(200);
    super::change(&scene.api, "whoami", json!({"mode": "ask"})).await.expect(200);
    let mut client = scene.api.mcp(NOTES);
    client.initialize().await.expect(200);
    let asked = client.call("whoami", "{}").await.expect(200);
    let id =
        asked["result"]["structuredContent"]["approval_id"].as_str().expect("an id").to_owned();
    decide(&scene.api, &id, "once").await.expect(200);
    scene.authorization_server.kill_access_tokens();
    let done = client.call("whoami", "{}").await.expect(200);
    assert_eq!(done["result"]["content"][0]["text"], "alice");
    assert_eq!(scene.refreshes(), 1);
    approval_id(&scene.whoami().await);
}

#[tokio::test]
async fn where_there_is_no_policy_nothing_is_read() {
    let stage = Stage::new().await;
    let client = client(&stage).await;
    let odd = r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x","method":"ping"}"#;
    let seen = stage.mcp.log().len();
    client.post(odd).await;
    assert_eq!(stage.mcp.log().requests()[seen].body, odd.as_bytes());
}
