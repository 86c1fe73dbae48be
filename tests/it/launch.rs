//! The launch address in `tokens` mode: who sits at the browser must be known before anything else.

use keyway_tests::{
    browser::Browser,
    scene::{NOTES, Scene},
};
use serde_json::json;

fn flow_cookies(page: &keyway_tests::browser::Page) -> usize {
    let cookies = page.headers.get_all("set-cookie").iter();
    cookies.filter(|value| value.to_str().is_ok_and(|text| text.contains("keyway-flow-"))).count()
}

#[tokio::test]
async fn without_proof_the_launch_shows_the_hand_shake_page() {
    let scene = Scene::tokens().await;
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    let page = Browser::of("somebody").peek(&authorize_url).await;
    assert_eq!((page.status.as_u16(), flow_cookies(&page)), (200, 0));
    assert!(!page.text.contains(scene.authorization_server.origin()));
    assert!(scene.authorization_server.log().to("/authorize").is_empty());
}

#[tokio::test]
async fn with_another_users_proof_the_launch_is_refused() {
    let scene = Scene::tokens().await;
    let bob = Browser::of("bob");
    bob.hold_session(&scene.keyway.api_of("bob")).await;
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    let page = bob.peek(&authorize_url).await;
    assert_eq!((page.status.as_u16(), flow_cookies(&page)), (403, 0));
    scene.browser.sign_in(&authorize_url).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn with_the_users_proof_the_launch_goes_on_and_may_be_repeated() {
    let scene = Scene::tokens().await;
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    let first = scene.browser.peek(&authorize_url).await;
    assert_eq!((first.status.as_u16(), flow_cookies(&first)), (303, 1));
    assert_eq!(scene.browser.peek(&authorize_url).await.status, 303);
    scene.browser.sign_in(&authorize_url).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
    scene.assert_works().await;
}

#[tokio::test]
async fn a_session_from_a_link_is_no_proof() {
    let scene = Scene::tokens().await;
    let browser = Browser::of("alice");
    browser.hold_session_of_link(&scene.api).await;
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    let page = browser.peek(&authorize_url).await;
    assert_eq!((page.status.as_u16(), flow_cookies(&page)), (200, 0));
}

#[tokio::test]
async fn the_hand_shake_proves_the_user_it_was_made_with() {
    let scene = Scene::tokens().await;
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    let bob = Browser::of("bob");
    let refused = bob.shake_hands(&authorize_url, &scene.keyway.api_of("bob")).await;
    assert_eq!((refused.status.as_u16(), flow_cookies(&refused)), (403, 0));
    let alice = Browser::of("alice");
    let taken = alice.shake_hands(&authorize_url, &scene.api).await;
    assert_eq!((taken.status.as_u16(), flow_cookies(&taken)), (303, 1));
}

#[tokio::test]
async fn a_second_browser_of_the_same_user_is_refused_once_the_first_one_began() {
    let scene = Scene::tokens().await;
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    scene.browser.peek(&authorize_url).await;
    let second = Browser::of("alice");
    second.hold_session(&scene.api).await;
    assert_eq!(second.peek(&authorize_url).await.status, 403);
}

#[tokio::test]
async fn a_foreign_authorization_server_is_named_before_the_first_sign_in() {
    let scene = Scene::tokens().await;
    scene.api.create_oauth("far", &scene.mcp.url_on_localhost()).await;
    scene.mcp.script(|script| {
        script.metadata = json!({"resource": scene.mcp.url_on_localhost()});
    });
    let (authorize_url, session) = scene.api.start_sign_in("far").await;
    let page = scene.browser.peek(&authorize_url).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("127.0.0.1") && page.text.contains("localhost"));
    scene.browser.sign_in(&authorize_url).await;
    assert_eq!(scene.api.session(&session).await["status"], "finished");
}

#[tokio::test]
async fn a_ticket_that_is_none_leads_nowhere() {
    let scene = Scene::tokens().await;
    let url = format!("{}/oauth/launch/{}", scene.keyway.origin(), "A".repeat(43));
    let page = scene.browser.peek(&url).await;
    assert!(page.status.is_client_error(), "{}", page.status);
    assert_eq!(flow_cookies(&page), 0);
}
