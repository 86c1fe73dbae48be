//! Who is let in: no credentials, another user's rows, other hosts and origins.

use http::Method;
use keyway_tests::{
    api::{Api, Credentials},
    keyway::Keyway,
};
use serde_json::{Value, json};

/// Routes that anyone may ask: they prove nothing and tell nothing of a user.
const PUBLIC: [&str; 6] =
    ["/healthz", "/readyz", "/metrics", "/api/openapi.json", "/api/docs", "/oauth/"];

/// Method and path of every route of the document that wants credentials.
pub(crate) async fn guarded_routes(api: &Api) -> Vec<(Method, String)> {
    let document = api.get("/api/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().expect("paths").clone();
    let routes = paths.into_iter().flat_map(|(path, item)| methods(&path, &item));
    routes.filter(|(_, path)| !PUBLIC.iter().any(|open| path.starts_with(open))).collect()
}

fn methods(path: &str, item: &Value) -> Vec<(Method, String)> {
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
        .into_iter()
        .filter(|method| item.get(method.as_str().to_lowercase()).is_some())
        .map(|method| (method, path.to_owned()))
        .collect()
}

/// The path with `id` for its first parameter and something for the others.
pub(crate) fn filled(path: &str, id: &str) -> String {
    let mut parts: Vec<_> = path.split('/').map(str::to_owned).collect();
    let mut ids = [id].into_iter();
    for part in parts.iter_mut().filter(|part| part.starts_with('{')) {
        ids.next().unwrap_or("anything").clone_into(part);
    }
    parts.join("/")
}

#[tokio::test]
async fn every_route_wants_credentials() {
    let keyway = Keyway::tokens().await;
    let api = keyway.api();
    let routes = guarded_routes(&api).await;
    assert!(routes.len() > 15, "the document lists {} routes", routes.len());
    for (method, path) in routes {
        let path = filled(&path, "0193d5a0-0000-7000-8000-000000000000");
        let request = api.request(method.clone(), &path).json(&json!({}));
        let answer = api.send(request).await;
        assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()), "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
    }
}

#[tokio::test]
async fn another_users_connector_is_not_found_at_any_route() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    let made = alice.create_oauth("notes", "https://notes.example/mcp").await;
    let id = made["id"].as_str().expect("an id");
    let routes = guarded_routes(&keyway.api()).await;
    let mut tried = 0;
    for (method, path) in routes {
        let of_connector = path.starts_with("/api/v1/connectors/{") || path.starts_with("/mcp/{");
        if !of_connector {
            continue;
        }
        tried += 1;
        let body = match path.as_str() {
            mcp if mcp.starts_with("/mcp/") => {
                json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            }
            tool if tool.ends_with("/{tool}") => json!({"mode": "allow"}),
            _ => json!({}),
        };
        let request = bob.request(method.clone(), &filled(&path, id)).json(&body);
        let answer =
            bob.send(request.header("accept", "application/json, text/event-stream")).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{method} {path}");
    }
    assert!(tried > 8, "only {tried} routes name a connector");
    assert_eq!(alice.connector(id).await["name"], made["name"]);
}

#[tokio::test]
async fn a_call_of_another_users_connector_is_not_found() {
    let keyway = Keyway::tokens().await;
    let made = keyway.api_of("alice").create_oauth("notes", "https://notes.example/mcp").await;
    let id = made["id"].as_str().expect("an id");
    let answer = keyway.api_of("bob").call(id, "echo", json!({})).await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_credential_that_is_none_is_refused() {
    let keyway = Keyway::tokens().await;
    for token in ["", "x", "a.b.c", "kwsk_unknown", "kwst_unknown", "kwpt_unknown"] {
        let api = keyway.api().with(Credentials::Bearer(token.to_owned()));
        let answer = api.get("/api/v1/connectors").await;
        assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()), "{token:?}");
    }
}

#[tokio::test]
async fn a_jwt_beside_a_user_header_is_refused() {
    let keyway = Keyway::tokens().await;
    let api = keyway.api_of("alice");
    let request = api.request(Method::GET, "/api/v1/connectors").header("keyway-user", "bob");
    assert_eq!(api.send(request).await.status, 400);
}

#[tokio::test]
async fn another_host_name_is_misdirected() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    let request = api.request(Method::GET, "/api/v1/connectors").header("host", "evil.example");
    assert_eq!(api.send(request).await.problem(), (421, "host_refused".to_owned()));
}

#[tokio::test]
async fn another_origin_is_refused() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        let request = api.request(Method::GET, "/api/v1/connectors").header("origin", origin);
        assert_eq!(
            api.send(request).await.problem(),
            (403, "origin_refused".to_owned()),
            "{origin}"
        );
    }
    let own = api.request(Method::GET, "/api/v1/connectors").header("origin", keyway.origin());
    api.send(own).await.expect(200);
}

#[tokio::test]
async fn a_single_user_is_not_behind_a_proxy() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    for name in ["forwarded", "x-forwarded-for", "x-forwarded-host"] {
        let request = api.request(Method::GET, "/api/v1/connectors").header(name, "10.0.0.1");
        let answer = api.send(request).await;
        assert!(answer.status.is_client_error(), "{name}: {}", answer.status);
    }
}
