//! Many at once: exactly one refresh, whoever waits for it and whoever goes away.

use futures_util::future::join_all;
use keyway_tests::{
    scene::{NOTES, Scene},
    settings::Settings,
};
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
    let share = |settings: &mut Settings| {
        settings.set("KEYWAY_REGISTRATION", "per_issuer");
    };
    let scene = Scene::without_connector(Settings::single_user, share).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn expired_grants_of_one_authorization_server_are_renewed_a_few_at_a_time() {
    let scene = Scene::without_connector(Settings::single_user, |_| {}).await;
    let server = &scene.authorization_server;
    server.register_client("machine", Some("hush"), "https://unused.example/");
    scene.mcp.script(|script| script.sessions = false);
    let slugs: Vec<String> = (0..64).map(|n| format!("n{n}")).collect();
    let oauth =
        json!({"grant": "client_credentials", "client_id": "machine", "client_secret": "hush"});
    for slug in &slugs {
        let connector = json!({"url": scene.mcp.url(), "slug": slug, "oauth": oauth});
        scene.api.create(connector).await.expect(201);
        scene.api.call(slug, "whoami", json!({})).await.expect(200);
    }
    scene.advance(3600);
    let before = server.log().token_requests().len();
    server.token_gate().close();
    let calls = join_all(slugs.iter().map(|slug| scene.api.call(slug, "whoami", json!({}))));
    let watch = async {
        server.token_gate().waiting(32).await;
        // By its answer the other calls have come as far as they come.
        scene.api.get("/api/v1/connectors").await.expect(200);
        let standing = server.token_gate().standing();
        server.token_gate().open();
        standing
    };
    let (calls, standing) = tokio::join!(calls, watch);
    assert_eq!(standing, 32);
    assert!(calls.iter().all(|answer| answer.status == 200));
    assert_eq!(server.log().token_requests().len() - before, 64);
}
