//! What is wrong with a server: `keyway doctor` in the terminal, and the diagnosis of a connector, which
//! looks and leaves everything as it is.

use keyway_tests::{
    authorization_server::{AuthorizationServer, RegistrationPolicy},
    fault::Fault,
    mcp_server::{McpServer, MetadataAt},
    process::{self, Ended},
    scene::Scene,
    settings::Settings,
};
use serde_json::Value;

async fn doctor(arguments: &[&str]) -> Ended {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let arguments = [&["doctor"], arguments].concat();
    let ended = process::run(&Settings::single_user(&directory), &arguments).await;
    let made = std::fs::read_dir(directory.path()).expect("a directory").count();
    assert_eq!(made, 0, "the doctor makes no database");
    ended
}

fn last_line(ended: &Ended) -> &str {
    ended.output.lines().last().unwrap_or_default()
}

#[tokio::test]
async fn the_doctor_tells_every_step_to_a_server_that_works_with_a_sign_in() {
    let server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let ended = doctor(&[&format!("{}?key=hush", mcp.url())]).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(last_line(&ended), "oauth: it works with a sign-in");
    assert!(ended.output.contains(" 1. 401 initialize "), "{}", ended.output);
    assert!(ended.output.contains(&format!("issuer        {}", server.issuer())));
    assert!(!ended.output.contains("hush") && !ended.output.contains('\u{1b}'));
    assert!(server.log().to("/register").is_empty(), "the doctor registers nobody");
}

#[tokio::test]
async fn the_doctor_fails_and_says_whose_fault_it_is() {
    let server = AuthorizationServer::start().await;
    server.script(|script| script.metadata_fault = Some(Fault::Status(500)));
    let mcp = McpServer::protected_by(&server).await;
    let ended = doctor(&[&mcp.url()]).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(last_line(&ended).ends_with("at fault: the authorization server"), "{ended:?}");
    let ended = doctor(&["https://10.0.0.1/mcp"]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(last_line(&ended).starts_with("blocked: ") && last_line(&ended).contains("policy"));
}

#[tokio::test]
async fn the_doctor_shows_the_redirect_uri_where_a_client_must_be_registered_by_hand() {
    let server = AuthorizationServer::start().await;
    server.script(|script| script.registration_policy = RegistrationPolicy::Absent);
    let mcp = McpServer::protected_by(&server).await;
    let ended = doctor(&[&mcp.url()]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.output.contains("/oauth/callback\nclient_needed: "), "{}", ended.output);
}

#[tokio::test]
async fn the_doctor_tries_a_header_and_never_shows_it() {
    let mcp = McpServer::with_header("x-key", "s3cret").await;
    mcp.script(|script| script.metadata_at = MetadataAt::NOWHERE);
    let wrong = doctor(&[&mcp.url(), "--header", "X-Key: wr0ng"]).await;
    assert!(last_line(&wrong).starts_with("headers_rejected: "), "{wrong:?}");
    let right = doctor(&[&mcp.url(), "--header", "X-Key: s3cret"]).await;
    assert!(right.status.success() && last_line(&right).starts_with("open: "), "{right:?}");
    let malformed = doctor(&[&mcp.url(), "--header", "s3cret"]).await;
    assert!(!malformed.status.success() && malformed.errors.contains("Name: value"));
    for told in [&wrong.output, &right.output] {
        assert!(!told.contains("s3cret") && !told.contains("wr0ng"), "{told}");
    }
}

async fn diagnose(scene: &Scene) -> Value {
    scene.api.post("/api/v1/connectors/notes/diagnose", Value::Null).await.expect(200)
}

#[tokio::test]
async fn a_diagnosis_renews_no_token_and_marks_no_row() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.refuses_tokens = true);
    let before = scene.connector().await;
    let told = diagnose(&scene).await;
    assert_eq!(told["summary"], "the server answers and asks for a credential", "{told}");
    scene.advance(4000);
    let told = diagnose(&scene).await;
    let summary = told["summary"].as_str().unwrap_or_default();
    assert!(summary.ends_with("has ended, and the next call renews it"), "{told}");
    assert_eq!(scene.refreshes(), 0);
    let mut after = scene.connector().await;
    assert_eq!(after["health"]["status"], "ok");
    for member in ["health", "updated_at"] {
        after[member] = before[member].clone();
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_diagnosis_of_a_marked_connector_leaves_the_mark() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.refuses_tokens = true);
    scene.whoami().await;
    let marked = ("reauth_required".to_owned(), "token_rejected".to_owned());
    assert_eq!(scene.state().await, marked);
    scene.mcp.script(|script| script.refuses_tokens = false);
    let told = diagnose(&scene).await;
    assert!(told["summary"].as_str().unwrap_or_default().contains("tools"), "{told}");
    assert_eq!(scene.state().await, marked);
}
