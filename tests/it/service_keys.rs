//! Backends with service keys: made and revoked on the command line beside a running server.

use http::Method;
use keyway_tests::{
    api::{Api, Credentials},
    process::{self, Process},
    settings::Settings,
    until::until,
};
use serde_json::json;
use tempfile::TempDir;

struct Stage {
    process: Process,
    settings: Settings,
    key: String,
    _directory: TempDir,
}

impl Stage {
    async fn set() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a temporary directory");
        let settings = Settings::tokens(&directory);
        let process = Process::serve(&settings, &directory).await;
        let made = process::run(&settings, &["service-keys", "create", "--name", "chat"]).await;
        assert!(made.status.success(), "{}", made.errors);
        let key = made.output.trim().to_owned();
        Self { process, settings, key, _directory: directory }
    }

    fn api_of(&self, user: &str) -> Api {
        let (key, user) = (self.key.clone(), user.to_owned());
        self.process.api().with(Credentials::ServiceKey { key, user })
    }
}

#[tokio::test]
async fn a_service_key_speaks_for_the_user_it_names_and_for_nobody_else() {
    let stage = Stage::set().await;
    assert!(stage.key.starts_with("kwsk_"), "{}", stage.key);
    stage.api_of("alice").create_oauth("notes", "https://notes.example/mcp").await;
    stage.api_of("alice").connector("notes").await;
    let other = stage.api_of("bob").get("/api/v1/connectors/notes").await;
    assert_eq!(other.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_service_key_without_exactly_one_user_is_refused() {
    let stage = Stage::set().await;
    let api = stage.process.api().with(Credentials::Bearer(stage.key.clone()));
    let list = || api.request(Method::GET, "/api/v1/connectors");
    for request in [
        list(),
        list().header("keyway-user", ""),
        list().header("keyway-user", "alice").header("keyway-user", "alice"),
        list().header("keyway-user", "alice").header("keyway-user", "bob"),
    ] {
        assert_eq!(api.send(request).await.status, 400);
    }
    let opened = api.post("/api/v1/sessions", json!({"user_id": "alice"})).await.expect(201);
    assert!(opened["token"].as_str().is_some_and(|token| token.starts_with("kwst_")));
}

#[tokio::test]
async fn a_revoked_service_key_is_refused_within_a_moment() {
    let stage = Stage::set().await;
    stage.api_of("alice").get("/api/v1/connectors").await.expect(200);
    let listed = process::run(&stage.settings, &["service-keys", "list"]).await;
    assert!(!listed.output.contains(&stage.key), "a key is shown once");
    let id = listed.output.split('\t').next().expect("an id").to_owned();
    let revoked = process::run(&stage.settings, &["service-keys", "revoke", &id]).await;
    assert!(revoked.status.success(), "{}", revoked.errors);
    until("the key is refused", || async {
        stage.api_of("alice").get("/api/v1/connectors").await.status == 401
    })
    .await;
}
