//! Scopes: too many, too few, and refresh tokens that only come when they are asked for.

use keyway_tests::{
    authorization_server::{Consent, RefreshTokens},
    scene::{NOTES, Scene},
};
use serde_json::{Value, json};

use super::{assert_reauth, failed_sign_in};

fn asked_scope(scene: &Scene) -> Option<String> {
    scene.authorization_server.log().to("/authorize").last()?.query("scope")
}

#[tokio::test]
async fn quirk_11_offline_access_is_asked_for_only_where_it_is_listed() {
    let scene = Scene::new().await;
    scene.sign_in().await;
    assert_eq!(asked_scope(&scene).as_deref(), Some("offline_access"));

    let scene = Scene::new().await;
    scene
        .authorization_server
        .script(|script| script.metadata = json!({"scopes_supported": ["a"]}));
    scene.sign_in().await;
    assert_eq!(asked_scope(&scene), None);
}

#[tokio::test]
async fn quirk_11_every_client_is_registered_for_refresh_tokens() {
    let scene = Scene::new().await;
    scene.start().await.expect(200);
    let request = scene.authorization_server.log().to("/register")[0].json();
    assert_eq!(request["grant_types"], json!(["authorization_code", "refresh_token"]));
}

#[tokio::test]
async fn quirk_11_a_grant_without_a_refresh_token_says_so_and_when_it_ends() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.refresh_tokens = RefreshTokens::Absent);
    scene.sign_in().await;
    let oauth = scene.connector().await["oauth"].clone();
    assert_eq!((&oauth["refreshable"], oauth["expires_at"].is_string()), (&json!(false), true));
    scene.advance(3600);
    assert_reauth(&scene, "refresh_token_missing").await;
}

#[tokio::test]
async fn quirk_12_the_authorization_servers_whole_list_is_never_asked_for() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.metadata = json!({"scopes_supported": ["admin", "*", "notes:read"]});
    });
    scene.sign_in().await;
    assert_eq!(asked_scope(&scene), None);
    scene.mcp.script(|script| script.metadata = json!({"scopes_supported": ["notes:read"]}));
    scene.api.start(NOTES, json!({"force": true})).await.expect(200);
    let (authorize_url, _) = restart(&scene).await;
    scene.browser.sign_in(&authorize_url).await;
    assert_eq!(asked_scope(&scene).as_deref(), Some("notes:read"));
}

async fn restart(scene: &Scene) -> (String, String) {
    let started = scene.api.start(NOTES, json!({"force": true})).await.expect(200);
    let text = |name: &str| started[name].as_str().unwrap_or_default().to_owned();
    (text("authorize_url"), text("authorization_session_id"))
}

#[tokio::test]
async fn quirk_12_what_was_granted_is_recorded_and_not_what_was_asked_for() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.challenge_scope = Some("notes:read notes:write".to_owned()));
    scene.authorization_server.script(|script| {
        script.granted_scopes = Some(vec!["notes:read".to_owned()]);
    });
    scene.sign_in().await;
    assert_eq!(scene.connector().await["oauth"]["scopes"], json!(["notes:read"]));
}

#[tokio::test]
async fn quirk_12_a_missing_scope_is_asked_for_and_not_refreshed_away() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.challenge_scope = Some("notes:read".to_owned()));
    scene.sign_in().await;
    scene.mcp.script(|script| script.required_scopes = vec!["notes:write".to_owned()]);
    let refused = scene.whoami().await;
    assert_eq!(refused.problem(), (403, "scope_required".to_owned()));
    let required = refused.json()["required_scopes"].clone();
    assert!(required.as_array().is_some_and(|all| all.contains(&Value::from("notes:write"))));
    assert_eq!(scene.refreshes(), 0);
    scene.sign_in().await;
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_12_a_refused_scope_is_told_in_the_servers_own_word() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.consent = Consent::Refuse("invalid_scope".to_owned());
    });
    let session = failed_sign_in(&scene).await;
    assert!(session["detail"].to_string().contains("invalid_scope"), "{session}");
}
