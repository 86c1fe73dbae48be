//! Answers that are made to mislead whoever calls a tool: headers that are not the server's to set, pages
//! for messages, broken streams, results beyond measure, questions that nobody may ask.

use std::time::Duration;

use keyway_tests::{
    fault::Fault,
    log::Recorded,
    mcp_server::{Eras, McpServer},
    raw_server::RawServer,
    scene::{NOTES, Scene},
};
use serde_json::json;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
/// Longer than anything waits in these tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// A scene with the handshake wire behind its connector, whose tool calls are answered so.
async fn answering(status: u16, headers: &[(&'static str, &str)], body: &str) -> Scene {
    let scene = Scene::signed_in().await;
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let fault = Fault::Answer(status, headers, body.to_owned());
    scene.mcp.script(|script| {
        script.eras = Eras::Handshake;
        script.sessions = false;
        script.fault_on.insert("tools/call".into(), fault);
    });
    scene
}

#[tokio::test]
async fn headers_that_are_not_the_servers_to_set_never_reach_the_caller() {
    let hostile = [
        ("set-cookie", "keyway-session=stolen; Path=/"),
        ("location", "https://evil.example/"),
        ("refresh", "0;url=https://evil.example/"),
        ("clear-site-data", "\"*\""),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("content-security-policy", "default-src *"),
        ("alt-svc", "h2=\"evil.example:443\""),
        ("strict-transport-security", "max-age=0"),
        ("www-authenticate", "Basic realm=\"give me your password\""),
        ("proxy-authenticate", "Basic"),
        ("x-frame-options", "ALLOWALL"),
    ];
    let with_type: Vec<_> =
        hostile.iter().copied().chain([("content-type", "application/json")]).collect();
    let result = r#"{"jsonrpc":"2.0","id":"r-1","result":{}}"#;
    let scene = answering(200, &with_type, result).await;
    let answer = scene.api.mcp(NOTES).call("echo", "{}").await;
    assert_eq!(answer.text(), result);
    for (name, value) in hostile {
        assert_ne!(answer.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_page_is_never_relayed_as_one() {
    let page = "<!doctype html><script>alert(document.cookie)</script>";
    for status in [200, 403, 500] {
        for kind in
            ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "image/svg+xml"]
        {
            let scene = answering(status, &[("content-type", kind)], page).await;
            let answer = scene.api.mcp(NOTES).call("echo", "{}").await;
            assert_eq!(answer.problem(), (502, "upstream_error".to_owned()), "{status} {kind}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert!(!answer.text().contains("script"), "{}", answer.text());
            let answer = scene.api.call(NOTES, "echo", json!({})).await;
            assert_eq!(answer.problem(), (502, "upstream_error".to_owned()), "{status} {kind}");
        }
    }
}

#[tokio::test]
async fn a_stream_passes_the_proxy_byte_for_byte_however_odd_it_is() {
    let scene = Scene::new().await;
    let comments = ": \n".repeat(100_000);
    let long = format!("data: {}\n\n", "x".repeat(5 * 1024 * 1024));
    let odd: [&[u8]; 9] = [
        b"data: {\"jsonrpc\":\"2.0\"}",
        b"data: {}\rdata: {}\r\r",
        b"data: a\r\ndata: b\n\rdata: c\n\n",
        b"\xef\xbb\xbfdata: {}\n\n",
        b"data: \xff\xfe\xc3\n\ndata: \x28\n\n",
        b"id: a\0b\ndata: {}\n\n",
        b"retry: 0\n\nretry: 1000000000000\n\nretry: -1\n\n",
        comments.as_bytes(),
        long.as_bytes(),
    ];
    for (number, bytes) in odd.into_iter().enumerate() {
        let raw = RawServer::start([STREAM.as_bytes(), bytes].concat(), "").await;
        let slug = format!("odd-{number}");
        let connector =
            json!({"url": format!("{}/mcp", raw.origin()), "slug": slug, "auth_type": "headers"});
        scene.api.create(connector).await.expect(201);
        let answer = scene.api.mcp(&slug).post(LIST).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, bytes.len()), "{number}");
        assert!(answer.body == bytes, "{number}");
    }
}

#[tokio::test]
async fn a_stream_without_the_answer_is_a_failure_of_the_server() {
    let other = r#"data: {"jsonrpc":"2.0","id":"another","result":{"content":[]}}"#;
    let twice = format!("{other}\n\n{other}\n\n");
    let endless = format!("data: {}", "x".repeat(17 * 1024 * 1024));
    for body in [
        "",
        "data: no JSON\n\n",
        "event: ping\r\r",
        &twice,
        ": \n".repeat(100_000).as_str(),
        &endless,
    ] {
        let scene = answering(200, &[("content-type", "text/event-stream")], body).await;
        let called = scene.api.call(NOTES, "echo", json!({}));
        let answer = tokio::time::timeout(PATIENCE, called).await.expect("it is given up");
        assert_eq!(answer.problem(), (502, "upstream_error".to_owned()), "{body:.40}");
        assert_eq!(scene.state().await.0, "ready");
    }
}

#[tokio::test]
async fn a_result_beyond_measure_passes_the_proxy_and_not_the_rest_door() {
    const BYTES: usize = 20 * 1024 * 1024;
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| (script.eras, script.sessions) = (Eras::Handshake, false));
    let arguments = format!(r#"{{"bytes":{BYTES}}}"#);
    let answer = scene.api.mcp(NOTES).call("big", &arguments).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > BYTES);
    let answer = scene.api.call(NOTES, "big", json!({"bytes": BYTES})).await;
    assert_eq!(answer.problem(), (502, "upstream_error".to_owned()));
}

#[tokio::test]
async fn a_session_id_that_is_none_is_not_handed_on() {
    let long = "x".repeat(10_240);
    let result = r#"{"jsonrpc":"2.0","id":"r-1","result":{}}"#;
    for id in [long.as_str(), "two words", "", "tab\tbed"] {
        let headers = [("content-type", "application/json"), ("mcp-session-id", id)];
        let scene = answering(200, &headers, result).await;
        let answer = scene.api.mcp(NOTES).call("echo", "{}").await;
        assert_eq!(
            (answer.text().as_str(), answer.header("mcp-session-id")),
            (result, None),
            "{id:.20}"
        );
    }
}

#[tokio::test]
async fn a_407_or_a_redirect_renews_nothing_and_leads_nowhere() {
    let elsewhere = McpServer::open().await;
    for status in [301, 302, 303, 307, 308, 407] {
        let scene = answering(status, &[("location", &elsewhere.url())], "").await;
        let answer = scene.api.mcp(NOTES).call("echo", "{}").await;
        assert!(!answer.status.is_success(), "{status}: {}", answer.text());
        assert_eq!(answer.header("location"), None);
        let answer = scene.api.call(NOTES, "echo", json!({})).await;
        assert_eq!(answer.problem(), (502, "upstream_error".to_owned()), "{status}");
        assert_eq!(
            (scene.refreshes(), scene.mcp.log().rpc("tools/call").len()),
            (0, 2),
            "{status}"
        );
    }
    assert!(elsewhere.log().is_empty());
}

#[tokio::test]
async fn a_401_that_says_nothing_is_tried_once_more_and_then_asks_for_a_sign_in() {
    let scene = answering(401, &[], "").await;
    for _ in 0..3 {
        let answer = scene.api.call(NOTES, "echo", json!({})).await;
        assert_eq!(answer.problem(), (409, "reauth_required".to_owned()));
    }
    assert_eq!((scene.refreshes(), scene.mcp.log().rpc("tools/call").len()), (1, 2));
}

#[tokio::test]
async fn a_server_that_asks_keyway_itself_is_told_no() {
    let question = |id: &str, method: &str, params: &str| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"id\":\"{id}\",\"method\":\"{method}\",\"params\":{params}}}\n\n"
        )
    };
    let script =
        r#"{"mode":"url","url":"javascript:alert(1)","elicitationId":"e","message":"Click"}"#;
    let body = [
        question("sampling", "sampling/createMessage", r#"{"messages":[],"maxTokens":1}"#),
        question("roots", "roots/list", "{}"),
        question("future", "future/method", "{}"),
        question("url", "elicitation/create", script),
    ];
    let scene = answering(200, &[("content-type", "text/event-stream")], &body.concat()).await;
    scene.api.call(NOTES, "echo", json!({})).await;
    let messages: Vec<_> = scene.mcp.log().requests().iter().map(Recorded::json).collect();
    let reply = |id: &str| {
        let found = messages.iter().find(|message| message["id"] == id);
        found.unwrap_or_else(|| panic!("no answer to {id}")).clone()
    };
    for id in ["sampling", "roots", "future"] {
        assert_eq!(reply(id)["error"]["code"], -32601, "{id}");
    }
    let url = reply("url");
    assert!(url["error"]["code"].is_i64() || url["result"]["action"] == "decline", "{url}");
}

#[tokio::test]
async fn addresses_in_lists_and_results_are_never_opened() {
    let (scene, other) = (Scene::signed_in().await, McpServer::open().await);
    let address = other.url();
    let icons = format!(r#"[{{"src":"{address}/icon.svg"}},{{"src":"http://169.254.169.254/"}}]"#);
    let tool =
        format!(r#"{{"name":"look","inputSchema":{{"$ref":"{address}/schema"}},"icons":{icons}}}"#);
    let link = format!(
        r#""content":[{{"type":"resource_link","uri":"{address}/link","name":"a","icons":{icons}}}]"#
    );
    scene.mcp.script(|script| {
        script.tools = vec![tool];
        script.handlers.insert("look".into(), std::sync::Arc::new(move |_| link.clone()));
    });
    scene.api.get("/api/v1/tools").await.expect(200);
    scene.api.get("/api/v1/tools?format=openai").await.expect(200);
    scene.api.call(NOTES, "look", json!({})).await.expect(200);
    scene.api.post(&format!("/api/v1/connectors/{NOTES}/test"), json!({})).await.expect(200);
    let mut client = scene.api.mcp("");
    client.initialize().await.expect(200);
    client.request("tools/list", "{}").await.expect(200);
    assert!(other.log().is_empty());
}
