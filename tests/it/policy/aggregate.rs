//! The policy at the endpoint that serves all connectors as one.

use serde_json::json;

use super::{Stage, decide, names};

#[tokio::test]
async fn what_is_not_admitted_is_neither_listed_nor_called() {
    let stage = Stage::new().await;
    stage.mode("echo", "off").await;
    stage.read_only(true).await;
    let mut client = stage.api.mcp("");
    client.initialize().await.expect(200);
    let listed = client.request("tools/list", "{}").await.json();
    let expected = ["notes__whoami", "notes__slow", "notes__big"];
    assert_eq!(names(&listed["result"]["tools"], "name"), expected);
    for (tool, code) in [("notes__echo", "tool_off"), ("notes__fail", "read_only")] {
        let refused = client.call(tool, "{}").await.json();
        assert_eq!(refused["result"]["isError"], true, "{refused}");
        assert_eq!(refused["result"]["structuredContent"]["code"], code);
    }
    assert_eq!(stage.calls(), 0);
}

#[tokio::test]
async fn a_retry_after_an_approval_goes_through_exactly_once() {
    let stage = Stage::new().await;
    stage.mode("echo", "ask").await;
    let mut client = stage.api.mcp("");
    client.initialize().await.expect(200);
    let asked = client.call("notes__echo", r#"{"a":1}"#).await.json();
    let data = asked["result"]["structuredContent"].clone();
    let id = data["approval_id"].as_str().expect("an id").to_owned();
    assert_eq!(data["approval_url"], format!("{}/#approval={id}", stage.keyway.origin()));
    decide(&stage.api, &id, "once").await.expect(200);
    let done = client.call("notes__echo", r#"{"a":1}"#).await.json();
    assert_eq!(done["result"]["structuredContent"], json!({"a": 1}));
    let again = client.call("notes__echo", r#"{"a":1}"#).await.json();
    assert_eq!(again["result"]["structuredContent"]["code"], "approval_needed");
    assert_eq!(stage.calls(), 1);
}

#[tokio::test]
async fn a_parameter_that_only_looks_like_the_name_is_refused() {
    let stage = Stage::new().await;
    stage.mode("fail", "off").await;
    for path in ["/mcp", "/mcp?connectors=notes&names=plain"] {
        let mut client = keyway_tests::mcp_client::McpClient::new(stage.api.clone(), path.into());
        client.initialize().await.expect(200);
        let name = if path == "/mcp" { "notes__echo" } else { "echo" };
        let params = format!(r#"{{"name":"{name}","Name":"fail","arguments":{{}}}}"#);
        let refused = client.request("tools/call", &params).await.json();
        assert_eq!(refused["result"]["isError"], true, "{refused}");
    }
    assert_eq!(stage.calls(), 0);
}
