//! Trying an address before anything is saved: each outcome, and the trace that explains it.

use keyway_tests::{
    api::Api,
    authorization_server::{AuthorizationServer, RegistrationPolicy},
    fault::Fault,
    keyway::Keyway,
    mcp_server::{Eras, McpServer, MetadataAt},
};
use serde_json::{Value, json};

async fn probe(api: &Api, url: &str, headers: Value) -> Value {
    let report = api.post("/api/v1/connectors/probe", json!({"url": url, "headers": headers}));
    report.await.expect(200)
}

#[tokio::test]
async fn an_open_server_is_shown_with_its_tools() {
    let keyway = Keyway::single_user().await;
    for eras in [Eras::Handshake, Eras::Stateless] {
        let mcp = McpServer::open().await;
        mcp.script(|script| script.eras = eras);
        let report = probe(&keyway.api(), &mcp.url(), json!({})).await;
        assert_eq!(report["outcome"], "open", "{report}");
        assert_eq!(report["tools"][0]["name"], "echo");
    }
}

#[tokio::test]
async fn a_server_to_sign_in_to_is_shown_with_its_issuer_and_how_it_registers() {
    let keyway = Keyway::single_user().await;
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let report = probe(&keyway.api(), &mcp.url(), json!({})).await;
    assert_eq!(report["outcome"], "oauth", "{report}");
    assert_eq!(report["oauth"]["issuer"], server.issuer());
    assert_eq!(report["oauth"]["registration"], "dynamic");
    assert!(server.log().to("/register").is_empty(), "a probe registers nobody");
}

#[tokio::test]
async fn a_server_without_registration_needs_a_client() {
    let keyway = Keyway::single_user().await;
    let server = AuthorizationServer::start().await;
    server.script(|script| script.registration_policy = RegistrationPolicy::Absent);
    let mcp = McpServer::protected_by(&server).await;
    let report = probe(&keyway.api(), &mcp.url(), json!({})).await;
    assert_eq!(report["outcome"], "client_needed", "{report}");
    let redirect_uri = format!("{}/oauth/callback", keyway.origin());
    assert_eq!(report["oauth"]["redirect_uri"], redirect_uri);
}

#[tokio::test]
async fn a_server_that_wants_a_key_is_told_from_one_that_refuses_it() {
    let keyway = Keyway::single_user().await;
    let mcp = McpServer::with_header("x-key", "right").await;
    mcp.script(|script| script.metadata_at = MetadataAt::NOWHERE);
    let without = probe(&keyway.api(), &mcp.url(), json!({})).await;
    assert_eq!(without["outcome"], "token_needed", "{without}");
    let wrong = probe(&keyway.api(), &mcp.url(), json!({"X-Key": "wrong"})).await;
    assert_eq!(wrong["outcome"], "headers_rejected", "{wrong}");
    let right = probe(&keyway.api(), &mcp.url(), json!({"X-Key": "right"})).await;
    assert_eq!(right["outcome"], "open", "{right}");
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_used_is_told_with_whose_fault_it_is() {
    let keyway = Keyway::single_user().await;
    for (broken, words) in [
        (json!({"issuer": "https://other.example"}), "other.example"),
        (json!({"token_endpoint": null}), "token_endpoint is missing"),
        (json!({"code_challenge_methods_supported": null}), "PKCE"),
    ] {
        let server = AuthorizationServer::start().await;
        server.script(|script| script.metadata = broken.clone());
        let mcp = McpServer::protected_by(&server).await;
        let report = probe(&keyway.api(), &mcp.url(), json!({})).await;
        assert_eq!(report["outcome"], "token_needed", "{report}");
        let detail = report["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "{report}");
        let steps = report["trace"].as_array().expect("a trace");
        let last = steps.last().expect("a step");
        assert_eq!(last["fault"], "authorization_server", "{report}");
    }
}

#[tokio::test]
async fn what_is_no_mcp_server_is_said_not_to_be_one() {
    let keyway = Keyway::single_user().await;
    let mcp = McpServer::open().await;
    for method in ["", "initialize", "server/discover", "tools/list"] {
        mcp.script(|script| drop(script.fault_on.insert(method.to_owned(), Fault::Html)));
    }
    let report = probe(&keyway.api(), &mcp.url(), json!({})).await;
    assert_eq!(report["outcome"], "not_mcp", "{report}");
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_unreachable_and_one_inside_is_blocked() {
    let keyway = Keyway::single_user().await;
    let closed = McpServer::open().await.url();
    let report = probe(&keyway.api(), &closed, json!({})).await;
    assert_eq!(report["outcome"], "unreachable", "{report}");
    let report = probe(&keyway.api(), "https://10.0.0.1/mcp", json!({})).await;
    assert_eq!(report["outcome"], "blocked", "{report}");
}

#[tokio::test]
async fn the_trace_names_every_step_and_whose_fault_a_failure_is() {
    let keyway = Keyway::single_user().await;
    let server = AuthorizationServer::start().await;
    server.script(|script| script.metadata_fault = Some(Fault::Status(500)));
    let mcp = McpServer::protected_by(&server).await;
    let report = probe(&keyway.api(), &mcp.url(), json!({})).await;
    let steps = report["trace"].as_array().expect("a trace");
    assert!(steps.iter().all(|step| step["url"].is_string() && step["rule"].is_string()));
    let failed = steps.iter().find(|step| step["status"] == 500).expect("the failed step");
    assert_eq!(failed["fault"], "authorization_server", "{report}");
}
