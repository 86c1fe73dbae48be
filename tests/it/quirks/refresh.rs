//! Grants that die, or seem to: refreshes that are never made, made twice, or taken for the end.

use futures_util::future::join_all;
use keyway_tests::{authorization_server::RefreshTokens, fault::Fault, scene::Scene};

use super::assert_reauth;

#[tokio::test]
async fn quirk_01_a_401_in_the_middle_is_healed_without_a_person() {
    let scene = Scene::signed_in().await;
    scene.assert_works().await;
    scene.authorization_server.kill_access_tokens();
    scene.assert_works().await;
    assert_eq!((scene.refreshes(), scene.state().await.0), (1, "ready".to_owned()));
}

#[tokio::test]
async fn quirk_01_a_server_that_rejects_fresh_tokens_is_not_refreshed_in_a_loop() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.refuses_tokens = true);
    for _ in 0..3 {
        assert_reauth(&scene, "token_rejected").await;
    }
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn quirk_01_a_grant_of_many_hours_is_renewed_before_each_call_that_needs_it() {
    let scene = Scene::signed_in().await;
    for _ in 0..5 {
        scene.advance(3600);
        scene.assert_works().await;
    }
    assert_eq!(scene.refreshes(), 5);
    let calls = scene.mcp.log().rpc("tools/call");
    assert_eq!(calls.len(), 5, "no call went out with a token that had ended");
}

#[tokio::test]
async fn quirk_14_calls_at_once_present_a_rotating_refresh_token_once() {
    let scene = Scene::signed_in().await;
    scene.advance(3600);
    let calls = join_all((0..20).map(|_| scene.whoami())).await;
    assert!(calls.iter().all(|call| call.status == 200));
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn quirk_22_what_passes_does_not_end_a_grant() {
    let unreadable = Fault::Answer(418, Vec::new(), "teapot".to_owned());
    for fault in [
        Fault::Status(502),
        Fault::Status(429),
        Fault::Html,
        Fault::Reset,
        Fault::oauth_error(400, "temporarily_unavailable"),
        Fault::oauth_error(400, "an_error_nobody_knows"),
        unreadable,
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.refresh_tokens = RefreshTokens::Grace);
        scene.sign_in().await;
        scene.authorization_server.script(|script| script.token_fault = Some(fault.clone()));
        scene.advance(3600);
        let refused = scene.whoami().await.problem();
        assert_eq!(refused, (503, "refresh_unavailable".to_owned()), "{fault:?}");
        assert_eq!(scene.state().await.0, "ready", "{fault:?}");
        scene.authorization_server.script(|script| script.token_fault = None);
        scene.advance(600);
        scene.assert_works().await;
    }
}

#[tokio::test]
async fn quirk_22_a_revoked_refresh_token_is_not_presented_again() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.kill_grants();
    scene.advance(3600);
    for _ in 0..3 {
        assert_reauth(&scene, "refresh_rejected").await;
    }
    assert_eq!(scene.refreshes(), 1);
}
