//! Personal tokens: made on Keyway's own page, good for some connectors at some doors, until revoked.

use std::time::Duration;

use keyway_tests::{
    api::{Api, Credentials},
    keyway::Keyway,
    mcp_server::{Answers, Eras, McpServer},
    process::Process,
    settings::Settings,
    until::until,
};
use serde_json::{Value, json};

use crate::doors::{filled, guarded_routes};

const TOKENS: &str = "/api/v1/personal-tokens";
/// How soon a stream must have ended.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Connects an open server under this slug.
async fn connect(api: &Api, slug: &str) -> McpServer {
    let server = McpServer::open().await;
    server.script(|script| script.eras = Eras::Handshake);
    let connector = json!({"url": server.url(), "slug": slug, "auth_type": "headers"});
    api.create(connector).await.expect(201);
    server
}

/// Makes a token for these connectors: the caller who shows it, and its id.
async fn token(page: &Api, connectors: &[&str]) -> (Api, String) {
    let wanted = json!({"name": "laptop", "connectors": connectors});
    let made = page.post(TOKENS, wanted).await.expect(201);
    let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    assert!(text("token").starts_with("kwpt_"), "{made}");
    (page.with(Credentials::Bearer(text("token"))), text("id"))
}

async fn revoke(api: &Api, id: &str) -> (u16, String) {
    api.delete(&format!("{TOKENS}/{id}")).await.problem()
}

/// Reads a stream to its end, which must come at once.
async fn ends(mut stream: reqwest::Response) {
    let end = async { while stream.chunk().await.expect("the stream ends well").is_some() {} };
    tokio::time::timeout(AT_ONCE, end).await.expect("the stream ends at once");
}

#[tokio::test]
async fn a_personal_token_calls_the_tools_of_its_connectors_and_of_no_others() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    let (_notes, _tasks) = (connect(&alice, "notes").await, connect(&alice, "tasks").await);
    let (holder, _) = token(&alice.at_own_page().await, &["notes"]).await;
    let listed = holder.get("/api/v1/tools").await.expect(200);
    let tools = listed["tools"].as_array().expect("tools");
    assert!(!tools.is_empty() && tools.iter().all(|tool| tool["connector"] == "notes"), "{listed}");
    assert_eq!(listed["unavailable"], json!([]));
    holder.call("notes", "echo", json!({})).await.expect(200);
    holder.mcp("notes").initialize().await.expect(200);
    holder.mcp("").initialize().await.expect(200);
    let all = holder.mcp("").stateless("tools/list", None, "").await.expect(200);
    let names = all["result"]["tools"].as_array().expect("tools");
    let own = |tool: &Value| tool["name"].as_str().is_some_and(|name| name.starts_with("notes__"));
    assert!(!names.is_empty() && names.iter().all(own), "{all}");
    let tasks = alice.connector("tasks").await["id"].as_str().expect("an id").to_owned();
    for key in ["tasks", &tasks] {
        let call = holder.call(key, "echo", json!({})).await;
        assert_eq!(call.problem(), (404, "not_found".to_owned()));
        let opened = holder.mcp(key).initialize().await;
        assert_eq!(opened.problem(), (404, "not_found".to_owned()));
    }
    until("it is written down who called", || async {
        alice.get("/api/v1/activity").await.text().contains(r#""actor":"personal_token""#)
    })
    .await;
}

#[tokio::test]
async fn a_personal_token_opens_no_other_route() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    let _notes = connect(&alice, "notes").await;
    let (holder, id) = token(&alice.at_own_page().await, &["notes"]).await;
    let mut tried = 0;
    for (method, path) in guarded_routes(&keyway.api()).await {
        if path.starts_with("/mcp") || path.starts_with("/api/v1/tools") {
            continue;
        }
        tried += 1;
        let path =
            if path.starts_with(TOKENS) { filled(&path, &id) } else { filled(&path, "notes") };
        let answer = holder.send(holder.request(method.clone(), &path).json(&json!({}))).await;
        assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()), "{method} {path}");
    }
    assert!(tried > 15, "only {tried} routes were tried");
}

#[tokio::test]
async fn only_the_cookie_of_the_own_page_makes_a_personal_token() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    let _notes = connect(&alice, "notes").await;
    let opened = alice.post("/api/v1/sessions", json!({})).await.expect(201);
    let session = opened["token"].as_str().expect("a token").to_owned();
    let page = alice.at_own_page().await;
    let (holder, _) = token(&page, &["notes"]).await;
    for bearer in [&alice, &alice.with(Credentials::Bearer(session)), &holder] {
        let wanted = json!({"name": "laptop", "connectors": ["notes"]});
        let refused = bearer.post(TOKENS, wanted).await;
        assert_eq!(refused.problem(), (401, "unauthenticated".to_owned()));
    }
    let listed = alice.get(TOKENS).await.expect(200);
    assert_eq!(listed["personal_tokens"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["can_create"], false);
    assert_eq!(page.get(TOKENS).await.expect(200)["can_create"], true);
    let alone = Keyway::single_user().await;
    let wanted = json!({"name": "laptop", "connectors": ["notes"]});
    assert_eq!(alone.api().post(TOKENS, wanted).await.problem().0, 400);
    assert_eq!(alone.api().get(TOKENS).await.expect(200)["can_create"], false);
}

#[tokio::test]
async fn a_personal_token_that_makes_no_sense_is_refused_in_words() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    let (_notes, _bobs) = (connect(&alice, "notes").await, connect(&bob, "bobs").await);
    let bobs = bob.connector("bobs").await["id"].clone();
    let page = alice.at_own_page().await;
    let good = json!({"name": "laptop", "connectors": ["notes"]});
    for (member, value) in [
        ("name", json!(" ")),
        ("name", json!("x".repeat(101))),
        ("connectors", json!([])),
        ("connectors", json!(["nothing"])),
        ("connectors", json!([bobs])),
        ("expires_in", json!(0)),
        ("expires_in", json!(u64::MAX)),
    ] {
        let mut wanted = good.clone();
        wanted[member] = value;
        let refused = page.post(TOKENS, wanted.clone()).await;
        assert_eq!(refused.problem(), (400, "invalid_request".to_owned()), "{wanted}");
        let detail = refused.json()["detail"].to_string();
        assert!(detail.contains(member), "{detail}");
    }
}

#[tokio::test]
async fn a_personal_token_is_shown_once_and_is_its_users_alone() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    let _notes = connect(&alice, "notes").await;
    let (holder, id) = token(&alice.at_own_page().await, &["notes"]).await;
    let listed = alice.get(TOKENS).await;
    assert!(!listed.text().contains("kwpt_"), "{}", listed.text());
    assert_eq!(listed.json()["personal_tokens"][0]["name"], "laptop");
    assert_eq!(bob.get(TOKENS).await.expect(200)["personal_tokens"], json!([]));
    assert_eq!(revoke(&bob, &id).await, (404, "not_found".to_owned()));
    assert_eq!(revoke(&alice, "nothing").await, (404, "not_found".to_owned()));
    holder.get("/api/v1/tools").await.expect(200);
    assert_eq!(revoke(&alice, &id).await.0, 204);
    assert_eq!(holder.get("/api/v1/tools").await.problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(holder.mcp("notes").initialize().await.problem().0, 401);
    assert_eq!(revoke(&alice, &id).await.0, 404);
}

#[tokio::test]
async fn a_session_for_some_connectors_gives_no_more_than_it_has() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    let (_notes, _tasks) = (connect(&alice, "notes").await, connect(&alice, "tasks").await);
    let (_, wider) = token(&alice.at_own_page().await, &["notes", "tasks"]).await;
    let opened = alice.post("/api/v1/sessions", json!({"connectors": ["notes"]})).await.expect(201);
    let session = Credentials::Bearer(opened["token"].as_str().expect("a token").to_owned());
    let page = alice.with(session).at_own_page().await;
    let wanted = json!({"name": "laptop", "connectors": ["notes", "tasks"]});
    assert_eq!(page.post(TOKENS, wanted).await.problem(), (400, "invalid_request".to_owned()));
    let (_, own) = token(&page, &["notes"]).await;
    let listed = page.get(TOKENS).await.expect(200);
    let ids: Vec<&Value> = listed["personal_tokens"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, [&json!(own)]);
    assert_eq!(revoke(&page, &wider).await.0, 404);
}

#[tokio::test]
async fn a_personal_token_ends_when_it_was_said_to() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    let _notes = connect(&alice, "notes").await;
    let wanted = json!({"name": "laptop", "connectors": ["notes"], "expires_in": 60});
    let made = alice.at_own_page().await.post(TOKENS, wanted).await.expect(201);
    let holder = alice.with(Credentials::Bearer(made["token"].as_str().expect("one").to_owned()));
    holder.get("/api/v1/tools").await.expect(200);
    keyway.advance(Duration::from_secs(60));
    assert_eq!(holder.get("/api/v1/tools").await.problem(), (401, "unauthenticated".to_owned()));
}

#[tokio::test]
async fn a_revoked_personal_token_ends_the_streams_it_opened_and_no_others() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    let notes = connect(&alice, "notes").await;
    notes.script(|script| script.answers = Answers::Sse);
    let page = alice.at_own_page().await;
    let ((holder, id), (other, _)) =
        (token(&page, &["notes"]).await, token(&page, &["notes"]).await);
    let (mut client, mut others) = (holder.mcp("notes"), other.mcp("notes"));
    client.initialize().await.expect(200);
    others.initialize().await.expect(200);
    let (listening, mut kept) = (client.listen().await, others.listen().await);
    notes.call_gate().close();
    let call =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{}}}"#;
    let calling = client.stream(call).await;
    assert_eq!(calling.headers()["content-type"], "text/event-stream");
    notes.call_gate().waiting(1).await;
    until("both listen", || async { notes.listeners() == 2 }).await;
    assert_eq!(revoke(&alice, &id).await.0, 204);
    ends(listening).await;
    ends(calling).await;
    until("the server is let go", || async { notes.listeners() == 1 }).await;
    notes.notify(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
    let mut read = String::new();
    while !read.contains("list_changed") {
        let chunk = kept.chunk().await.expect("it goes on").expect("it goes on");
        read.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test]
async fn a_token_revoked_at_one_process_ends_its_streams_at_another() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let mut settings = Settings::tokens(&directory);
    let database = Settings::on_postgres(&directory).value("KEYWAY_DATABASE_URL");
    settings.set("KEYWAY_DATABASE_URL", &database.expect("a database"));
    let one = Process::serve(&settings, &directory).await;
    let two = Process::serve(&settings, &directory).await;
    let _notes = connect(&one.api_of("alice"), "notes").await;
    let (holder, id) = token(&one.api_of("alice").at_own_page().await, &["notes"]).await;
    let at_two = Api::new(two.api().origin(), holder.credentials());
    let mut client = at_two.mcp("notes");
    client.initialize().await.expect(200);
    let listening = client.listen().await;
    assert_eq!(revoke(&one.api_of("alice"), &id).await.0, 204);
    ends(listening).await;
    assert_eq!(at_two.get("/api/v1/tools").await.problem(), (401, "unauthenticated".to_owned()));
}
