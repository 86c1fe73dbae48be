//! Connectors over REST: made, read, changed, deleted, and every bad input with its code.

use http::Method;
use keyway_tests::{
    api::Api,
    keyway::Keyway,
    mcp_server::McpServer,
    scene::{NOTES, Scene},
};
use serde_json::{Value, json};

/// An address that is never contacted, since the connector has a type and is not tested.
const REMOTE: &str = "https://notes.example/mcp";

async fn create_with_headers(api: &Api, headers: Value) -> Value {
    let connector = json!({"url": REMOTE, "slug": NOTES, "auth_type": "headers",
        "headers": headers});
    api.create(connector).await.expect(201)
}

fn sorted_names(connector: &Value) -> Vec<String> {
    let names = connector["header_names"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<_> =
        names.iter().filter_map(|name| Some(name.as_str()?.to_lowercase())).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_connector_is_made_found_by_id_and_slug_changed_and_deleted() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    let made = api.create_oauth(NOTES, REMOTE).await;
    assert_eq!(made["state"], "sign_in_required");
    assert_eq!(made["oauth"]["authorized"], false);
    assert_eq!(made["health"]["status"], "unknown");
    let id = made["id"].as_str().expect("an id");
    assert_eq!(api.connector(id).await, api.connector(NOTES).await);

    let renamed = api.patch("/api/v1/connectors/notes", json!({"name": "My notes"})).await;
    assert_eq!(renamed.expect(200)["name"], "My notes");
    assert_eq!(api.get("/api/v1/connectors").await.expect(200)["connectors"][0]["id"], id);

    api.delete("/api/v1/connectors/notes").await.expect(204);
    let gone = api.get(&format!("/api/v1/connectors/{id}")).await;
    assert_eq!(gone.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_new_connector_looks_like_this() {
    let keyway = Keyway::single_user().await;
    let made = keyway.api().create_oauth(NOTES, REMOTE).await;
    insta::assert_json_snapshot!(made, {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
}

#[tokio::test]
async fn an_url_that_cannot_be_a_connector_is_refused_with_url_invalid() {
    let keyway = Keyway::single_user().await;
    for url in [
        "",
        "notes",
        "//notes.example/mcp",
        "https://",
        "ftp://notes.example/mcp",
        "javascript:alert(1)",
        "https://user:password@notes.example/mcp",
        "https://user@notes.example/mcp",
        "https://notes.example/mcp#part",
    ] {
        let refused = keyway.api().create(json!({"url": url, "auth_type": "oauth"})).await;
        assert_eq!(refused.problem(), (400, "url_invalid".to_owned()), "{url}");
    }
}

#[tokio::test]
async fn an_address_inside_the_network_is_refused_with_egress_refused() {
    let keyway = Keyway::single_user().await;
    for url in [
        "https://10.0.0.1/mcp",
        "https://192.168.1.1/mcp",
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/mcp",
        "https://[::ffff:10.0.0.1]/mcp",
        "https://0x0a000001/mcp",
        "http://notes.example/mcp",
    ] {
        for connector in [json!({"url": url}), json!({"url": url, "auth_type": "oauth"})] {
            let refused = keyway.api().create(connector).await;
            assert_eq!(refused.problem(), (422, "egress_refused".to_owned()), "{url}");
        }
    }
}

#[tokio::test]
async fn keyway_is_no_connector_of_its_own() {
    let keyway = Keyway::single_user().await;
    let url = format!("{}/mcp", keyway.origin());
    let refused = keyway.api().create(json!({"url": url})).await;
    assert_eq!(refused.problem(), (422, "egress_refused".to_owned()));
}

#[tokio::test]
async fn a_field_that_nobody_knows_is_refused_with_its_name() {
    let scene = Scene::new().await;
    let url = "https://notes.example/mcp";
    for (path, body) in [
        ("/api/v1/connectors", json!({"url": url, "titel": "N"})),
        ("/api/v1/connectors", json!({"url": url, "oauth": {"titel": "N"}})),
        ("/api/v1/connectors/probe", json!({"url": url, "titel": "N"})),
        ("/api/v1/connectors/notes/oauth/start", json!({"titel": "N"})),
        ("/api/v1/tools/call", json!({"name": "notes__echo", "titel": {}})),
    ] {
        let refused = scene.api.post(path, body).await;
        assert_eq!(refused.problem(), (400, "invalid_request".to_owned()), "{path}");
        assert!(refused.text().contains("titel"), "{}", refused.text());
    }
    let refused = scene.api.patch("/api/v1/connectors/notes", json!({"titel": "N"})).await;
    assert_eq!(refused.problem(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_refused_with_invalid_request() {
    let keyway = Keyway::single_user().await;
    for body in [
        json!({}),
        json!([]),
        json!({"url": 7}),
        json!({"url": REMOTE, "auth_type": "magic"}),
        json!({"url": REMOTE, "slug": "Not A Slug"}),
        json!({"url": REMOTE, "slug": "a".repeat(25)}),
    ] {
        let refused = keyway.api().create(body.clone()).await;
        assert_eq!(refused.problem(), (400, "invalid_request".to_owned()), "{body}");
    }
}

#[tokio::test]
async fn a_header_that_is_not_the_users_to_set_is_refused() {
    let keyway = Keyway::single_user().await;
    for headers in [
        json!({"Host": "x"}),
        json!({"Content-Length": "1"}),
        json!({"Transfer-Encoding": "chunked"}),
        json!({"Connection": "close"}),
        json!({"Mcp-Session-Id": "x"}),
        json!({"mcp-protocol-version": "x"}),
        json!({"X-Key": "a\r\nX-Other: b"}),
        json!({"X Key": "a"}),
        json!({"": "a"}),
    ] {
        let connector = json!({"url": REMOTE, "auth_type": "headers", "headers": headers});
        let refused = keyway.api().create(connector).await;
        assert_eq!(refused.status, 400, "{headers}");
    }
    let bearer =
        json!({"url": REMOTE, "auth_type": "oauth", "headers": {"Authorization": "Bearer x"}});
    assert_eq!(keyway.api().create(bearer).await.status, 400);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    let broken = api.post_text("/api/v1/connectors", "{\"url\":").await;
    assert_eq!(broken.problem(), (400, "invalid_request".to_owned()));
    let request = api.request(Method::POST, "/api/v1/connectors");
    let form = api.send(request.form(&[("url", REMOTE)])).await;
    assert_eq!(form.problem(), (415, "unsupported_media_type".to_owned()));
}

#[tokio::test]
async fn a_slug_belongs_to_one_connector_of_a_user() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    alice.create_oauth(NOTES, REMOTE).await;
    let again = alice.create(json!({"url": REMOTE, "slug": NOTES, "auth_type": "oauth"})).await;
    assert_eq!(again.problem(), (409, "conflict".to_owned()));
    bob.create_oauth(NOTES, REMOTE).await;
}

#[tokio::test]
async fn a_change_of_a_row_that_was_changed_meanwhile_is_stale() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    api.create_oauth(NOTES, REMOTE).await;
    let read = api.get("/api/v1/connectors/notes").await;
    let tag = read.header("etag").expect("an etag").to_owned();
    let change = |name: &str| {
        let request = api.request(Method::PATCH, "/api/v1/connectors/notes");
        request.header("if-match", &tag).json(&json!({"name": name}))
    };
    api.send(change("one")).await.expect(200);
    assert_eq!(api.send(change("two")).await.problem(), (412, "stale".to_owned()));
}

#[tokio::test]
async fn header_values_never_come_back() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    let made = create_with_headers(&api, json!({"X-Key": "hush-1", "X-Other": "hush-2"})).await;
    assert_eq!(sorted_names(&made), ["x-key", "x-other"]);
    for path in ["/api/v1/connectors", "/api/v1/connectors/notes"] {
        assert!(!api.get(path).await.text().contains("hush"));
    }
}

#[tokio::test]
async fn a_header_is_kept_replaced_or_deleted() {
    let keyway = Keyway::single_user().await;
    let mcp = McpServer::with_header("x-key", "new").await;
    let api = keyway.api();
    let headers = json!({"X-Key": "old", "X-Kept": "kept", "X-Gone": "gone"});
    let connector = json!({"url": mcp.url(), "slug": NOTES, "auth_type": "headers",
        "headers": headers});
    api.create(connector).await.expect(201);
    let change = json!({"headers": {"X-Key": "new", "X-Gone": null}});
    let changed = api.patch("/api/v1/connectors/notes", change).await.expect(200);
    assert_eq!(sorted_names(&changed), ["x-kept", "x-key"]);

    api.call(NOTES, "echo", json!({})).await.expect(200);
    let call = mcp.log().rpc("tools/call").pop().expect("the call came");
    let seen = ["x-key", "x-kept", "x-gone"].map(|name| call.header(name));
    assert_eq!(seen, [Some("new"), Some("kept"), None]);
}

#[tokio::test]
async fn refused_headers_mark_the_row_until_they_are_edited() {
    let keyway = Keyway::single_user().await;
    let mcp = McpServer::with_header("x-key", "right").await;
    let api = keyway.api();
    let connector = json!({"url": mcp.url(), "slug": NOTES, "headers": {"X-Key": "wrong"}});
    api.create(connector).await.expect(201);
    let refused = api.call(NOTES, "echo", json!({})).await;
    assert_eq!(refused.problem(), (409, "reauth_required".to_owned()));
    let marked = api.connector(NOTES).await;
    assert_eq!(marked["state_reason"], "headers_rejected");

    let change = json!({"headers": {"X-Key": "right"}});
    let healed = api.patch("/api/v1/connectors/notes", change).await.expect(200);
    assert_eq!((&healed["state"], &healed["state_reason"]), (&json!("ready"), &Value::Null));
    api.call(NOTES, "echo", json!({})).await.expect(200);
}

#[tokio::test]
async fn another_origin_drops_the_headers() {
    let keyway = Keyway::single_user().await;
    let api = keyway.api();
    create_with_headers(&api, json!({"X-Key": "a"})).await;
    let change = json!({"url": "https://notes.example/other"});
    let same = api.patch("/api/v1/connectors/notes", change).await.expect(200);
    assert_eq!(sorted_names(&same), ["x-key"]);
    let change = json!({"url": "https://elsewhere.example/mcp"});
    let moved = api.patch("/api/v1/connectors/notes", change).await.expect(200);
    assert!(sorted_names(&moved).is_empty());
}

#[tokio::test]
async fn another_address_drops_the_grant_and_no_token_goes_there() {
    let scene = Scene::signed_in().await;
    let other = McpServer::open().await;
    let change = json!({"url": other.url()});
    let moved = scene.api.patch("/api/v1/connectors/notes", change).await.expect(200);
    assert_eq!(moved["state_reason"], "url_changed");
    assert_eq!(moved["oauth"]["authorized"], false);
    assert_eq!(scene.whoami().await.status, 409);
    let sent = other.log().matching(|request| request.header("authorization").is_some());
    assert!(sent.is_empty());
}

#[tokio::test]
async fn a_disabled_connector_answers_connector_disabled_and_keeps_its_state() {
    let scene = Scene::signed_in().await;
    scene.api.patch("/api/v1/connectors/notes", json!({"enabled": false})).await.expect(200);
    assert_eq!(scene.whoami().await.problem(), (409, "connector_disabled".to_owned()));
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(scene.api.mcp(NOTES).post(list).await.status, 409);
    scene.api.patch("/api/v1/connectors/notes", json!({"enabled": true})).await.expect(200);
    scene.assert_works().await;
}

#[tokio::test]
async fn without_a_type_a_probe_decides() {
    let scene = Scene::new().await;
    let open = McpServer::open().await;
    let found = scene.api.create(json!({"url": scene.mcp.url(), "slug": "a"})).await.expect(201);
    assert_eq!(found["auth_type"], "oauth");
    let found = scene.api.create(json!({"url": open.url(), "slug": "b"})).await.expect(201);
    assert_eq!((&found["auth_type"], &found["state"]), (&json!("headers"), &json!("ready")));
}

#[tokio::test]
async fn deleting_a_connector_revokes_its_refresh_token_upstream() {
    let scene = Scene::signed_in().await;
    scene.api.delete("/api/v1/connectors/notes").await.expect(204);
    let log = scene.authorization_server.log();
    log.wait_until(|seen| seen.iter().any(|request| request.path == "/revoke")).await;
    let revoked = log.to("/revoke")[0].form("token").expect("a token");
    assert!(revoked.starts_with("rt-"), "{revoked}");
}
