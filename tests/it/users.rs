//! Erasing a user: a backend's duty when somebody leaves.

use http::Method;
use keyway_tests::{
    api::{Api, Credentials},
    authorization_server::AuthorizationServer,
    browser::Browser,
    keyway::Keyway,
    mcp_server::McpServer,
    process::{self, Process},
    settings::Settings,
};
use serde_json::json;
use tempfile::TempDir;

/// A name that is nowhere else.
const USER: &str = "canary-user-7f3a";

struct Stage {
    process: Process,
    settings: Settings,
    key: String,
    directory: TempDir,
}

impl Stage {
    async fn set() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a temporary directory");
        let settings = Settings::tokens(&directory);
        let process = Process::serve(&settings, &directory).await;
        let made = process::run(&settings, &["service-keys", "create", "--name", "chat"]).await;
        assert!(made.status.success(), "{}", made.errors);
        Self { process, settings, key: made.output.trim().to_owned(), directory }
    }

    fn backend(&self) -> Api {
        self.process.api().with(Credentials::Bearer(self.key.clone()))
    }

    async fn signed_in(&self, server: &AuthorizationServer, mcp: &McpServer) {
        let api = self.process.api_of(USER);
        api.create_oauth("notes", &mcp.url()).await;
        let browser = Browser::of(USER);
        browser.hold_session(&api).await;
        let (authorize_url, session) = api.start_sign_in("notes").await;
        browser.sign_in(&authorize_url).await;
        assert_eq!(api.session(&session).await["status"], "finished");
        api.call("notes", "whoami", json!({})).await.expect(200);
        assert!(server.newest_access_token().is_some());
    }
}

#[tokio::test]
async fn an_erased_user_leaves_nothing_and_is_signed_out_upstream() {
    let stage = Stage::set().await;
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    stage.signed_in(&server, &mcp).await;
    let other = stage.process.api_of("bob");
    other.create_oauth("notes", "https://notes.example/mcp").await;
    stage.backend().delete(&format!("/api/v1/users/{USER}")).await.expect(204);
    let revoked = |hint: &str| {
        let hint = Some(hint.to_owned());
        move |seen: &[keyway_tests::log::Recorded]| {
            seen.iter().any(|one| one.path == "/revoke" && one.form("token_type_hint") == hint)
        }
    };
    server.log().wait_until(revoked("access_token")).await;
    let api = stage.process.api_of(USER);
    let left = api.get("/api/v1/connectors").await.expect(200);
    assert_eq!(left["connectors"], json!([]));
    assert_eq!(api.get("/api/v1/activity").await.expect(200)["activity"], json!([]));
    other.connector("notes").await;

    assert!(stage.process.terminate().await.success());
    let files = std::fs::read_dir(stage.directory.path()).expect("the data can be listed");
    let databases = files.filter_map(Result::ok).map(|file| file.path());
    let databases: Vec<_> =
        databases.filter(|path| path.to_string_lossy().contains("keyway.db")).collect();
    assert!(!databases.is_empty(), "{:?}", stage.settings.value("KEYWAY_DATABASE_URL"));
    for path in databases {
        let bytes = std::fs::read(&path).expect("the database can be read");
        let found = bytes.windows(USER.len()).any(|window| window == USER.as_bytes());
        assert!(!found, "{} still names the user", path.display());
    }
}

#[tokio::test]
async fn only_a_service_key_erases_and_only_whom_the_path_names() {
    let stage = Stage::set().await;
    stage.process.api_of("alice").create_oauth("notes", "https://notes.example/mcp").await;
    let jwt = stage.process.api_of("alice").delete("/api/v1/users/alice").await;
    assert_eq!(jwt.problem(), (401, "unauthenticated".to_owned()));
    let backend = stage.backend();
    let named = |user: &str| {
        let request = backend.request(Method::DELETE, "/api/v1/users/alice");
        backend.send(request.header("keyway-user", user.to_owned()))
    };
    assert_eq!(named("bob").await.problem(), (400, "user_header_invalid".to_owned()));
    assert_eq!(named("").await.problem(), (400, "user_header_invalid".to_owned()));
    stage.process.api_of("alice").connector("notes").await;
    named("alice").await.expect(204);
    assert_eq!(stage.process.api_of("alice").get("/api/v1/connectors/notes").await.status, 404);
}

#[tokio::test]
async fn a_single_user_is_not_erased_by_whoever_asks() {
    let keyway = Keyway::single_user().await;
    let answer = keyway.api().delete("/api/v1/users/local").await;
    assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()));
}
