//! What a client gets that does not keep to the protocol: the protocol's own error, and never a 500.

use http::Method;
use keyway_tests::{
    api::{Answer, Api},
    keyway::Keyway,
    mcp_server::Eras,
    process::Process,
    settings::Settings,
    wire_client::{HANDSHAKE, STATELESS, WireClient},
};
use serde_json::{Value, json};

use super::{client, serve};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

async fn post(api: &Api, headers: &[(&str, &str)], body: String) -> Answer {
    let request = api.request(Method::POST, "/mcp").header("content-type", "application/json");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    api.send(request.body(body)).await
}

fn code(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json()["error"]["code"].clone())
}

fn deep() -> String {
    format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))
}

#[tokio::test]
async fn what_is_no_message_is_told_so() {
    let keyway = Keyway::single_user().await;
    for (body, wanted) in [
        ("{", -32700),
        ("", -32700),
        ("\u{feff}{}", -32700),
        ("[]", -32600),
        ("7", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
    ] {
        let answer = post(&keyway.api(), &[], body.to_owned()).await;
        assert_eq!(code(&answer), (400, json!(wanted)), "{body:?} {}", answer.text());
        assert_eq!(answer.json()["jsonrpc"], "2.0");
    }
    assert_eq!(post(&keyway.api(), &[], deep()).await.status, 400);
    let large = format!(r#"{{"jsonrpc":"2.0","x":"{}"}}"#, "x".repeat(4 << 20));
    assert_eq!(post(&keyway.api(), &[], large).await.status, 413);
}

#[tokio::test]
async fn headers_and_body_of_the_stateless_wire_must_agree() {
    let keyway = Keyway::single_user().await;
    let meta = json!({VERSION: STATELESS, CAPABILITIES: {}});
    let list = |meta: &Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}})
            .to_string()
    };
    let (version, method) = (("mcp-protocol-version", STATELESS), ("mcp-method", "tools/list"));
    let future = ("mcp-protocol-version", "2030-01-01");
    for (headers, body, wanted) in [
        (vec![version, method], list(&meta), (200, Value::Null)),
        (vec![method], list(&meta), (400, json!(-32020))),
        (vec![version], list(&meta), (400, json!(-32020))),
        (vec![version, ("mcp-method", "tools/call")], list(&meta), (400, json!(-32020))),
        (vec![future, method], list(&meta), (400, json!(-32020))),
        (vec![future, method], list(&json!({VERSION: "2030-01-01"})), (400, json!(-32022))),
        (vec![version, method], list(&json!({VERSION: STATELESS})), (400, json!(-32602))),
        (vec![version, method], list(&json!({})), (400, json!(-32602))),
        (vec![version, method], list(&Value::Null), (400, json!(-32602))),
    ] {
        let answer = post(&keyway.api(), &headers, body.clone()).await;
        assert_eq!(code(&answer), wanted, "{headers:?} {body}");
    }
}

#[tokio::test]
async fn methods_and_parameters_that_lead_nowhere_are_told_so_on_each_wire() {
    let keyway = Keyway::single_user().await;
    let server = serve(&keyway.api(), "notes", Eras::Both).await;
    for (version, status) in [(HANDSHAKE, 200), (STATELESS, 404)] {
        let client = client(&keyway.api(), version).await;
        for method in ["no/such", "sampling/createMessage", "", "tools/list/"] {
            let answer = client.post(method, json!({})).await;
            assert_eq!(code(&answer), (status, json!(-32601)), "{version} {method:?}");
        }
        for (method, params) in [
            ("tools/call", json!({})),
            ("tools/call", json!({"name": 7})),
            ("tools/list", json!({"cursor": "2"})),
            ("completion/complete", json!({"ref": 7})),
        ] {
            let answer = client.ask(method, params.clone()).await;
            assert_eq!(answer["error"]["code"], -32602, "{version} {method} {params}");
        }
    }
    assert!(server.log().is_empty());
}

#[tokio::test]
async fn addresses_and_versions_that_are_none_are_refused() {
    let keyway = Keyway::single_user().await;
    for query in ["connectors=No%20Slug", "names=plain", "connectors=a,b&names=plain", "x=1"] {
        let answer = keyway.api().post(&format!("/mcp?{query}"), json!({})).await;
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned()), "{query}");
    }
    let client = client(&keyway.api(), HANDSHAKE).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let request = client.bare(Method::POST).header("mcp-protocol-version", "1999-01-01");
    let sent = keyway.api().send(request.json(&ping)).await;
    assert!(sent.status.is_client_error() || sent.status.is_success(), "{}", sent.text());
    let old =
        post(&keyway.api(), &[("mcp-protocol-version", "1999-01-01")], ping.to_string()).await;
    assert_eq!(code(&old), (400, json!(-32022)));
    let absent =
        WireClient::connect(&keyway.api(), "/mcp?connectors=none", STATELESS, json!({})).await;
    assert_eq!(absent.result("tools/list", json!({})).await["tools"], json!([]));
}

#[tokio::test]
async fn a_warm_call_is_one_request_to_the_server_and_no_query() {
    const QUERIES: &str = "keyway_database_queries_total{purpose=\"request\"}";
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let process = Process::serve(&Settings::single_user(&directory), &directory).await;
    let server = serve(&process.api(), "notes", Eras::Handshake).await;
    for version in [HANDSHAKE, STATELESS] {
        let client = client(&process.api(), version).await;
        client.call("notes__whoami", json!({})).await;
        let (seen, before) = (server.log().len(), process.metrics().await.value(QUERIES));
        for _ in 0..10 {
            client.call("notes__whoami", json!({})).await;
        }
        let queries = process.metrics().await.value(QUERIES) - before;
        let requests = server.log().len() - seen;
        assert_eq!(format!("{requests} requests, {queries} queries"), "10 requests, 0 queries");
    }
}
