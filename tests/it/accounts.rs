//! Several accounts at one server: which one a sign-in is for, and how it is called.

use keyway_tests::{
    browser::Browser,
    scene::{NOTES, Scene},
};
use serde_json::{Value, json};

/// What the newest authorization request said.
fn asked(scene: &Scene, name: &str) -> Option<String> {
    let log = scene.authorization_server.log();
    let asked = log.matching(|seen| seen.path == "/authorize" && seen.method == "GET");
    asked.last().expect("an authorization request").query(name)
}

/// Signs in again, as somebody does who presses the button although the grant works.
async fn sign_in_again(scene: &Scene, key: &str) {
    let started = scene.api.start(key, json!({"force": true})).await.expect(200);
    let url = started["authorize_url"].as_str().expect("an address");
    assert_eq!(scene.browser.sign_in(url).await.status, 200);
}

#[tokio::test]
async fn a_second_connector_at_one_address_asks_with_which_account_to_go_on() {
    for (metadata, expected) in [
        (json!({"prompt_values_supported": ["none", "select_account"]}), Some("select_account")),
        (json!({"prompt_values_supported": ["none"]}), None),
        (json!({"scopes_supported": ["openid"]}), None),
        (json!({}), None),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.metadata = metadata.clone());
        scene.sign_in().await;
        assert_eq!(asked(&scene, "prompt"), None, "the first account is asked for by nobody");
        scene.api.create_oauth("second", &scene.mcp.url()).await;
        sign_in_again(&scene, "second").await;
        assert_eq!(asked(&scene, "prompt").as_deref(), expected, "{metadata}");
    }
}

#[tokio::test]
async fn a_question_that_a_server_fails_at_is_asked_once() {
    let scene = Scene::new().await;
    let prompts = json!({"prompt_values_supported": ["select_account"]});
    scene.authorization_server.script(|script| script.metadata = prompts);
    scene.sign_in().await;
    scene.api.create_oauth("second", &scene.mcp.url()).await;
    let (url, _) = scene.api.start_sign_in("second").await;
    scene.browser.open(&url).await;
    assert_eq!(asked(&scene, "prompt").as_deref(), Some("select_account"));
    sign_in_again(&scene, "second").await;
    assert_eq!(asked(&scene, "prompt"), None);
}

#[tokio::test]
async fn another_address_is_no_second_account() {
    let scene = Scene::new().await;
    let prompts = json!({"prompt_values_supported": ["select_account"]});
    scene.authorization_server.script(|script| script.metadata = prompts);
    scene.sign_in().await;
    scene.api.create_oauth("other", &scene.mcp.url_on_localhost()).await;
    scene.mcp.script(|script| script.metadata = json!({"resource": scene.mcp.url_on_localhost()}));
    sign_in_again(&scene, "other").await;
    assert_eq!(asked(&scene, "prompt"), None);
}

#[tokio::test]
async fn a_renewed_sign_in_names_the_account_it_had() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.id_token = true);
    scene.sign_in().await;
    assert_eq!(scene.connector().await["oauth"]["account"], "alice@people.example");
    assert_eq!(asked(&scene, "login_hint"), None);
    sign_in_again(&scene, NOTES).await;
    assert_eq!(asked(&scene, "login_hint").as_deref(), Some("alice@people.example"));
    assert_eq!(asked(&scene, "prompt"), None);
}

/// A server whose UserInfo endpoint tells these claims; `openid` is granted or not.
async fn signed_in_with_userinfo(claims: Value, granted: &str) -> Scene {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.userinfo = Some(claims);
        script.granted_scopes = Some(vec![granted.to_owned()]);
    });
    scene.sign_in().await;
    scene
}

#[tokio::test]
async fn userinfo_tells_the_account_where_openid_was_granted() {
    let scene = signed_in_with_userinfo(json!({"name": "Alice Example"}), "openid").await;
    assert_eq!(scene.connector().await["oauth"]["account"], "Alice Example");
    sign_in_again(&scene, NOTES).await;
    assert_eq!(asked(&scene, "login_hint"), None, "a display name is no login");
}

#[tokio::test]
async fn userinfo_is_not_asked_where_openid_was_not_granted() {
    let scene = signed_in_with_userinfo(json!({"name": "Alice Example"}), "notes:read").await;
    assert_eq!(scene.connector().await["oauth"]["account"], Value::Null);
    assert!(scene.authorization_server.log().to("/userinfo").is_empty());
}

#[tokio::test]
async fn userinfo_about_somebody_else_is_not_believed() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.userinfo = Some(json!({"sub": "mallory", "email": "mallory@people.example"}));
        script.granted_scopes = Some(vec!["openid".to_owned()]);
        // {"sub":"alice"}
        script.token = json!({"id_token": "e30.eyJzdWIiOiJhbGljZSJ9.c2ln"});
    });
    scene.sign_in().await;
    assert_eq!(scene.authorization_server.log().to("/userinfo").len(), 1);
    assert_eq!(scene.connector().await["oauth"]["account"], "alice");
}

#[tokio::test]
async fn a_renewed_sign_in_as_somebody_else_changes_nothing() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.id_token = true);
    scene.sign_in().await;
    let started = scene.api.start(NOTES, json!({"force": true})).await.expect(200);
    let url = started["authorize_url"].as_str().expect("an address");
    assert_eq!(Browser::of("bob").sign_in(url).await.status, 400);
    let session = scene.api.session(started["authorization_session_id"].as_str().unwrap()).await;
    assert_eq!((&session["status"], &session["code"]), (&json!("failed"), &json!("user_mismatch")));
    assert_eq!(scene.connector().await["oauth"]["account"], "alice@people.example");
    scene.assert_works().await;
}
