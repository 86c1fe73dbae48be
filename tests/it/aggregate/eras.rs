//! Every version downstream against both wires upstream.

use http::Method;
use keyway_tests::{
    keyway::Keyway,
    mcp_server::{Eras, McpServer},
    wire_client::{STATELESS, VERSIONS, WireClient},
};
use serde_json::{Value, json};

use super::{client, serve};

/// A client of every version, with a server of its own on each wire.
async fn each_pair<F: Future<Output = ()>>(
    proved: impl Fn(WireClient, McpServer, &'static str) -> F,
) {
    for version in VERSIONS {
        for eras in [Eras::Handshake, Eras::Stateless] {
            let keyway = Keyway::single_user().await;
            let server = serve(&keyway.api(), "notes", eras).await;
            proved(client(&keyway.api(), version).await, server, version).await;
        }
    }
}

#[tokio::test]
async fn a_call_goes_through_with_what_nobody_knows_and_in_the_form_of_the_clients_wire() {
    each_pair(async |client, _server, version| {
        let result = client.call("notes__echo", json!({"a": [1.5, null], "b": "ü"})).await;
        assert_eq!(result["structuredContent"], json!({"a": [1.5, null], "b": "ü"}));
        assert_eq!(result["content"][0]["x-unknown"], Value::Null);
        let complete = if version == STATELESS { json!("complete") } else { Value::Null };
        assert_eq!(result["resultType"], complete, "{version}");
        let tools = client.result("tools/list", json!({})).await;
        assert_eq!(tools["ttlMs"].is_u64(), version == STATELESS, "{version}");
        assert_eq!(tools["tools"].as_array().map(Vec::len), Some(7));
    })
    .await;
}

#[tokio::test]
async fn progress_reaches_whoever_asked_for_it() {
    each_pair(async |client, _server, version| {
        let params = json!({"name": "notes__slow", "arguments": {"steps": 3},
            "_meta": {"progressToken": "mine"}});
        let messages = client.exchange("tools/call", params).await;
        assert_eq!(messages.len(), 4, "{version} {messages:?}");
        for (step, message) in messages[..3].iter().enumerate() {
            assert_eq!(message["method"], "notifications/progress");
            assert_eq!(message["params"]["progressToken"], "mine");
            assert_eq!(message["params"]["progress"], json!(step + 1));
        }
        assert_eq!(messages[3]["id"], "r-1");
    })
    .await;
}

#[tokio::test]
async fn a_log_level_reaches_a_server_without_sessions_and_its_words_come_back() {
    let said = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"x"}}"#;
    for version in VERSIONS {
        let keyway = Keyway::single_user().await;
        let server = serve(&keyway.api(), "notes", Eras::Stateless).await;
        server.script(|script| {
            script.before.insert("tools/call".into(), vec![said.into()]);
        });
        let client = client(&keyway.api(), version).await;
        let mut params = json!({"name": "notes__whoami", "arguments": {}});
        if version == STATELESS {
            let silent = client.exchange("tools/call", params.clone()).await;
            assert_eq!(silent.len(), 1, "it did not ask for a log: {silent:?}");
            params["_meta"]["io.modelcontextprotocol/logLevel"] = "warning".into();
        } else {
            client.result("logging/setLevel", json!({"level": "warning"})).await;
        }
        let messages = client.exchange("tools/call", params).await;
        assert_eq!(messages[0]["params"]["data"], "x", "{version}");
        let seen = server.log().rpc("tools/call").pop().expect("a call").json();
        let level = &seen["params"]["_meta"]["io.modelcontextprotocol/logLevel"];
        assert_eq!(level, "warning", "{version}");
    }
}

#[tokio::test]
async fn several_messages_at_once_are_for_one_version_alone() {
    let keyway = Keyway::single_user().await;
    let _server = serve(&keyway.api(), "notes", Eras::Handshake).await;
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "notes__whoami"}},
        {"jsonrpc": "2.0", "id": 3, "method": "no/such"},
    ]);
    for version in VERSIONS {
        let client = client(&keyway.api(), version).await;
        let sent = keyway.api().send(client.bare(Method::POST).json(&batch)).await;
        if version == "2025-03-26" {
            let answers = sent.expect(200);
            let ids: Vec<_> =
                answers.as_array().expect("a batch").iter().map(|a| &a["id"]).collect();
            assert_eq!(ids, [1, 2, 3]);
            assert_eq!(answers[1]["result"]["content"][0]["text"], "nobody");
            assert_eq!(answers[2]["error"]["code"], -32601);
        } else {
            assert_eq!(sent.expect(400)["error"]["code"], -32600, "{version}");
        }
    }
}
