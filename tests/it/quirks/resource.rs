//! The `resource` indicator: servers that want it in exactly one spelling.

use keyway_tests::{fault::Fault, scene::Scene};
use serde_json::json;

use super::{assert_reauth, failed_sign_in};

/// A scene whose server publishes this resource, and takes it in this spelling only.
async fn with_resource(spelling: impl Fn(&Scene) -> String) -> Scene {
    let scene = Scene::new().await;
    let resource = spelling(&scene);
    scene.mcp.script(|script| script.metadata = json!({"resource": resource}));
    scene.authorization_server.script(|script| script.only_resource = Some(resource));
    scene
}

#[tokio::test]
async fn quirk_04_a_resource_goes_along_as_it_was_published_on_every_leg() {
    let spellings: [fn(&Scene) -> String; 4] = [
        |scene| format!("{}/", scene.mcp.url()),
        |scene| scene.mcp.origin().to_owned(),
        |scene| format!("{}/", scene.mcp.origin()),
        |scene| scene.mcp.url().replace("http://", "HTTP://"),
    ];
    for spelling in spellings {
        let scene = with_resource(spelling).await;
        scene.sign_in().await;
        scene.advance(3600);
        scene.assert_works().await;
        assert_eq!(scene.refreshes(), 1);
    }
}

#[tokio::test]
async fn quirk_04_invalid_target_is_told_in_the_servers_own_word() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.only_resource = Some("api://x".to_owned()));
    let session = failed_sign_in(&scene).await;
    assert_eq!(session["code"], "exchange_failed");
    let detail = session["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("invalid_target"), "{detail}");
}

#[tokio::test]
async fn quirk_04_invalid_target_at_a_refresh_asks_for_a_sign_in_and_does_not_loop() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.script(|script| {
        script.token_fault = Some(Fault::oauth_error(400, "invalid_target"));
    });
    scene.advance(3600);
    for _ in 0..2 {
        assert_reauth(&scene, "refresh_rejected").await;
    }
    assert_eq!(scene.refreshes(), 1);
}
