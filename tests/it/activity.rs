//! What happened: who did what to which connector, in words and numbers, for its owner alone.

use keyway_tests::{
    api::{Answer, Api},
    authorization_server::Consent,
    keyway::Keyway,
    mcp_server::{Eras, McpServer},
    process::Process,
    scene::{NOTES, Scene},
    settings::Settings,
    until::until,
};
use serde_json::{Value, json};

async fn activity(api: &Api, query: &str) -> Vec<Value> {
    let page = api.get(&format!("/api/v1/activity{query}")).await.expect(200);
    page["activity"].as_array().cloned().unwrap_or_default()
}

/// Action and outcome of each, sorted: what happens at one instant has no order.
async fn summary(api: &Api) -> Vec<String> {
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let words = |one: &Value| format!("{} {}", text(one, "action"), text(one, "outcome"));
    let mut list: Vec<_> = activity(api, "").await.iter().map(words).collect();
    list.sort();
    list
}

#[tokio::test]
async fn a_connector_s_life_is_told() {
    let scene = Scene::signed_in().await;
    scene.api.patch("/api/v1/connectors/notes", json!({"name": "Mine"})).await.expect(200);
    scene.assert_works().await;
    scene.api.delete("/api/v1/connectors/notes").await.expect(204);
    until("the receipt is there", || async {
        summary(&scene.api).await.contains(&"tokens_revoked revoked".to_owned())
    })
    .await;
    let expected = [
        "connector_changed ok",
        "connector_created ok",
        "connector_deleted ok",
        "sign_in_finished ok",
        "sign_in_started ok",
        "tokens_revoked revoked",
        "tool_called ok",
    ];
    assert_eq!(summary(&scene.api).await, expected);
}

#[tokio::test]
async fn a_call_is_told_by_its_name_and_size_and_without_its_arguments() {
    let scene = Scene::signed_in().await;
    scene.api.call(NOTES, "echo", json!({"text": "canary-argument"})).await.expect(200);
    let answer = scene.api.get("/api/v1/activity?connector=notes").await;
    assert!(!answer.text().contains("canary"), "{}", answer.text());
    let list = answer.json()["activity"].as_array().cloned().unwrap_or_default();
    let called = list.iter().find(|one| one["action"] == "tool_called").expect("the call");
    assert_eq!(called["subject"], "echo");
    assert_eq!((&called["actor"], &called["connector"]), (&json!("single_user"), &json!(NOTES)));
    assert!(called["size"].as_i64().is_some_and(|size| size > 10), "{called}");
    assert!(called["duration_ms"].is_i64(), "{called}");
}

#[tokio::test]
async fn a_declined_sign_in_is_told_with_its_code() {
    let scene = Scene::new().await;
    let refused = Consent::Refuse("access_denied".to_owned());
    scene.authorization_server.script(|script| script.consent = refused);
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    scene.browser.sign_in(&authorize_url).await;
    assert!(summary(&scene.api).await.contains(&"sign_in_failed denied".to_owned()));
}

#[tokio::test]
async fn a_refused_refresh_is_told_once_and_a_renewal_that_is_no_news_is_not() {
    let scene = Scene::signed_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    let told = |list: &[String]| list.iter().filter(|one| one.starts_with("token_")).count();
    assert_eq!(told(&summary(&scene.api).await), 0);
    scene.authorization_server.kill_grants();
    scene.advance(3600);
    for _ in 0..3 {
        assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    }
    let list = summary(&scene.api).await;
    assert!(list.contains(&"token_refreshed refresh_rejected".to_owned()), "{list:?}");
    assert_eq!(told(&list), 1);
}

#[tokio::test]
async fn activity_is_shown_to_its_owner_alone() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    let made = alice.create_oauth(NOTES, "https://notes.example/mcp").await;
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(activity(&alice, "").await.len(), 1);
    for query in ["", "?connector=notes", &format!("?connector={id}")] {
        assert_eq!(activity(&bob, query).await, Vec::<Value>::new(), "{query}");
    }
}

#[tokio::test]
async fn a_cursor_leads_through_the_whole_list_once() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    for number in 0..5 {
        alice.create_oauth(&format!("c{number}"), "https://notes.example/mcp").await;
    }
    let (mut query, mut seen) = ("?limit=2".to_owned(), Vec::new());
    loop {
        let page = alice.get(&format!("/api/v1/activity{query}")).await.expect(200);
        seen.extend(page["activity"].as_array().cloned().unwrap_or_default());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    let mut slugs: Vec<_> = seen.iter().map(|one| one["connector"].clone()).collect();
    slugs.sort_by_key(Value::to_string);
    assert_eq!(slugs, ["c0", "c1", "c2", "c3", "c4"]);
}

#[tokio::test]
async fn a_forged_cursor_and_one_of_another_user_are_refused() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    for slug in ["a", "b"] {
        alice.create_oauth(slug, "https://notes.example/mcp").await;
    }
    let page = alice.get("/api/v1/activity?limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().expect("there is more").to_owned();
    for (api, query) in [
        (&bob, format!("?cursor={cursor}")),
        (&alice, "?cursor=x".to_owned()),
        (&alice, "?cursor=".to_owned()),
        (&alice, format!("?cursor={cursor}A")),
        (&alice, "?limit=0".to_owned()),
        (&alice, "?limit=201".to_owned()),
        (&alice, "?connector=No%20Slug".to_owned()),
    ] {
        let answer: Answer = api.get(&format!("/api/v1/activity{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_proxied_call_is_told_by_its_headers_and_costs_one_request_and_no_query() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let mcp = McpServer::open().await;
    mcp.script(|script| script.eras = Eras::Stateless);
    let process = Process::serve(&Settings::single_user(&directory), &directory).await;
    let made = json!({"url": mcp.url(), "slug": "open", "auth_type": "headers"});
    process.api().create(made).await.expect(201);
    let client = process.api().mcp("open");
    let call = || async {
        let members = r#""name":"echo","arguments":{"text":"canary-argument"}"#;
        client.stateless("tools/call", Some("echo"), members).await.expect(200)
    };
    let queries = "keyway_database_queries_total{purpose=\"request\"}";
    until("the caches are warm", || async {
        let before = process.metrics().await.value(queries);
        call().await;
        (process.metrics().await.value(queries) - before).abs() < 0.5
    })
    .await;
    let (before, seen) = (process.metrics().await.value(queries), mcp.log().len());
    for _ in 0..10 {
        call().await;
    }
    let asked = process.metrics().await.value(queries) - before;
    assert_eq!((format!("{asked} queries"), mcp.log().len() - seen), ("0 queries".to_owned(), 10));
    let list = activity(&process.api(), "").await;
    let proxied: Vec<_> = list.iter().filter(|one| one["action"] == "request_proxied").collect();
    assert!(proxied.len() > 10, "{list:?}");
    assert_eq!(proxied[0]["subject"], "tools/call echo");
    assert_eq!((&proxied[0]["outcome"], &proxied[0]["connector"]), (&json!("ok"), &json!("open")));
    assert!(!json!(list).to_string().contains("canary"));
}

#[tokio::test]
async fn what_happened_last_is_written_down_before_the_process_ends() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let settings = Settings::single_user(&directory);
    let process = Process::serve(&settings, &directory).await;
    process.api().create_oauth(NOTES, "https://notes.example/mcp").await;
    assert!(process.terminate().await.success());
    let again = Process::serve(&settings, &directory).await;
    assert_eq!(summary(&again.api()).await, ["connector_created ok"]);
}
