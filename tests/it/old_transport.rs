//! Servers that speak nothing but HTTP with SSE, the transport of 2024-11-05.

use keyway_tests::{
    api::{Answer, Api},
    keyway::Keyway,
    mcp_client::McpClient,
    mcp_server::{Eras, McpServer},
    raw_server::RawServer,
    scene::{NOTES, Scene},
    settings::Settings,
    until::until,
};
use serde_json::{Value, json};

const DOOR: &str = "/mcp?connectors=notes&names=plain";

/// An open server of that kind.
async fn older() -> McpServer {
    let server = McpServer::open().await;
    server.script(|script| script.eras = Eras::Older);
    server
}

/// A signed-in scene whose server is of that kind.
async fn signed_in() -> Scene {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.eras = Eras::Older);
    scene.sign_in().await;
    scene
}

/// A connector to an open server of that kind.
async fn connected() -> (Keyway, Api, McpServer) {
    let (keyway, server) = (Keyway::single_user().await, older().await);
    let api = keyway.api();
    let connector = json!({"url": server.url(), "slug": NOTES, "auth_type": "headers"});
    api.create(connector).await.expect(201);
    (keyway, api, server)
}

async fn probe(api: &Api, url: &str) -> Value {
    api.post("/api/v1/connectors/probe", json!({ "url": url })).await.expect(200)
}

fn outcomes(report: &Value) -> String {
    let steps = report["trace"].as_array().cloned().unwrap_or_default();
    let told = steps.iter().map(|step| format!("{}: {}", step["step"], step["outcome"]));
    told.collect::<Vec<_>>().join("\n")
}

fn streams_opened(server: &McpServer) -> usize {
    server.log().matching(|request| request.method == "GET" && request.path == "/mcp").len()
}

async fn echo(api: &Api) -> Answer {
    api.call(NOTES, "echo", json!({"a": 1})).await
}

#[tokio::test]
async fn a_probe_finds_it_last_of_all_and_says_so() {
    let (keyway, server) = (Keyway::single_user().await, older().await);
    let report = probe(&keyway.api(), &server.url()).await;
    assert_eq!(report["outcome"], "open", "{report}");
    assert_eq!(report["protocol_version"], "2025-11-25");
    assert_eq!(report["tools"][0]["name"], "echo");
    assert!(outcomes(&report).contains("older HTTP+SSE transport"), "{}", outcomes(&report));
    let requests = server.log().requests();
    let stream = requests.iter().position(|request| request.method == "GET").unwrap();
    let before: Vec<_> =
        requests[..stream].iter().map(keyway_tests::log::Recorded::rpc_method).collect();
    assert_eq!(before, ["initialize", "server/discover"]);
    until("the stream is closed", || async { server.open_streams() == 0 }).await;
}

#[tokio::test]
async fn tools_are_listed_tested_and_called_over_one_stream() {
    let (_keyway, api, server) = connected().await;
    let tested = api.post("/api/v1/connectors/notes/test", json!({})).await.expect(200);
    assert_eq!(tested["ok"], true, "{tested}");
    assert_eq!(tested["protocol_version"], "2025-11-25");
    let before = streams_opened(&server);
    let listed = api.get("/api/v1/tools?connectors=notes").await.text();
    assert!(listed.contains("12345678901234567890123"), "{listed}");
    for _ in 0..3 {
        let called = echo(&api).await;
        assert!(
            called.text().contains(r#""x-first":12345678901234567890123"#),
            "{}",
            called.text()
        );
    }
    assert!(streams_opened(&server) <= before + 1, "calls share a stream");
    let diagnosed = api.post("/api/v1/connectors/notes/diagnose", json!({})).await.expect(200);
    assert!(diagnosed["summary"].as_str().unwrap().contains("works"), "{diagnosed}");
}

#[tokio::test]
async fn a_pinned_connector_keeps_to_the_order_and_to_its_version() {
    let (keyway, server) = (Keyway::single_user().await, older().await);
    let api = keyway.api();
    let pinned = json!({"url": server.url(), "slug": NOTES, "auth_type": "headers", "pinned_protocol_version": "2024-11-05"});
    api.create(pinned).await.expect(201);
    echo(&api).await.expect(200);
    assert!(server.log().rpc("server/discover").is_empty());
    let initialized = server.log().rpc("initialize");
    let asked = |at: usize| initialized[at].json()["params"]["protocolVersion"].clone();
    assert_eq!((asked(0), initialized[0].path.as_str()), (json!("2024-11-05"), "/mcp"));
    assert_eq!((asked(1), initialized[1].path.as_str()), (json!("2024-11-05"), "/messages"));
}

#[tokio::test]
async fn a_client_of_either_era_uses_it_through_the_door_that_translates() {
    let (_keyway, api, _server) = connected().await;
    let mut client = McpClient::new(api.clone(), DOOR.to_owned());
    let arguments = r#""name":"echo","arguments":{"a":12345678901234567890123}"#;
    for answer in [
        client.stateless("tools/list", None, "").await,
        client.stateless("tools/call", Some("echo"), arguments).await,
        client.initialize().await,
        client.request("tools/list", "{}").await,
        client.call("echo", r#"{"a":12345678901234567890123}"#).await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains(r#""error""#), "{}", answer.text());
    }
    let called = client.call("echo", r#"{"a":12345678901234567890123}"#).await.text();
    assert!(called.contains("12345678901234567890123"), "{called}");
}

#[tokio::test]
async fn the_transparent_door_says_which_one_to_use() {
    let (_keyway, api, server) = connected().await;
    let mut client = api.mcp(NOTES);
    let refused = client.initialize().await;
    assert_eq!(refused.problem(), (502, "upstream_error".to_owned()));
    assert!(refused.text().contains(DOOR), "{}", refused.text());
    let listened = client.listen().await;
    assert_eq!(listened.status(), 502);
    assert!(listened.text().await.unwrap().contains(DOOR));
    let modern = McpServer::open().await;
    let other = json!({"url": modern.url(), "slug": "other", "auth_type": "headers"});
    api.create(other).await.expect(201);
    let before = modern.log().len();
    api.mcp("other").initialize().await.expect(200);
    assert_eq!(modern.log().len(), before + 2, "initialize and its notification, nothing else");
    drop(server);
}

#[tokio::test]
async fn an_address_elsewhere_is_refused_and_gets_nothing() {
    let (keyway, server, elsewhere) =
        (Keyway::single_user().await, older().await, McpServer::open().await);
    let first = format!("event: endpoint\ndata: {}/messages?stream=1\n\n", elsewhere.origin());
    server.script(|script| script.first_event = Some(first));
    let report = probe(&keyway.api(), &server.url()).await;
    assert_eq!(report["outcome"], "unreachable", "{report}");
    assert!(outcomes(&report).contains("another origin"), "{}", outcomes(&report));
    assert!(elsewhere.log().is_empty());
    assert!(server.log().to("/messages").is_empty());
}

#[tokio::test]
async fn a_stream_that_begins_with_garbage_or_never_ends_its_first_event_is_given_up() {
    let (keyway, server) = (Keyway::single_user().await, older().await);
    let endless = format!("event: endpoint\ndata: {}", "a".repeat(5 * 1024 * 1024));
    let long = format!("event: endpoint\ndata: /{}\n\n", "a".repeat(5000));
    for (first, says) in [
        ("event: message\ndata: {}\n\n".to_owned(), "does not begin with an address"),
        ("data: \u{0}<html>\n\n".to_owned(), "does not begin with an address"),
        (long, "does not begin with an address"),
        (endless, "larger than 4 MiB"),
    ] {
        server.script(|script| script.first_event = Some(first));
        let report = probe(&keyway.api(), &server.url()).await;
        assert_ne!(report["outcome"], "open", "{report}");
        assert!(outcomes(&report).contains(says), "{}", outcomes(&report));
    }
    assert!(server.log().to("/messages").is_empty());
    until("the streams are closed", || async { server.open_streams() == 0 }).await;
}

#[tokio::test]
async fn a_refusal_of_the_newer_wire_leads_to_no_stream() {
    let keyway = Keyway::single_user().await;
    let modern = RawServer::start(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32020,\"message\":\"\"}}",
        "",
    )
    .await;
    let report = probe(&keyway.api(), modern.origin()).await;
    assert_ne!(report["outcome"], "open", "{report}");
    assert!(!outcomes(&report).contains("event stream"), "{}", outcomes(&report));
}

#[tokio::test]
async fn a_stream_that_ended_between_calls_is_opened_anew() {
    let (_keyway, api, server) = connected().await;
    echo(&api).await.expect(200);
    let before = streams_opened(&server);
    server.end_streams();
    echo(&api).await.expect(200);
    server.end_streams();
    api.get("/api/v1/tools?connectors=notes&refresh=true").await.expect(200);
    echo(&api).await.expect(200);
    assert_eq!(streams_opened(&server), before + 2);
}

#[tokio::test]
async fn a_stream_that_ends_during_a_call_fails_it_in_words_and_the_next_one_works() {
    let (_keyway, api, server) = connected().await;
    let left = api.call(NOTES, "leave", json!({})).await;
    assert_eq!(left.problem(), (502, "upstream_error".to_owned()));
    assert!(left.text().contains("ended without an answer"), "{}", left.text());
    let calls = server.log().rpc("tools/call").len();
    assert_eq!(calls, 1, "what may have been done is not done again");
    echo(&api).await.expect(200);
}

#[tokio::test]
async fn a_connector_that_is_deleted_switched_off_or_changed_leaves_no_stream_open() {
    let (_keyway, api, server) = connected().await;
    for change in [json!({"headers": {"x-key": "1"}}), json!({"enabled": false})] {
        echo(&api).await.expect(200);
        assert_eq!(server.open_streams(), 1);
        api.patch("/api/v1/connectors/notes", change.clone()).await.expect(200);
        until(&format!("no stream after {change}"), || async { server.open_streams() == 0 }).await;
    }
    api.patch("/api/v1/connectors/notes", json!({"enabled": true})).await.expect(200);
    echo(&api).await.expect(200);
    api.delete("/api/v1/connectors/notes").await;
    until("no stream after the deletion", || async { server.open_streams() == 0 }).await;
}

#[tokio::test]
async fn a_signed_out_connector_leaves_no_stream_open_and_a_renewed_token_keeps_it() {
    let scene = signed_in().await;
    scene.assert_works().await;
    let before = streams_opened(&scene.mcp);
    for _nine_minutes in 0..7 {
        scene.advance(540);
        scene.assert_works().await;
    }
    assert_eq!((scene.refreshes(), streams_opened(&scene.mcp)), (1, before));
    scene.api.delete("/api/v1/connectors/notes/oauth").await;
    until("the stream is closed", || async { scene.mcp.open_streams() == 0 }).await;
}

#[tokio::test]
async fn a_token_goes_with_the_stream_and_with_the_messages_and_is_renewed_after_a_refusal() {
    let scene = signed_in().await;
    scene.assert_works().await;
    let (stream, message) = ("/mcp", "/messages");
    for path in [stream, message] {
        let seen = scene.mcp.log().to(path);
        assert!(seen.iter().any(|request| request.bearer().is_some()), "{path}");
    }
    scene.authorization_server.kill_access_tokens();
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 1, "a message was refused");
    scene.advance(120);
    scene.mcp.end_streams();
    scene.authorization_server.kill_access_tokens();
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 2, "a stream was refused");
    assert_eq!(scene.state().await.0, "ready");
}

#[tokio::test]
async fn two_users_have_a_stream_each() {
    let (keyway, server) = (Keyway::start(Settings::tokens, |_| {}).await, older().await);
    for user in ["alice", "bob"] {
        let connector = json!({"url": server.url(), "slug": NOTES, "auth_type": "headers"});
        let api = keyway.api_of(user);
        api.create(connector).await.expect(201);
        echo(&api).await.expect(200);
    }
    let calls = server.log().rpc("tools/call");
    let names: Vec<_> = calls.iter().map(|call| call.query("stream").unwrap()).collect();
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);
}

#[tokio::test]
async fn what_the_server_asks_a_client_of_the_newer_era_is_asked_in_a_round() {
    let (_keyway, api, _server) = connected().await;
    let call = |more: Value| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
        });
        let mut params = json!({ "name": "ask", "arguments": {}, "_meta": meta });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let request = api.request(http::Method::POST, DOOR).json(&message);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = request.header("mcp-protocol-version", "2026-07-28");
        api.send(request.header("mcp-method", "tools/call").header("mcp-name", "ask"))
    };
    let asked = result(&call(json!({})).await);
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let (key, question) = asked["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["params"]["message"], "Who?");
    let answers = json!({ key: { "action": "accept", "content": { "name": "Ana" } } });
    let more = json!({ "inputResponses": answers, "requestState": asked["requestState"] });
    let done = result(&call(more).await);
    assert!(done["content"][0]["text"].as_str().unwrap().contains("Ana"), "{done}");
}

#[tokio::test]
async fn what_the_server_asks_a_client_of_the_handshake_era_is_asked_while_it_waits() {
    let (_keyway, api, server) = connected().await;
    let mut client = McpClient::new(api.clone(), DOOR.to_owned());
    let params = r#"{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"test","version":"1"}}"#;
    let initialized = client.request("initialize", params).await;
    client.use_session(initialized.header("mcp-session-id").expect("a session"));
    client.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    let call =
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"ask","arguments":{}}}"#;
    let mut answer = client.stream(call).await;
    let mut text = String::new();
    while !text.contains("elicitation/create") || !text.ends_with("\n\n") {
        let chunk = answer.chunk().await.expect("it streams").expect("a question comes");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    let renamed = json!({ "name": "Renamed" });
    api.patch("/api/v1/connectors/notes", renamed).await.expect(200);
    let question = messages(&text).pop().expect("a message");
    let accepted = json!({ "action": "accept", "content": { "name": "Ana" } });
    let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": accepted });
    client.post(&reply.to_string()).await;
    let done = answer.text().await.expect("the answer comes");
    assert!(done.contains("Ana"), "{done}");
    until("a change lets the call end, then the stream", || async { server.open_streams() == 0 })
        .await;
}

/// The JSON-RPC result of an answer, be it JSON or a stream.
fn result(answer: &Answer) -> Value {
    let whole = answer.json();
    let last = if whole.is_null() { messages(&answer.text()).pop() } else { Some(whole) };
    last.map(|message| message["result"].clone()).unwrap_or_default()
}

/// The messages in the text of an event stream.
fn messages(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}
