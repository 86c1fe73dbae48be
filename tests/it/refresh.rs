//! Keeping tokens fresh: when a token is renewed, what every kind of answer does to the row, and what a
//! caller sees of it.

use keyway_model::UserId;
use keyway_tests::{
    authorization_server::RefreshTokens,
    fault::Fault,
    scene::{NOTES, Scene},
};
use serde_json::json;

async fn assert_reauth(scene: &Scene, reason: &str) {
    assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    assert_eq!(scene.state().await, ("reauth_required".to_owned(), reason.to_owned()));
}

#[tokio::test]
async fn an_expired_token_is_renewed_before_the_call() {
    let scene = Scene::signed_in().await;
    scene.assert_works().await;
    scene.advance(3600);
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 1);
    let token = scene.authorization_server.newest_access_token();
    let calls = scene.mcp.log().rpc("tools/call");
    assert_eq!(calls.last().and_then(|call| call.bearer().map(str::to_owned)), token);
    assert_eq!(calls.len(), 2, "the old token was not tried");
}

#[tokio::test]
async fn a_token_that_lives_three_seconds_is_not_renewed_at_every_call() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.token_lifetime = std::time::Duration::from_secs(3);
    });
    scene.sign_in().await;
    scene.assert_works().await;
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 0);
}

#[tokio::test]
async fn a_401_leads_to_one_refresh_and_one_retry() {
    let scene = Scene::signed_in().await;
    scene.assert_works().await;
    scene.authorization_server.kill_access_tokens();
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 1);
    assert_eq!(scene.state().await.0, "ready");
}

#[tokio::test]
async fn a_second_401_asks_for_sign_in_and_burns_no_more_tokens() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.refuses_tokens = true);
    assert_reauth(&scene, "token_rejected").await;
    assert_eq!(scene.refreshes(), 1);
    assert_reauth(&scene, "token_rejected").await;
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn a_refused_refresh_asks_for_sign_in() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.kill_grants();
    scene.advance(3600);
    assert_reauth(&scene, "refresh_rejected").await;
    assert_eq!(scene.refreshes(), 1);
    scene.sign_in().await;
    scene.assert_works().await;
}

#[tokio::test]
async fn a_refusal_in_an_odd_form_is_still_one() {
    for fault in [
        Fault::oauth_error(401, "invalid_grant"),
        Fault::oauth_error(200, "invalid_grant"),
        Fault::oauth_error(200, "bad_refresh_token"),
    ] {
        let scene = Scene::signed_in().await;
        scene.authorization_server.script(|script| script.token_fault = Some(fault));
        scene.advance(3600);
        assert_reauth(&scene, "refresh_rejected").await;
    }
}

#[tokio::test]
async fn a_failure_that_may_pass_keeps_the_grant() {
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Html,
        Fault::Answer(200, vec![("content-type", "application/json".to_owned())], "{".to_owned()),
        Fault::oauth_error(400, "temporarily_unavailable"),
    ] {
        let scene = Scene::signed_in().await;
        scene.authorization_server.script(|script| script.token_fault = Some(fault.clone()));
        scene.advance(3600);
        let unavailable = scene.whoami().await;
        assert_eq!(unavailable.problem(), (503, "refresh_unavailable".to_owned()), "{fault:?}");
        assert!(unavailable.header("retry-after").is_some());
        assert_eq!(scene.state().await.0, "ready");

        scene.authorization_server.script(|script| script.token_fault = None);
        scene.advance(600);
        scene.assert_works().await;
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.script(|script| {
        script.token_faults.push_back(Fault::retry_after(429, "120"));
    });
    scene.advance(3600);
    assert_eq!(scene.whoami().await.problem(), (503, "refresh_unavailable".to_owned()));
    scene.advance(60);
    let told = scene.whoami().await;
    assert_eq!(told.header("retry-after"), Some("60"));
    assert_eq!(scene.refreshes(), 1, "nothing is sent before the time is over");
    scene.advance(61);
    scene.assert_works().await;
}

#[tokio::test]
async fn while_the_old_token_lives_a_failing_refresh_is_not_felt() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.script(|script| script.token_fault = Some(Fault::Status(503)));
    scene.advance(3600 - 20);
    scene.assert_works().await;
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.refresh_tokens = RefreshTokens::Fixed);
    scene.sign_in().await;
    for _ in 0..2 {
        scene.advance(3600);
        scene.assert_works().await;
    }
    let refreshes = scene.authorization_server.log().refreshes();
    assert_eq!(refreshes[0].form("refresh_token"), refreshes[1].form("refresh_token"));
}

#[tokio::test]
async fn a_grant_without_a_refresh_token_says_so_and_ends() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.refresh_tokens = RefreshTokens::Absent);
    scene.sign_in().await;
    let oauth = scene.connector().await["oauth"].clone();
    assert_eq!(oauth["refreshable"], false);
    assert!(oauth["expires_at"].is_string());
    scene.advance(3600);
    assert_reauth(&scene, "refresh_token_missing").await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more_where_the_server_has_grace() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.refresh_tokens = RefreshTokens::Grace);
    scene.sign_in().await;
    scene.authorization_server.script(|script| script.lost_answers = 1);
    scene.advance(3600);
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 2);
}

#[tokio::test]
async fn a_lost_answer_costs_a_sign_in_where_the_server_is_strict() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.script(|script| script.lost_answers = 1);
    scene.advance(3600);
    assert_reauth(&scene, "refresh_rejected").await;
    assert!(scene.refreshes() <= 2);
}

#[tokio::test]
async fn a_client_that_the_server_forgot_is_registered_again_at_the_next_sign_in() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.forget_clients();
    scene.advance(3600);
    assert_reauth(&scene, "registration_rejected").await;
    scene.sign_in().await;
    assert_eq!(scene.authorization_server.log().to("/register").len(), 2);
    scene.assert_works().await;
}

#[tokio::test]
async fn a_refresh_token_only_goes_to_where_it_came_from() {
    let scene = Scene::signed_in().await;
    let other = keyway_tests::authorization_server::AuthorizationServer::start().await;
    scene.mcp.script(|script| script.metadata = json!({"authorization_servers": [other.issuer()]}));
    scene.advance(3600);
    scene.whoami().await;
    assert!(other.log().token_requests().is_empty());
}

#[tokio::test]
async fn missing_scopes_are_asked_for_on_top_of_those_granted() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.challenge_scope = Some("notes:read".to_owned()));
    scene.sign_in().await;
    scene.mcp.script(|script| script.required_scopes = vec!["notes:write".to_owned()]);
    let refused = scene.whoami().await;
    assert_eq!(refused.problem(), (403, "scope_required".to_owned()));
    assert_eq!(scene.refreshes(), 0);
    scene.sign_in().await;
    let asked = scene.authorization_server.log().to("/authorize");
    let scope = asked.last().and_then(|request| request.query("scope")).expect("scopes");
    for wanted in ["notes:read", "notes:write"] {
        assert!(scope.split(' ').any(|one| one == wanted), "{scope}");
    }
    scene.assert_works().await;
}

#[tokio::test]
async fn a_test_of_the_connector_heals_a_row_that_works_again() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.refuses_tokens = true);
    assert_reauth(&scene, "token_rejected").await;
    scene.mcp.script(|script| script.refuses_tokens = false);
    let tested = scene.api.post("/api/v1/connectors/notes/test", json!({})).await.expect(200);
    assert_eq!(tested["ok"], true, "{tested}");
    assert_eq!(scene.state().await.0, "ready");
    scene.api.call(NOTES, "whoami", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_forced_refresh_that_failed_for_a_moment_is_tried_again_after_a_minute() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.kill_access_tokens();
    scene.authorization_server.script(|script| script.token_faults.push_back(Fault::Status(503)));
    assert_eq!(scene.whoami().await.problem(), (503, "refresh_unavailable".to_owned()));
    scene.advance(61);
    scene.assert_works().await;
}

#[tokio::test]
async fn nothing_is_held_of_a_connector_that_nobody_calls() {
    let scene = Scene::signed_in().await;
    scene.assert_works().await;
    let context = scene.keyway.running().context();
    let id = scene.connector().await["id"].as_str().unwrap().parse().unwrap();
    let held = || context.credentials.held(&UserId::local(), id).is_some();
    for minutes in [0, 9] {
        scene.advance(minutes * 60);
        context.drop_old();
        assert!(held(), "it was used {minutes} minutes ago");
    }
    scene.advance(60);
    context.drop_old();
    assert!(!held());
    scene.assert_works().await;
}
