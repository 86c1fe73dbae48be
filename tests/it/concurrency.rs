//! Many at once: exactly one refresh, whoever waits for it and whoever goes away.

use futures_util::future::join_all;
use keyway_tests::scene::{NOTES, Scene};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_on_an_expired_grant_make_one_token_request() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.sessions = false);
    scene.advance(3600);
    scene.authorization_server.token_gate().close();
    let calls = (0..1000).map(|_| {
        let api = scene.api.clone();
        tokio::spawn(async move { api.call(NOTES, "whoami", json!({})).await.status })
    });
    let calls: Vec<_> = calls.collect();
    scene.authorization_server.token_gate().waiting(1).await;
    scene.authorization_server.token_gate().open();
    for status in join_all(calls).await {
        assert_eq!(status.expect("no panic"), 200);
    }
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_lose_the_rotated_token() {
    let scene = Scene::signed_in().await;
    scene.advance(3600);
    scene.authorization_server.answer_gate().close();
    let api = scene.api.clone();
    let call = tokio::spawn(async move { api.call(NOTES, "whoami", json!({})).await });
    scene.authorization_server.answer_gate().waiting(1).await;
    call.abort();
    assert!(call.await.is_err_and(|error| error.is_cancelled()));
    scene.authorization_server.answer_gate().open();
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 1);
    assert_eq!(scene.state().await.0, "ready");
}

#[tokio::test]
async fn a_call_in_flight_whose_token_died_by_anothers_refresh_does_not_refresh_again() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.sessions = false);
    scene.authorization_server.kill_access_tokens();
    let calls = join_all((0..20).map(|_| scene.whoami())).await;
    assert!(calls.iter().all(|answer| answer.status == 200));
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn ten_first_starts_of_one_issuer_make_one_registration_where_it_is_per_issuer() {
    let share = |settings: &mut keyway_tests::settings::Settings| {
        settings.set("KEYWAY_REGISTRATION", "per_issuer");
    };
    let kind = keyway_tests::settings::Settings::single_user;
    let scene = Scene::without_connector(kind, share).await;
    for n in 0..10 {
        scene.api.create_oauth(&format!("n{n}"), &scene.mcp.url()).await;
    }
    let starts = (0..10).map(|n| {
        let api = scene.api.clone();
        async move { api.start(&format!("n{n}"), json!({})).await.status }
    });
    assert!(join_all(starts).await.iter().all(|status| *status == 200));
    assert_eq!(scene.authorization_server.log().to("/register").len(), 1);
}
