//! The transparent proxy and the REST call: what goes through, byte for byte, and what does not.

use keyway_tests::{
    api::{Api, Credentials},
    mcp_server::{Answers, Eras, McpServer},
    raw_server::RawServer,
    scene::{NOTES, Scene},
    until::until,
};
use serde_json::json;

const ODD: &str =
    r#"{ "z":1, "a":123456789012345678901234567890, "f":1.0, "e":1E2, "u":"\u00e9", "x":[ ] }"#;

/// A scene with an open server behind the connector `open`.
async fn with_open_server() -> (Scene, McpServer) {
    let scene = Scene::new().await;
    let mcp = McpServer::open().await;
    mcp.script(|script| script.sessions = false);
    let connector = json!({"url": mcp.url(), "slug": "open", "auth_type": "headers"});
    scene.api.create(connector).await.expect(201);
    (scene, mcp)
}

#[tokio::test]
async fn requests_and_answers_pass_byte_for_byte() {
    for answers in [Answers::Json, Answers::Sse] {
        let (scene, mcp) = with_open_server().await;
        mcp.script(|script| script.answers = answers);
        let direct = Api::new(mcp.origin(), Credentials::None).mcp("");
        let through = scene.api.mcp("open");
        for message in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":"α","method":"prompts/list","params":{"_meta":{"a/b":1}}}"#
                .to_owned(),
            r#"{"id":12345678901234567890,"jsonrpc":"2.0","method":"future/method","params":{}}"#
                .to_owned(),
            format!(
                r#"{{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{{"name":"echo","arguments":{ODD}}}}}"#
            ),
        ] {
            let (direct, through) = (direct.post(&message).await, through.post(&message).await);
            assert_eq!((through.status, through.text()), (direct.status, direct.text()));
            let seen = mcp.log().requests();
            assert_eq!(seen[seen.len() - 1].body, seen[seen.len() - 2].body);
            assert_eq!(seen[seen.len() - 1].body, message);
        }
    }
}

#[tokio::test]
async fn requests_of_2026_07_28_pass_with_their_headers() {
    let (scene, mcp) = with_open_server().await;
    mcp.script(|script| script.eras = Eras::Stateless);
    let call = format!(r#""name":"echo","arguments":{ODD}"#);
    let direct = Api::new(mcp.origin(), Credentials::None).mcp("");
    let direct = direct.stateless("tools/call", Some("echo"), &call).await;
    let through = scene.api.mcp("open").stateless("tools/call", Some("echo"), &call).await;
    assert_eq!((through.status.as_u16(), through.text()), (200, direct.text()));
    let refused = scene.api.mcp("open").stateless("tools/call", Some("other"), &call).await;
    assert_eq!(refused.expect(400)["error"]["code"], -32020);
}

#[tokio::test]
async fn a_connector_that_changes_under_a_call_is_not_found_as_it_was() {
    let (scene, mcp) = with_open_server().await;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for status in [200, 404] {
        let endless = RawServer::start("HTTP/1.1 200 OK\r\n", "x-more: to come\r\n").await;
        let url = format!("{}/mcp", endless.origin());
        let connector = json!({"url": url, "slug": "endless", "auth_type": "headers"});
        scene.api.create(connector).await.expect(201);
        let client = scene.api.mcp("endless");
        let under_way = tokio::spawn(async move { client.post(list).await });
        until("the call has come", async || endless.asked() == 1).await;
        let path = "/api/v1/connectors/endless";
        if status == 200 {
            scene.api.patch(path, json!({"url": mcp.url()})).await.expect(200);
        } else {
            scene.api.delete(path).await;
        }
        let seen = mcp.log().requests().len();
        assert_eq!(scene.api.mcp("endless").post(list).await.status, status);
        assert_eq!(mcp.log().requests().len() - seen, usize::from(status == 200));
        assert!(!under_way.is_finished());
        under_way.abort();
        scene.api.delete(path).await;
    }
}

#[tokio::test]
async fn a_rest_call_keeps_unknown_fields_and_big_numbers() {
    let (scene, _mcp) = with_open_server().await;
    let body = format!(r#"{{"connector":"open","tool":"echo","arguments":{ODD}}}"#);
    let text = scene.api.post_text("/api/v1/tools/call", &body).await.text();
    assert!(text.contains(&format!(r#""structuredContent":{ODD}"#)), "{text}");
    assert!(text.contains(r#""x-first":12345678901234567890123"#), "{text}");
    assert!(text.contains(r#""x-unknown":null"#), "{text}");
}

#[tokio::test]
async fn a_stream_comes_event_by_event() {
    let (scene, mcp) = with_open_server().await;
    mcp.call_gate().close();
    let message = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow","arguments":{"steps":3},"_meta":{"progressToken":"p"}}}"#;
    let mut response = scene.api.mcp("open").stream(message).await;
    let first = response.chunk().await.expect("a body").expect("an event");
    assert!(String::from_utf8_lossy(&first).contains(r#""progress":1"#));
    mcp.call_gate().waiting(1).await;
    mcp.call_gate().open();
    assert!(response.text().await.expect("the rest").contains(r#""id":7"#));
}

#[tokio::test]
async fn the_callers_credentials_stay_with_keyway() {
    let scene = Scene::tokens().await;
    scene.sign_in().await;
    let mut client = scene.api.mcp(NOTES);
    client.initialize().await.expect(200);
    client.call("whoami", "{}").await.expect(200);
    let token = scene.authorization_server.newest_access_token();
    for request in scene.mcp.log().rpc("tools/call") {
        assert_eq!(request.bearer().map(str::to_owned), token);
        for name in ["cookie", "keyway-user", "forwarded", "x-forwarded-for"] {
            assert_eq!(request.header(name), None);
        }
    }
}

#[tokio::test]
async fn an_upstreams_challenge_never_reaches_the_caller() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.refuses_tokens = true);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let answer = scene.api.mcp(NOTES).post(list).await;
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.expect(200)["error"]["code"], -31001);
}

#[tokio::test]
async fn a_tool_call_without_a_sign_in_gets_a_result_that_says_where_to_sign_in() {
    let scene = Scene::new().await;
    let result = scene.api.mcp(NOTES).call("whoami", "{}").await.expect(200)["result"].clone();
    assert_eq!(result["isError"], true);
    assert_eq!(result["structuredContent"]["code"], "sign_in_required");
    let url = result["structuredContent"]["sign_in_url"].as_str().unwrap_or_default();
    assert!(url.starts_with(scene.keyway.origin()), "{url}");
}

#[tokio::test]
async fn session_ids_change_hands_and_belong_to_one_user() {
    let scene = Scene::tokens().await;
    scene.sign_in().await;
    let mut alice = scene.api.mcp(NOTES);
    alice.initialize().await.expect(200);
    let session = alice.session().expect("a session").to_owned();
    assert!(!session.starts_with("session-"), "the upstream's id is not shown");
    assert_eq!(alice.call("whoami", "{}").await.status, 200);

    let bob = scene.keyway.api_of("bob");
    bob.create_oauth(NOTES, &scene.mcp.url()).await;
    let browser = keyway_tests::browser::Browser::of("bob");
    browser.hold_session(&bob).await;
    let (authorize_url, _) = bob.start_sign_in(NOTES).await;
    browser.sign_in(&authorize_url).await;
    let mut thief = bob.mcp(NOTES);
    thief.use_session(&session);
    assert_eq!(thief.call("whoami", "{}").await.status, 404);
}

#[tokio::test]
async fn an_ended_session_is_ended_upstream() {
    let scene = Scene::signed_in().await;
    let mut client = scene.api.mcp(NOTES);
    client.initialize().await.expect(200);
    assert_eq!(scene.mcp.open_sessions(), 1);
    assert!(client.end().await.status.is_success());
    assert_eq!(scene.mcp.open_sessions(), 0);
    assert_eq!(client.call("whoami", "{}").await.status, 404);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_not_a_reason_to_sign_in() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| {
        let fault = keyway_tests::fault::Fault::Status(500);
        for method in ["", "initialize", "tools/call", "server/discover", "tools/list"] {
            script.fault_on.insert(method.to_owned(), fault.clone());
        }
    });
    assert_eq!(scene.whoami().await.problem(), (502, "upstream_error".to_owned()));
    until("its health is written down", || async {
        scene.connector().await["health"]["status"] == "upstream_error"
    })
    .await;
    assert_eq!(scene.state().await.0, "ready");
}

#[tokio::test]
async fn the_list_of_all_tools_leaves_out_who_is_signed_out_and_says_so() {
    let (scene, _mcp) = with_open_server().await;
    let tools = scene.api.get("/api/v1/tools").await.expect(200);
    let tools = (tools["tools"].as_array().cloned(), tools["unavailable"].as_array().cloned());
    let (Some(tools), Some(left_out)) = tools else { panic!("two lists") };
    assert!(tools.iter().any(|tool| tool["name"] == "open__echo"), "{tools:?}");
    assert_eq!(left_out[0]["code"], "sign_in_required");

    let call = json!({"name": "open__echo", "arguments": {"a": 1}});
    let result = scene.api.post("/api/v1/tools/call", call).await.expect(200);
    assert_eq!(result["structuredContent"], json!({"a": 1}));
}
