//! The real binary: how it starts and ends, what it counts, what it logs, and that its keys are checked.

use keyway_tests::{
    authorization_server::AuthorizationServer,
    browser::Browser,
    mcp_server::McpServer,
    process::{self, Process},
    settings::{Settings, master_key},
    until::until,
};
use serde_json::json;
use tempfile::TempDir;

/// A process with a connector `notes` that is signed in.
struct Stage {
    process: Process,
    authorization_server: AuthorizationServer,
    mcp: McpServer,
}

async fn signed_in(settings: &Settings, directory: &TempDir) -> Stage {
    let authorization_server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&authorization_server).await;
    let process = Process::serve(settings, directory).await;
    let api = process.api();
    api.create_oauth("notes", &mcp.url()).await;
    let (authorize_url, session) = api.start_sign_in("notes").await;
    Browser::of("alice").sign_in(&authorize_url).await;
    assert_eq!(api.session(&session).await["status"], "finished");
    Stage { process, authorization_server, mcp }
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("there is room for a temporary directory")
}

#[tokio::test]
async fn master_keys_are_rotated_while_it_serves_and_nothing_is_left_under_the_old_one() {
    let directory = directory();
    let (old, new) = (master_key("old"), master_key("new"));
    let with = |keys: &str| {
        let mut settings = Settings::single_user(&directory);
        settings.set("KEYWAY_MASTER_KEYS", keys);
        settings
    };
    let stage = signed_in(&with(&old), &directory).await;
    stage.process.terminate().await;
    let both = with(&format!("{new},{old}"));
    let serving = Process::serve(&both, &directory).await;
    let rotated = process::run(&both, &["keys", "rotate"]).await;
    assert!(rotated.status.success(), "{rotated:?}");
    assert!(rotated.output.contains("old\topens\t0 values"), "{}", rotated.output);
    let values = |key: &str| format!("keyway_sealed_values{{key_id=\"{key}\"}}");
    let metrics = serving.metrics().await;
    assert!(metrics.value(&values("new")) > 0.0);
    assert!(metrics.value(&values("old")).abs() < 0.5);
    serving.api().call("notes", "whoami", json!({})).await.expect(200);
    serving.terminate().await;
    let after = Process::serve(&with(&new), &directory).await;
    after.api().call("notes", "whoami", json!({})).await.expect(200);
}

const QUERIES: &str = "keyway_database_queries_total{purpose=\"request\"}";

#[tokio::test]
async fn a_warm_call_costs_one_upstream_request_and_no_query() {
    let directory = directory();
    let stage = signed_in(&Settings::single_user(&directory), &directory).await;
    let mut client = stage.process.api().mcp("notes");
    client.initialize().await.expect(200);
    // The first contact is written down off the call's path, and its news empties the cache once more.
    until("the caches are warm", || async {
        let before = stage.process.metrics().await.value(QUERIES);
        client.call("whoami", "{}").await.expect(200);
        (stage.process.metrics().await.value(QUERIES) - before).abs() < 0.5
    })
    .await;

    let (before, seen) = (stage.process.metrics().await, stage.mcp.log().len());
    for _ in 0..10 {
        client.call("whoami", "{}").await.expect(200);
    }
    let after = stage.process.metrics().await;
    let upstream = "keyway_upstream_requests_total";
    let requests = after.sum(upstream) - before.sum(upstream);
    let queries = after.value(QUERIES) - before.value(QUERIES);
    assert_eq!(format!("{requests} requests, {queries} queries"), "10 requests, 0 queries");
    assert_eq!(stage.mcp.log().len() - seen, 10);
}

#[tokio::test]
async fn the_first_call_after_a_start_costs_one_look_up_by_key() {
    let directory = directory();
    let settings = Settings::single_user(&directory);
    let stage = signed_in(&settings, &directory).await;
    stage.mcp.script(|script| script.sessions = false);
    stage.process.api().mcp("notes").call("whoami", "{}").await.expect(200);
    stage.process.terminate().await;

    let process = Process::serve(&settings, &directory).await;
    let before = process.metrics().await.value(QUERIES);
    process.api().mcp("notes").call("whoami", "{}").await.expect(200);
    let queries = process.metrics().await.value(QUERIES) - before;
    assert_eq!(format!("{queries} queries"), "1 queries");
}

#[tokio::test]
async fn the_log_of_a_sign_in_a_refresh_and_a_call_holds_no_secret() {
    let directory = directory();
    let mut settings = Settings::single_user(&directory);
    settings.set("KEYWAY_LOG", "trace");
    let stage = signed_in(&settings, &directory).await;
    stage.process.api().call("notes", "whoami", json!({})).await.expect(200);
    stage.authorization_server.kill_access_tokens();
    stage.process.api().call("notes", "whoami", json!({})).await.expect(200);

    let log = stage.process.log();
    assert!(log.lines().count() > 5, "there is a log to look at: {log}");
    let secrets = stage.authorization_server.secrets();
    assert!(secrets.len() >= 5, "codes and tokens were given out");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_wrong_master_key_is_refused_with_words() {
    let directory = directory();
    let mut settings = Settings::single_user(&directory);
    let first = Process::serve(&settings, &directory).await;
    assert!(first.terminate().await.success());
    settings.set("KEYWAY_MASTER_KEYS", &master_key("test"));
    let ended = process::run(&settings, &["serve"]).await;
    assert!(!ended.status.success());
    assert!(ended.errors.to_lowercase().contains("master key"), "{}", ended.errors);
}

#[tokio::test]
async fn every_mistake_in_the_settings_is_told_at_once() {
    let directory = directory();
    let mut settings = Settings::single_user(&directory);
    settings.set("KEYWAY_LISTEN", "nowhere").set("KEYWAY_REGISTRATION", "sometimes");
    let ended = process::run(&settings, &["serve"]).await;
    assert!(!ended.status.success());
    for name in ["KEYWAY_LISTEN", "KEYWAY_REGISTRATION"] {
        assert!(ended.errors.contains(name), "{}", ended.errors);
    }
}

#[tokio::test]
async fn one_database_file_is_served_by_one_process() {
    let directory = directory();
    let settings = Settings::single_user(&directory);
    let _first = Process::serve(&settings, &directory).await;
    let ended = process::run(&settings, &["serve"]).await;
    assert!(!ended.status.success(), "{}", ended.errors);
}

#[tokio::test]
async fn what_was_signed_in_stays_so_over_a_restart() {
    let directory = directory();
    let settings = Settings::single_user(&directory);
    let stage = signed_in(&settings, &directory).await;
    assert!(stage.process.terminate().await.success());
    let again = Process::serve(&settings, &directory).await;
    let result = again.api().call("notes", "whoami", json!({})).await.expect(200);
    assert_eq!(result["content"][0]["text"], "alice");
}
