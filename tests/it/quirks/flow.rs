//! The way through the browser: restarts, two windows, other people's browsers, popups that are cut off,
//! accounts, and callers without anybody in front.

use keyway_tests::{
    browser::Browser,
    mcp_server::McpServer,
    process::Process,
    scene::{NOTES, Scene},
    settings::Settings,
    until::until,
};
use serde_json::json;

use super::assert_reauth;

#[tokio::test]
async fn quirk_07_a_sign_in_that_was_begun_before_a_restart_is_finished_after_it() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let server = keyway_tests::authorization_server::AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&server).await;
    let mut settings = Settings::single_user(&directory);
    let first = Process::serve(&settings, &directory).await;
    settings.set("KEYWAY_LISTEN", &first.origin().replace("http://localhost", "127.0.0.1"));
    first.api().create_oauth(NOTES, &mcp.url()).await;
    let (authorize_url, session) = first.api().start_sign_in(NOTES).await;
    let browser = Browser::of("alice");
    let callback = browser.sign_in_up_to(&authorize_url, "/oauth/callback").await;
    first.kill().await;
    let second = Process::serve(&settings, &directory).await;
    browser.open(callback.as_str()).await;
    assert_eq!(second.api().session(&session).await["status"], "finished");
}

#[tokio::test]
async fn quirk_08_a_dead_grant_is_shown_as_dead_and_a_new_sign_in_clears_it() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.kill_grants();
    scene.advance(3600);
    assert_reauth(&scene, "refresh_rejected").await;
    assert_eq!(scene.connector().await["oauth"]["authorized"], false);
    scene.sign_in().await;
    assert_eq!(scene.state().await, ("ready".to_owned(), String::new()));
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_08_a_server_that_is_down_does_not_ask_for_a_sign_in() {
    let scene = Scene::signed_in().await;
    let down = keyway_tests::fault::Fault::Status(503);
    scene.mcp.script(|script| {
        for method in ["initialize", "server/discover", "tools/list", "tools/call"] {
            script.fault_on.insert(method.to_owned(), down.clone());
        }
    });
    let tested = scene.api.post("/api/v1/connectors/notes/test", json!({})).await.expect(200);
    assert_eq!(tested["ok"], false);
    until("its health is written down", || async {
        scene.connector().await["health"]["status"] == "upstream_error"
    })
    .await;
    assert_eq!(scene.state().await.0, "ready");
}

#[tokio::test]
async fn quirk_17_a_sign_in_that_was_sent_to_somebody_else_does_not_land_on_the_senders_row() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    Browser::of("bob").open(callback.as_str()).await;
    assert_eq!(scene.exchanges(), 0);
    assert_eq!(scene.api.session(&session).await["status"], "pending");
}

#[tokio::test]
async fn quirk_17_several_sign_ins_that_are_open_at_once_have_a_verifier_each() {
    let scene = Scene::new().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(scene.sign_in_up_to_callback().await);
    }
    open.reverse();
    for (callback, session) in open {
        scene.browser.open(callback.as_str()).await;
        assert_eq!(scene.api.session(&session).await["status"], "finished");
    }
    let log = scene.authorization_server.log();
    let mut verifiers: Vec<_> =
        log.token_requests().iter().filter_map(|r| r.form("code_verifier")).collect();
    verifiers.sort();
    verifiers.dedup();
    assert_eq!(verifiers.len(), 3);
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_17_a_callback_that_comes_twice_shows_that_it_worked() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    for _ in 0..2 {
        let page = scene.browser.open(callback.as_str()).await;
        assert_eq!(page.status, 200, "{}", page.text);
    }
    assert_eq!(scene.exchanges(), 1);
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn quirk_19_the_outcome_is_told_by_the_server_and_not_by_the_popup() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    let redirect = scene.browser.peek(callback.as_str()).await;
    assert_eq!(redirect.status, 303);
    assert_eq!(scene.api.session(&session).await["status"], "finished", "no page was shown yet");
    let page = scene.browser.open(redirect.location().expect("a page").as_str()).await;
    assert!(
        !page.headers.contains_key("cross-origin-opener-policy"),
        "it would cut off the opener"
    );
}

#[tokio::test]
async fn quirk_19_a_popup_that_was_closed_is_opened_again_by_another_start() {
    let scene = Scene::new().await;
    let (abandoned, first) = scene.api.start_sign_in(NOTES).await;
    scene.browser.open(&abandoned).await;
    scene.sign_in().await;
    scene.assert_works().await;
    assert_eq!(scene.api.session(&first).await["status"], "pending");
    scene.advance(601);
    assert_eq!(scene.api.session(&first).await["status"], "expired");
}

#[tokio::test]
async fn quirk_29_two_accounts_at_one_server_are_two_connectors_with_a_grant_each() {
    let scene = Scene::signed_in().await;
    scene.api.create_oauth("other", &scene.mcp.url()).await;
    let (authorize_url, _) = scene.api.start_sign_in("other").await;
    Browser::of("bob").sign_in(&authorize_url).await;
    let other = scene.api.call("other", "whoami", json!({})).await.expect(200);
    assert_eq!(other["content"][0]["text"], "bob");
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_30_a_caller_without_anybody_in_front_is_answered_at_once() {
    let scene = Scene::new().await;
    let answer = scene.whoami().await;
    assert_eq!(answer.problem(), (409, "sign_in_required".to_owned()));
    assert!(scene.mcp.log().is_empty() && scene.authorization_server.log().is_empty());
}
