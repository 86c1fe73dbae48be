//! Traces, from the real binary to a scripted collector: what is told of a call, what is not, and that a
//! collector that takes nothing costs nobody anything.

use http::{Method, StatusCode};
use keyway_tests::{
    api::Answer,
    authorization_server::AuthorizationServer,
    browser::Browser,
    collector::{Collector, Exported},
    mcp_server::McpServer,
    process::Process,
    settings::Settings,
};
use serde_json::json;
use tempfile::TempDir;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const CALL: &str = "POST /mcp/{connector}";
const DROPPED: &str = "keyway_spans_dropped_total";

fn directory() -> TempDir {
    tempfile::tempdir().expect("there is room for a temporary directory")
}

/// A process whose spans go to `collector`, with an open connector `notes`.
async fn traced(collector: &Collector, directory: &TempDir) -> (Process, McpServer) {
    let mut settings = Settings::single_user(directory);
    settings
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.origin())
        .set("OTEL_EXPORTER_OTLP_HEADERS", "collector-key=of%20the%20operator");
    with_notes(&settings, directory).await
}

async fn with_notes(settings: &Settings, directory: &TempDir) -> (Process, McpServer) {
    let mcp = McpServer::open().await;
    let process = Process::serve(settings, directory).await;
    process.api().create(json!({"url": mcp.url(), "slug": "notes"})).await.expect(201);
    (process, mcp)
}

/// Calls `whoami` as a stateless client that is in a trace of its own.
async fn call(process: &Process, sampled: bool) -> Answer {
    call_at("/mcp/notes?secret=in-the-query", process, sampled).await
}

async fn call_at(path: &str, process: &Process, sampled: bool) -> Answer {
    let flags = if sampled { "01" } else { "00" };
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let params = format!(r#"{{"name":"whoami","arguments":{{}},"_meta":{meta}}}"#);
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
    let api = process.api();
    let request = api
        .request(Method::POST, path)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "whoami")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-{flags}"));
    api.send(request.body(body)).await
}

fn is_call(span: &Exported) -> bool {
    span.name == CALL
}

#[tokio::test]
async fn a_call_is_a_span_in_the_callers_trace_with_the_request_to_the_server_below_it() {
    let (directory, collector) = (directory(), Collector::start().await);
    let (process, mcp) = traced(&collector, &directory).await;
    let answer = call(&process, true).await;
    answer.expect(200);

    let span = collector.span(is_call).await;
    assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE, PARENT));
    let connector = process.api().connector("notes").await;
    assert_eq!(span.attribute("keyway.connector.id"), connector["id"].as_str().unwrap_or("none"));
    assert_eq!(span.attribute("keyway.request_id"), answer.header("x-request-id").unwrap_or("-"));
    assert_eq!(span.attribute("http.response.status_code"), "200");
    assert_eq!(span.attribute("mcp.method.name"), "tools/call");
    assert_eq!((span.attribute("mcp.name"), span.service.as_str()), ("whoami", "keyway"));

    let below = collector.span(|below| below.parent == span.id).await;
    assert_eq!((below.name.as_str(), below.trace.as_str()), ("POST", TRACE));
    assert_eq!(below.attribute("server.address"), "127.0.0.1");
    assert_eq!(below.attribute("http.response.status_code"), "200");
    let headed = collector.log().matching(|request| request.header("collector-key").is_some());
    assert_eq!(headed.first().and_then(|r| r.header("collector-key")), Some("of the operator"));
    let passed = mcp.log().rpc("tools/call");
    let passed = passed.first().and_then(|request| request.header("traceparent"));
    assert_eq!(passed, Some(format!("00-{TRACE}-{PARENT}-01").as_str()));
}

#[tokio::test]
async fn a_call_through_all_connectors_has_the_request_to_the_server_below_it() {
    let (directory, collector) = (directory(), Collector::start().await);
    let (process, _mcp) = traced(&collector, &directory).await;
    call_at("/mcp?connectors=notes&names=plain", &process, true).await.expect(200);
    let span = collector.span(|span| span.name == "POST /mcp").await;
    assert_eq!((span.trace.as_str(), span.attribute("mcp.name")), (TRACE, "whoami"));
    let below = collector.span(|below| below.parent == span.id).await;
    assert_eq!((below.name.as_str(), below.trace.as_str()), ("POST", TRACE));
}

#[tokio::test]
async fn a_trace_that_the_caller_does_not_sample_is_not_collected() {
    let (directory, collector) = (directory(), Collector::start().await);
    let (process, _mcp) = traced(&collector, &directory).await;
    call(&process, false).await.expect(200);
    assert!(process.terminate().await.success());
    assert!(!collector.spans().is_empty(), "what was not part of that trace is told at the end");
    assert!(!collector.spans().iter().any(is_call));
}

#[tokio::test]
async fn the_spans_of_a_sign_in_a_refresh_and_a_call_hold_no_secret() {
    let (directory, collector) = (directory(), Collector::start().await);
    let mut settings = Settings::single_user(&directory);
    settings.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.origin());
    let (process, _open) = with_notes(&settings, &directory).await;
    let authorization_server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&authorization_server).await;
    let api = process.api();
    api.create_oauth("sealed", &mcp.url()).await;
    let (authorize_url, session) = api.start_sign_in("sealed").await;
    Browser::of("alice").sign_in(&authorize_url).await;
    assert_eq!(api.session(&session).await["status"], "finished");
    authorization_server.kill_access_tokens();
    api.call("sealed", "whoami", json!({})).await.expect(200);
    call(&process, true).await.expect(200);
    assert!(process.terminate().await.success());

    let spans = collector.spans();
    let outcomes = |name: &str| {
        let named = spans.iter().filter(|span| span.name == name);
        named.map(|span| span.attribute("keyway.outcome").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("token renewal"), ["renewed"]);
    assert_eq!(outcomes("token request"), ["ok", "ok"]);
    let mut secrets = authorization_server.secrets();
    assert!(secrets.len() >= 5, "codes and tokens were given out");
    secrets.extend(["in-the-query", "alice", "\"arguments\""].map(str::to_owned));
    for body in collector.log().requests().iter().map(|request| &request.body) {
        let body = String::from_utf8_lossy(body);
        assert!(!secrets.iter().any(|secret| body.contains(secret)), "a secret was told: {body}");
    }
}

#[tokio::test]
async fn a_collector_that_hangs_holds_no_call_up() {
    let (directory, collector) = (directory(), Collector::start().await);
    collector.gate().close();
    let (process, mcp) = traced(&collector, &directory).await;
    collector.gate().waiting(1).await;
    for _ in 0..3 {
        call(&process, true).await.expect(200);
    }
    assert_eq!(mcp.log().rpc("tools/call").len(), 3);
    assert_eq!(collector.log().len(), 1, "the spans wait while the collector hangs");
    collector.gate().open();
    assert!(process.terminate().await.success());
    assert_eq!(collector.spans().iter().filter(|span| is_call(span)).count(), 3);
}

#[tokio::test]
async fn a_collector_that_refuses_is_told_of_once_and_its_spans_are_counted() {
    let (directory, collector) = (directory(), Collector::start().await);
    collector.answer_with(StatusCode::BAD_REQUEST);
    let (process, _mcp) = traced(&collector, &directory).await;
    for batches in 1..=3 {
        call(&process, true).await.expect(200);
        collector.log().wait_until(|requests| requests.len() >= batches).await;
    }
    // Each batch waits for the one before, so that two of the three are over.
    let complaints = process.log().matches("the collector takes no spans").count();
    assert_eq!(complaints, 1, "{}", process.log());
    assert!(process.metrics().await.value(DROPPED) >= 2.0);
}

#[tokio::test]
async fn without_the_setting_nothing_is_sent_whatever_else_is_set() {
    let (directory, collector) = (directory(), Collector::start().await);
    let mut settings = Settings::single_user(&directory);
    settings
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        .set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{}/v1/traces", collector.origin()))
        .set("OTEL_TRACES_SAMPLER", "always_on");
    let (process, _mcp) = with_notes(&settings, &directory).await;
    call(&process, true).await.expect(200);
    assert!(process.terminate().await.success());
    assert!(collector.log().is_empty());
}
