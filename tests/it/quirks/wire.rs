//! What was seen on the wire of real servers.

use std::time::Duration;

use futures_util::future::join_all;
use keyway_tests::{
    authorization_server::{MetadataPlaces, RefreshTokens, RegistrationPolicy},
    fault::Fault,
    mcp_server::{Eras, MetadataAt},
    scene::Scene,
};
use serde_json::json;

use super::{assert_reauth, failed_sign_in};

#[tokio::test]
async fn quirk_wire_01_a_server_that_answers_500_to_a_bad_token_and_gives_no_refresh_token() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.refresh_tokens = RefreshTokens::Absent);
    scene.sign_in().await;
    scene.assert_works().await;
    let broken = Fault::Status(500);
    scene.mcp.script(|script| drop(script.fault_on.insert("tools/call".to_owned(), broken)));
    assert_eq!(scene.whoami().await.problem(), (502, "upstream_error".to_owned()));
    assert_eq!(scene.state().await.0, "ready");
    scene.advance(3600);
    assert_reauth(&scene, "refresh_token_missing").await;
}

#[tokio::test]
async fn quirk_wire_02_invalid_grant_as_401() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.script(|script| {
        script.token_fault = Some(Fault::oauth_error(401, "invalid_grant"));
    });
    scene.advance(3600);
    assert_reauth(&scene, "refresh_rejected").await;
}

#[tokio::test]
async fn quirk_wire_02_a_refused_code_as_401_invalid_request_is_not_taken_for_a_dead_client() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.token_faults.push_back(Fault::oauth_error(401, "invalid_request"));
    });
    assert_eq!(failed_sign_in(&scene).await["code"], "exchange_failed");
    scene.sign_in().await;
    assert_eq!(scene.authorization_server.log().to("/register").len(), 1);
}

#[tokio::test]
async fn quirk_wire_03_unescaped_quotes_in_a_challenge_hide_nothing() {
    let scene = Scene::new().await;
    let at = MetadataAt { path: false, root: false, custom: true };
    let url = format!("{}/custom/metadata/location.json", scene.mcp.origin());
    scene.mcp.script(|script| {
        script.metadata_at = at;
        script.challenge = Some(format!(
            r#"Bearer error="invalid_token", error_description="the token "abc", is "bad"", scope="notes:read", resource_metadata="{url}""#
        ));
    });
    scene.sign_in().await;
    let scope = scene.authorization_server.log().to("/authorize")[0].query("scope");
    assert_eq!(scope.as_deref(), Some("notes:read offline_access"));
}

#[tokio::test]
async fn quirk_wire_04_issuers_with_a_path_or_a_closing_slash_and_metadata_at_one_place() {
    for path in ["/api/auth", "/api/auth/", "/"] {
        for places in [MetadataPlaces::OAuth, MetadataPlaces::OpenId] {
            let scene = Scene::with_issuer_at(path).await;
            scene.authorization_server.script(|script| script.metadata_at = places);
            scene.sign_in().await;
            let issuer = scene.connector().await["oauth"]["issuer"].clone();
            assert_eq!(issuer, scene.authorization_server.issuer(), "{path} {places:?}");
        }
    }
}

#[tokio::test]
async fn quirk_wire_05_a_callback_on_this_machine_is_registered_as_a_native_clients() {
    let scene = Scene::new().await;
    scene.start().await.expect(200);
    let request = scene.authorization_server.log().to("/register")[0].json();
    assert_eq!(request["application_type"], "native", "{request}");
}

#[tokio::test]
async fn quirk_wire_06_confidential_clients_alone_with_their_method_at_revocation_too() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::ConfidentialOnly;
    });
    scene.sign_in().await;
    scene.api.delete("/api/v1/connectors/notes/oauth").await.expect(204);
    let log = scene.authorization_server.log();
    log.wait_until(|seen| seen.iter().any(|request| request.path == "/revoke")).await;
    assert!(log.to("/revoke")[0].form("client_secret").is_some());
}

#[tokio::test]
async fn quirk_wire_07_a_revocation_that_is_answered_with_400_is_over() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.script(|script| {
        script.revocation_fault = Some(Fault::oauth_error(400, "unsupported_token_type"));
    });
    scene.api.delete("/api/v1/connectors/notes/oauth").await.expect(204);
    assert_eq!(scene.state().await.0, "sign_in_required");
    scene.sign_in().await;
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_wire_08_a_call_whose_token_died_by_anothers_refresh_takes_the_new_one() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| script.refresh_kills_access_token = true);
    scene.sign_in().await;
    scene.mcp.script(|script| script.sessions = false);
    scene.authorization_server.kill_access_tokens();
    let calls = join_all((0..10).map(|_| scene.whoami())).await;
    assert!(calls.iter().all(|call| call.status == 200));
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn quirk_wire_09_a_resource_that_a_server_ignores_or_insists_on_is_always_sent() {
    let scene = Scene::new().await;
    let resource = scene.mcp.url();
    scene.authorization_server.script(|script| script.only_resource = Some(resource));
    scene.sign_in().await;
    scene.advance(3600);
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_wire_09_four_refreshes_at_once_are_one() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.refresh_tokens = RefreshTokens::Strict;
        script.token_delay = Duration::from_millis(50);
    });
    scene.sign_in().await;
    scene.advance(3600);
    let calls = join_all((0..4).map(|_| scene.whoami())).await;
    assert!(calls.iter().all(|call| call.status == 200));
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn quirk_24_a_server_that_only_speaks_the_transport_of_2024_is_used_all_the_same() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.eras = Eras::Older);
    scene.sign_in().await;
    scene.assert_works().await;
    let tested = scene.api.post("/api/v1/connectors/notes/test", json!({})).await.expect(200);
    assert_eq!(tested["ok"], true, "{tested}");
}

#[tokio::test]
async fn quirk_wire_10_servers_of_one_era_or_of_both() {
    for eras in [Eras::Handshake, Eras::Stateless, Eras::Both] {
        let scene = Scene::new().await;
        scene.mcp.script(|script| script.eras = eras);
        scene.sign_in().await;
        scene.assert_works().await;
        let connector = scene.api.post("/api/v1/connectors/notes/test", json!({})).await;
        assert_eq!(connector.expect(200)["ok"], true, "{eras:?}");
    }
}
