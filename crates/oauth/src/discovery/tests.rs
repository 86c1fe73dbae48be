//! Discovery against a scripted network: the order of the places, and what ends the search.

use serde_json::{Value, json};

use super::*;
use crate::testing::Script;

const MCP: &str = "https://mcp.example/team/mcp?key=secret";
const PATH_RESOURCE: &str = "https://mcp.example/.well-known/oauth-protected-resource/team/mcp";
const ROOT_RESOURCE: &str = "https://mcp.example/.well-known/oauth-protected-resource";
const ORIGIN_SERVER: &str = "https://mcp.example/.well-known/oauth-authorization-server";
const ORIGIN_OPENID: &str = "https://mcp.example/.well-known/openid-configuration";
const ISSUER: &str = "https://as.example";
const SERVER: &str = "https://as.example/.well-known/oauth-authorization-server";
const OPENID: &str = "https://as.example/.well-known/openid-configuration";

fn resource(issuers: &[&str]) -> String {
    json!({
        "resource": "https://mcp.example",
        "authorization_servers": issuers,
        "scopes_supported": ["read"],
    })
    .to_string()
}

fn server(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "code_challenge_methods_supported": ["S256"],
    })
}

trait Publish {
    fn publish(self, url: &str, document: &Value) -> Self;
}

impl Publish for Script {
    fn publish(self, url: &str, document: &Value) -> Self {
        self.json(url, 200, &document.to_string())
    }
}

async fn run(script: &Script, advertised: Option<&str>, allow_legacy_fallback: bool) -> Discovery {
    let challenge = BearerChallenge {
        resource_metadata: advertised.map(ToOwned::to_owned),
        ..BearerChallenge::default()
    };
    let request = DiscoveryRequest {
        mcp_url: MCP,
        challenge: Some(&challenge),
        allow_legacy_fallback,
        unattended: false,
        exceptions: &[],
    };
    discover(script, &request).await
}

#[tokio::test]
async fn a_grant_without_a_person_needs_neither_an_authorization_endpoint_nor_pkce() {
    let mut machines = server(ISSUER);
    for name in ["authorization_endpoint", "code_challenge_methods_supported"] {
        machines.as_object_mut().expect("an object").remove(name);
    }
    let script =
        Script::new().json(PATH_RESOURCE, 200, &resource(&[ISSUER])).publish(SERVER, &machines);
    let request = DiscoveryRequest {
        mcp_url: MCP,
        challenge: None,
        allow_legacy_fallback: false,
        unattended: true,
        exceptions: &[],
    };
    let found = discover(&script, &request).await.result.expect("an authorization server");
    assert_eq!(found.server.authorization_endpoint, None);
    let person = DiscoveryRequest { unattended: false, ..request };
    let refused = discover(&script, &person).await.result;
    assert!(matches!(refused, Err(DiscoveryError::MetadataInvalid { .. })), "{refused:?}");
}

async fn run_with(script: &Script, exceptions: &[Exception]) -> Discovery {
    let request = DiscoveryRequest {
        mcp_url: MCP,
        challenge: None,
        allow_legacy_fallback: false,
        unattended: false,
        exceptions,
    };
    discover(script, &request).await
}

async fn found(script: &Script) -> Discovered {
    run(script, None, false).await.result.expect("an authorization server")
}

async fn error(script: &Script) -> DiscoveryError {
    run(script, None, false).await.result.expect_err("an error")
}

#[tokio::test]
async fn the_place_in_the_challenge_is_the_only_one_asked_for_the_resource() {
    let place = "https://meta.example/custom?x=y";
    let script =
        Script::new().json(place, 200, &resource(&[ISSUER])).publish(SERVER, &server(ISSUER));
    let discovered = run(&script, Some(place), false).await.result.expect("found");
    assert_eq!(script.urls(), [place, SERVER]);
    assert_eq!(discovered.resource.as_deref(), Some("https://mcp.example"));
    assert_eq!(discovered.resource_scopes, ["read"]);
    assert_eq!(discovered.issuer, ISSUER);
    assert!(discovered.from_protected_resource);
    assert_eq!(discovered.legacy, None);
}

#[tokio::test]
async fn the_endpoints_path_comes_before_the_root() {
    let both = Script::new()
        .json(PATH_RESOURCE, 200, &resource(&[ISSUER]))
        .json(ROOT_RESOURCE, 200, &resource(&["https://other.example"]))
        .publish(SERVER, &server(ISSUER));
    found(&both).await;
    assert_eq!(both.urls(), [PATH_RESOURCE, SERVER]);

    let root = Script::new()
        .json(ROOT_RESOURCE, 200, &resource(&[ISSUER]))
        .publish(OPENID, &server(ISSUER));
    found(&root).await;
    assert_eq!(root.urls(), [PATH_RESOURCE, ROOT_RESOURCE, SERVER, OPENID]);
}

#[tokio::test]
async fn an_issuer_with_a_path_has_three_places() {
    for issuer in ["https://as.example/tenant/1", "https://as.example/tenant/1/"] {
        let last = "https://as.example/tenant/1/.well-known/openid-configuration";
        let script = Script::new()
            .json(PATH_RESOURCE, 200, &resource(&[issuer]))
            .publish(last, &server(issuer));
        assert_eq!(found(&script).await.issuer, issuer);
        assert_eq!(
            script.urls()[1..],
            [
                "https://as.example/.well-known/oauth-authorization-server/tenant/1",
                "https://as.example/.well-known/openid-configuration/tenant/1",
                last,
            ]
        );
    }
}

#[tokio::test]
async fn an_issuer_that_ends_in_a_slash_keeps_it() {
    let issuer = "https://as.example/";
    let script = Script::new()
        .json(PATH_RESOURCE, 200, &resource(&[issuer]))
        .publish(SERVER, &server(issuer));
    assert_eq!(found(&script).await.issuer, issuer);
}

#[tokio::test]
async fn another_issuer_in_the_document_ends_the_search() {
    let script = Script::new()
        .json(PATH_RESOURCE, 200, &resource(&[ISSUER]))
        .publish(SERVER, &server("https://as.example/"))
        .publish(OPENID, &server(ISSUER));
    let mismatch = DiscoveryError::IssuerMismatch {
        url: SERVER.to_owned(),
        expected: ISSUER.to_owned(),
        found: "https://as.example/".to_owned(),
    };
    assert_eq!(error(&script).await, mismatch);
    assert_eq!(script.urls(), [PATH_RESOURCE, SERVER]);
}

#[tokio::test]
async fn a_server_without_s256_is_refused() {
    for methods in [json!(null), json!(["plain"])] {
        let mut document = server(ISSUER);
        document["code_challenge_methods_supported"] = methods;
        let script =
            Script::new().json(PATH_RESOURCE, 200, &resource(&[ISSUER])).publish(SERVER, &document);
        let expected = DiscoveryError::PkceUnsupported { issuer: ISSUER.to_owned() };
        assert_eq!(error(&script).await, expected);
    }
}

#[tokio::test]
async fn an_issuer_without_metadata_gives_way_to_the_next() {
    let script = Script::new()
        .json(PATH_RESOURCE, 200, &resource(&["https://gone.example", ISSUER]))
        .publish(SERVER, &server(ISSUER));
    assert_eq!(found(&script).await.issuer, ISSUER);
    let nowhere = Script::new().json(PATH_RESOURCE, 200, &resource(&["https://gone.example"]));
    let expected = DiscoveryError::NoServerMetadata { issuer: "https://gone.example".to_owned() };
    assert_eq!(error(&nowhere).await, expected);
}

#[tokio::test]
async fn a_resource_that_is_not_this_server_is_refused_wherever_it_is() {
    let evil = json!({"resource": "https://evil.example/mcp", "authorization_servers": [ISSUER]});
    for place in [PATH_RESOURCE, ROOT_RESOURCE] {
        let script = Script::new().publish(place, &evil);
        assert!(matches!(error(&script).await, DiscoveryError::MetadataInvalid { .. }));
        assert_eq!(script.urls().last().map(String::as_str), Some(place));
    }
    let script = Script::new().publish("https://evil.example/prm", &evil);
    let advertised = run(&script, Some("https://evil.example/prm"), false).await.result;
    assert!(matches!(advertised, Err(DiscoveryError::MetadataInvalid { .. })));
}

#[tokio::test]
async fn html_redirects_elsewhere_and_other_json_are_misses() {
    let misses = [
        Script::new().response(PATH_RESOURCE, 200, &[("content-type", "text/html")], "<html>"),
        Script::new().redirect(PATH_RESOURCE, "https://login.example/"),
        Script::new().json(PATH_RESOURCE, 200, r#"{"error":"not found"}"#),
        Script::new().json(PATH_RESOURCE, 401, "{}"),
        Script::new().json(PATH_RESOURCE, 403, &resource(&["https://other.example"])),
        Script::new().json(PATH_RESOURCE, 200, &" ".repeat(300 * 1024)),
    ];
    for script in misses {
        let script =
            script.json(ROOT_RESOURCE, 200, &resource(&[ISSUER])).publish(SERVER, &server(ISSUER));
        found(&script).await;
        assert_eq!(script.urls(), [PATH_RESOURCE, ROOT_RESOURCE, SERVER]);
    }
}

#[tokio::test]
async fn a_miss_where_the_challenge_pointed_to_is_an_error() {
    let script = Script::new()
        .json(PATH_RESOURCE, 200, &resource(&[ISSUER]))
        .publish(SERVER, &server(ISSUER));
    for place in ["https://mcp.example/gone", "javascript:alert(1)", "http:/x"] {
        let discovery = run(&script, Some(place), true).await;
        let Err(DiscoveryError::MetadataInvalid { url, .. }) = discovery.result else {
            panic!("{place} was not refused");
        };
        assert_eq!(url, place);
        assert_eq!(discovery.trace.last().and_then(|step| step.fault), Some(Fault::Server));
    }
    assert_eq!(script.urls(), ["https://mcp.example/gone"]);
}

#[tokio::test]
async fn a_failing_server_is_not_a_missing_one() {
    for status in [408, 425, 429, 500, 503] {
        let script = Script::new().json(PATH_RESOURCE, status, "{}").json(
            ROOT_RESOURCE,
            200,
            &resource(&[ISSUER]),
        );
        let expected = DiscoveryError::Unavailable { url: PATH_RESOURCE.to_owned(), status };
        assert_eq!(error(&script).await, expected);
        assert_eq!(script.urls(), [PATH_RESOURCE]);
    }
}

#[tokio::test]
async fn a_member_given_twice_is_refused() {
    let body = r#"{"resource":"https://mcp.example","resource":"https://mcp.example"}"#;
    let script = Script::new().json(PATH_RESOURCE, 200, body);
    assert!(matches!(error(&script).await, DiscoveryError::MetadataInvalid { .. }));
}

#[tokio::test]
async fn without_a_resource_the_servers_own_origin_is_asked() {
    for issuer in ["https://mcp.example", "https://mcp.example/"] {
        let script = Script::new().publish(ORIGIN_SERVER, &server(issuer));
        let discovered = found(&script).await;
        assert_eq!(discovered.issuer, issuer);
        assert_eq!(discovered.resource, None);
        assert!(!discovered.from_protected_resource);
        assert_eq!(discovered.legacy, Some(LegacyFallback::OriginMetadata));
        assert_eq!(script.urls(), [PATH_RESOURCE, ROOT_RESOURCE, ORIGIN_SERVER]);
        let seen = script.seen();
        assert_eq!(seen[2].headers()["mcp-protocol-version"], "2025-03-26");
        assert!(!seen[0].headers().contains_key("mcp-protocol-version"));
    }
    let script = Script::new().publish(ORIGIN_SERVER, &server("https://other.example"));
    assert!(matches!(error(&script).await, DiscoveryError::IssuerMismatch { .. }));
}

#[tokio::test]
async fn a_resource_that_names_no_server_is_kept() {
    let script = Script::new()
        .json(PATH_RESOURCE, 200, &resource(&[]))
        .publish(ORIGIN_SERVER, &server("https://mcp.example"));
    let discovered = found(&script).await;
    assert_eq!(discovered.resource.as_deref(), Some("https://mcp.example"));
    assert!(!discovered.from_protected_resource);
}

#[tokio::test]
async fn the_fixed_endpoints_are_the_last_resort_and_only_where_allowed() {
    let nothing = Script::new();
    assert_eq!(error(&nothing).await, DiscoveryError::NoAuthorization);
    assert_eq!(nothing.urls(), [PATH_RESOURCE, ROOT_RESOURCE, ORIGIN_SERVER, ORIGIN_OPENID]);

    let discovered = run(&Script::new(), None, true).await.result.expect("assumed");
    assert_eq!(discovered.legacy, Some(LegacyFallback::AssumedEndpoints));
    assert_eq!(discovered.issuer, "https://mcp.example");
    let endpoint = discovered.server.authorization_endpoint.as_deref();
    assert_eq!(endpoint, Some("https://mcp.example/authorize"));
    assert_eq!(discovered.server.token_endpoint, "https://mcp.example/token");
    let register = discovered.server.registration_endpoint;
    assert_eq!(register.as_deref(), Some("https://mcp.example/register"));
}

#[tokio::test]
async fn discovery_can_run_detached() {
    let detached = tokio::spawn(async { run(&Script::new(), None, false).await.result });
    assert_eq!(detached.await.expect("an end"), Err(DiscoveryError::NoAuthorization));
}

#[tokio::test]
async fn an_endpoint_at_the_root_has_one_place() {
    let script = Script::new();
    let mcp_url = "http://127.0.0.1:9000";
    let request = DiscoveryRequest {
        mcp_url,
        challenge: None,
        allow_legacy_fallback: false,
        unattended: false,
        exceptions: &[],
    };
    discover(&script, &request).await.result.expect_err("nothing is there");
    assert_eq!(
        script.urls()[..2],
        [
            "http://127.0.0.1:9000/.well-known/oauth-protected-resource",
            "http://127.0.0.1:9000/.well-known/oauth-authorization-server",
        ]
    );
}

#[tokio::test]
async fn a_refusal_to_send_and_a_missing_answer_have_their_own_fault() {
    for (error, fault) in [
        (SendError::Blocked("private".to_owned()), Fault::Policy),
        (SendError::NoAnswer("timeout".to_owned()), Fault::Network),
        (SendError::Unreachable("refused".to_owned()), Fault::Network),
    ] {
        let script = Script::new().fail(PATH_RESOURCE, error.clone());
        let discovery = run(&script, None, true).await;
        let expected = DiscoveryError::Send { url: PATH_RESOURCE.to_owned(), source: error };
        assert_eq!(discovery.result, Err(expected));
        assert_eq!(discovery.trace.len(), 1);
        assert_eq!(discovery.trace[0].fault, Some(fault));
    }
}

#[tokio::test]
async fn the_trace_tells_every_step_and_no_query() {
    let place = "https://mcp.example/prm?key=secret";
    let script = Script::new()
        .redirect(place, "/moved?key=secret")
        .json("https://mcp.example/moved?key=secret", 200, &resource(&[ISSUER]))
        .publish(OPENID, &json!({"issuer": ISSUER}));
    let trace = run(&script, Some(place), false).await.trace;
    let told: Vec<_> = trace
        .iter()
        .map(|step| (step.step, step.url.as_str(), step.status, step.outcome.as_str(), step.fault))
        .collect();
    let (resource, server) = ("protected_resource_metadata", "authorization_server_metadata");
    let missing =
        format!("failed: the metadata at {OPENID} cannot be used: its token_endpoint is missing");
    assert_eq!(
        told,
        [
            (resource, "https://mcp.example/prm?…", Some(302), "redirected", None),
            (resource, "https://mcp.example/moved?…", Some(200), "found", None),
            (server, SERVER, Some(404), "miss: status 404", None),
            (server, OPENID, Some(200), &missing, Some(Fault::AuthorizationServer)),
        ]
    );
    assert!(!serde_json::to_string(&trace).expect("JSON").contains("secret"));
}

#[tokio::test]
async fn another_spelling_of_an_issuer_passes_only_where_an_exception_names_both() {
    let other = "https://as.example/other";
    let script = Script::new()
        .json(ROOT_RESOURCE, 200, &resource(&[ISSUER]))
        .publish(SERVER, &server(other));
    let exception = |issuer: &str, accepted: &str| Exception {
        issuer: issuer.to_owned(),
        accepted_issuer: Some(accepted.to_owned()),
        missing_s256: false,
    };
    let allowed = run_with(&script, &[exception(ISSUER, other)]).await;
    assert_eq!(allowed.result.map(|found| found.issuer).as_deref(), Ok(other));
    let told = allowed.trace.last().expect("a step").outcome.clone();
    assert!(told.starts_with("found, by an exception: its issuer is"), "{told}");
    for exceptions in
        [vec![], vec![exception("https://as.example/", other)], vec![exception(ISSUER, "x")]]
    {
        let refused = run_with(&script, &exceptions).await.result;
        assert!(matches!(refused, Err(DiscoveryError::IssuerMismatch { .. })), "{exceptions:?}");
    }
}

#[tokio::test]
async fn silence_about_s256_passes_only_for_the_issuer_of_an_exception() {
    let mut silent = server(ISSUER);
    silent["code_challenge_methods_supported"] = Value::Null;
    let script =
        Script::new().json(ROOT_RESOURCE, 200, &resource(&[ISSUER])).publish(SERVER, &silent);
    let exception = |issuer: &str| Exception {
        issuer: issuer.to_owned(),
        missing_s256: true,
        ..Exception::default()
    };
    assert!(run_with(&script, &[exception(ISSUER)]).await.result.is_ok());
    let refused = run_with(&script, &[exception("https://other.example")]).await.result;
    assert_eq!(refused, Err(DiscoveryError::PkceUnsupported { issuer: ISSUER.to_owned() }));
}
