//! More access than was granted: asked for on top of what there is, and not without end; and a server that
//! moves to another authorization server.

use keyway_tests::{
    authorization_server::AuthorizationServer,
    scene::{NOTES, Scene},
};
use serde_json::json;

#[tokio::test]
async fn three_sign_ins_for_the_same_scopes_are_enough() {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| script.required_scopes = vec!["notes:more".to_owned()]);
    scene
        .authorization_server
        .script(|script| script.granted_scopes = Some(vec!["notes".to_owned()]));
    for _ in 0..3 {
        assert_eq!(scene.whoami().await.problem(), (403, "scope_required".to_owned()));
        scene.sign_in().await;
    }
    let refused = scene.whoami().await;
    assert_eq!(refused.problem(), (403, "scope_required".to_owned()));
    let exhausted = scene.api.start(NOTES, json!({})).await;
    assert_eq!(exhausted.problem(), (409, "scope_exhausted".to_owned()));
    assert_eq!(exhausted.json()["connector"], NOTES);
}

#[tokio::test]
async fn a_server_that_names_another_issuer_is_signed_in_to_anew_with_nothing_of_the_old_one() {
    let scene = Scene::signed_in().await;
    scene.assert_works().await;
    let next = AuthorizationServer::start_with_clock(scene.keyway.clock()).await;
    let servers = json!({ "authorization_servers": [next.issuer()] });
    scene.mcp.script(|script| {
        script.metadata = servers;
        script.refuses_tokens = true;
    });
    assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    assert_eq!(scene.state().await.1, "issuer_changed");
    let old = scene.authorization_server.secrets();
    let (url, _) = scene.api.start_sign_in(NOTES).await;
    scene.browser.sign_in(&url).await;
    assert_eq!(next.log().to("/register").len(), 1);
    let sent = format!("{:?}", next.log().requests());
    assert!(
        old.iter().all(|secret| !sent.contains(secret)),
        "a secret of the old server's was sent"
    );
}

#[tokio::test]
async fn a_client_that_nobody_comes_back_as_is_registered_anew() {
    let scene = Scene::new().await;
    for _ in 0..2 {
        let (url, _) = scene.api.start_sign_in(NOTES).await;
        scene.browser.peek(&url).await;
        scene.advance(601);
    }
    assert_eq!(scene.authorization_server.log().to("/register").len(), 1);
    scene.sign_in().await;
    assert_eq!(scene.authorization_server.log().to("/register").len(), 2);
    scene.assert_works().await;
}
