//! What comes back from the authorization server: the answers of people who say no, and of those who
//! forge, repeat, mix up or carry off a callback.

use keyway_tests::{
    authorization_server::{Consent, Iss},
    browser::Browser,
    scene::{NOTES, Scene},
};
use serde_json::json;
use url::Url;

/// The callback with one query parameter replaced, or removed by `None`.
pub(crate) fn with_parameter(callback: &Url, name: &str, value: Option<&str>) -> String {
    let kept: Vec<_> = callback
        .query_pairs()
        .filter(|(key, _)| key != name)
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect();
    let mut changed = callback.clone();
    changed.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(value.map(|v| (name, v)));
    changed.to_string()
}

#[tokio::test]
async fn a_user_who_says_no_is_told_so_and_may_try_again() {
    let scene = Scene::new().await;
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    let page = scene.browser.deny(&authorize_url).await;
    assert_eq!(page.status, 400);
    assert!(!page.text.contains("<b>refusal</b>"), "the server's words are not put into HTML");
    let session = scene.api.session(&session).await;
    assert_eq!((&session["status"], &session["code"]), (&json!("failed"), &json!("denied")));
    assert_eq!(scene.state().await, ("sign_in_required".to_owned(), String::new()));
    scene.sign_in().await;
}

#[tokio::test]
async fn a_callback_without_a_state_is_invalid() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    for url in [
        format!("{}/oauth/callback", scene.keyway.origin()),
        with_parameter(&callback, "state", None),
        with_parameter(&callback, "state", Some("")),
        format!("{callback}&state=again"),
    ] {
        let page = scene.browser.open(&url).await;
        assert_eq!((page.status.as_u16(), page.url.path()), (400, "/oauth/done/invalid"), "{url}");
    }
    assert_eq!(scene.exchanges(), 0);
    assert_eq!(scene.api.session(&session).await["status"], "pending");
    scene.browser.open(callback.as_str()).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn a_forged_state_is_invalid() {
    let scene = Scene::new().await;
    let (callback, _) = scene.sign_in_up_to_callback().await;
    let state = callback.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
    for at in [0, state.len() / 2, state.len() - 2] {
        let mut forged = state.clone().into_owned().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("ASCII");
        let page = scene.browser.open(&with_parameter(&callback, "state", Some(&forged))).await;
        assert_eq!((page.status.as_u16(), page.url.path()), (400, "/oauth/done/invalid"));
    }
    assert_eq!(scene.exchanges(), 0);
}

#[tokio::test]
async fn a_state_is_good_for_ten_minutes() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    scene.advance(601);
    let page = scene.browser.open(callback.as_str()).await;
    assert_eq!(page.status, 400);
    assert_eq!(scene.exchanges(), 0);
    assert_eq!(scene.api.session(&session).await["status"], "expired");
}

#[tokio::test]
async fn a_callback_works_once() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    scene.browser.open(callback.as_str()).await;
    scene.browser.open(callback.as_str()).await;
    assert_eq!(scene.exchanges(), 1);
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn another_browser_cannot_finish_a_sign_in() {
    let scene = Scene::new().await;
    let (callback, session) = scene.sign_in_up_to_callback().await;
    let page = Browser::of("mallory").open(callback.as_str()).await;
    assert_eq!(page.status, 400);
    assert_eq!(scene.exchanges(), 0);
    assert_eq!(scene.api.session(&session).await["status"], "pending");
    scene.browser.open(callback.as_str()).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn a_wrong_or_missing_iss_stops_before_any_token_request() {
    let evil = || Iss::Other("https://evil.example".to_owned());
    for (iss, consent) in [
        (evil(), Consent::Ask),
        (Iss::Missing, Consent::Ask),
        (evil(), Consent::Refuse("access_denied".to_owned())),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| {
            script.iss = iss;
            script.consent = consent;
        });
        let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
        let page = scene.browser.sign_in(&authorize_url).await;
        assert_eq!(page.status, 400);
        assert!(!page.text.contains("refusal") && !page.text.contains("evil.example"));
        assert_eq!(scene.exchanges(), 0);
        let session = scene.api.session(&session).await;
        assert_ne!(session["code"], "denied", "{session}");
        assert_eq!(scene.state().await.0, "sign_in_required");
    }
}

#[tokio::test]
async fn a_server_without_iss_has_a_callback_path_of_its_own() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.iss = Iss::Unsupported);
    let (callback, session) = scene.sign_in_up_to_callback().await;
    let key = callback.path().strip_prefix("/oauth/callback/").expect("an issuer key");
    assert!(!key.is_empty());
    let mut elsewhere = callback.clone();
    elsewhere.set_path("/oauth/callback/another");
    scene.browser.open(elsewhere.as_str()).await;
    assert_eq!(scene.exchanges(), 0);
    scene.browser.open(callback.as_str()).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn two_sign_ins_may_be_open_at_once() {
    let scene = Scene::new().await;
    let (first, one) = scene.sign_in_up_to_callback().await;
    let (second, two) = scene.sign_in_up_to_callback().await;
    scene.browser.open(first.as_str()).await;
    scene.browser.open(second.as_str()).await;
    for session in [one, two] {
        assert_eq!(scene.api.session(&session).await["status"], "finished");
    }
    scene.assert_works().await;
}
