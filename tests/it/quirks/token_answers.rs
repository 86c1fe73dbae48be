//! Token answers that are not quite what RFC 6749 §5.1 says.

use std::time::Duration;

use keyway_tests::{fault::Fault, scene::Scene};
use serde_json::{Value, json};

use super::failed_sign_in;

async fn signed_in_with(token: Value) -> Scene {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.token = token);
    scene.sign_in().await;
    scene.assert_works().await;
    scene
}

#[tokio::test]
async fn quirk_06_expires_in_as_a_string() {
    let scene = signed_in_with(json!({"expires_in": "3600"})).await;
    scene.advance(3600);
    scene.assert_works().await;
    assert_eq!(
        scene.mcp.log().rpc("tools/call").len(),
        2,
        "renewed before the call, not after a 401"
    );
}

#[tokio::test]
async fn quirk_06_expires_in_that_says_nothing_is_unknown_and_never_invented() {
    for odd in [json!(null), json!(0), json!(-1), json!("soon"), json!({"in": 1})] {
        let scene = signed_in_with(json!({"expires_in": odd})).await;
        assert_eq!(scene.connector().await["oauth"]["expires_at"], Value::Null, "{odd}");
        scene.assert_works().await;
        assert_eq!(scene.refreshes(), 0, "{odd}");
        scene.advance(3600);
        scene.assert_works().await;
        assert_eq!(scene.refreshes(), 1, "a 401 tells that it has ended: {odd}");
    }
}

#[tokio::test]
async fn quirk_06_a_life_of_an_age_of_the_world_is_cut_to_a_year() {
    let scene = signed_in_with(json!({"expires_in": 1e18})).await;
    let year = Duration::from_secs(366 * 24 * 3600);
    let end = scene.connector().await["oauth"]["expires_at"].to_string();
    let bound = scene.keyway.clock().now().plus(year);
    assert!(end.trim_matches('"') < format!("{bound}").as_str(), "{end}");
}

#[tokio::test]
async fn quirk_06_a_form_encoded_answer() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.form_encoded = true);
    scene.sign_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn quirk_06_a_200_with_an_error_in_it_is_an_error() {
    let form = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    for fault in [
        Fault::oauth_error(200, "bad_verification_code"),
        Fault::Answer(200, form, "error=bad_verification_code".to_owned()),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.token_fault = Some(fault));
        let session = failed_sign_in(&scene).await;
        assert_eq!(session["code"], "exchange_failed");
        assert!(session["detail"].to_string().contains("bad_verification_code"), "{session}");
    }
}

#[tokio::test]
async fn quirk_06_token_type_in_any_case_or_not_at_all() {
    for token_type in [json!("bearer"), json!("BEARER"), json!(null)] {
        signed_in_with(json!({"token_type": token_type})).await;
    }
}

#[tokio::test]
async fn quirk_06_scope_as_an_array() {
    let scene = signed_in_with(json!({"scope": ["notes:read", "notes:write"]})).await;
    let scopes = &scene.connector().await["oauth"]["scopes"];
    assert_eq!(*scopes, json!(["notes:read", "notes:write"]));
}

#[tokio::test]
async fn quirk_06_members_that_nobody_knows_do_no_harm() {
    signed_in_with(json!({"x": {"deep": [1, 2]}, "user": null, "refresh_token_expires_in": "a"}))
        .await;
}
