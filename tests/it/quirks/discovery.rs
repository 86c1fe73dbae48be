//! Metadata in odd places, servers that ask for a sign-in late, and addresses that lead elsewhere.

use keyway_tests::{
    authorization_server::{AuthorizationServer, MetadataPlaces},
    fault::Fault,
    mcp_server::{McpServer, MetadataAt},
    scene::Scene,
};
use serde_json::json;

const AT_ROOT: MetadataAt = MetadataAt { path: false, root: true, custom: false };

#[tokio::test]
async fn quirk_03_a_web_page_or_a_refusal_at_a_well_known_place_is_a_miss() {
    for miss in [Fault::Html, Fault::Status(401), Fault::Status(403), Fault::Status(405)] {
        let scene = Scene::new().await;
        scene.mcp.script(|script| {
            script.challenge_names_metadata = false;
            script.metadata_at = AT_ROOT;
            script.metadata_miss = Some(miss.clone());
        });
        scene.authorization_server.script(|script| {
            script.metadata_at = MetadataPlaces::OpenId;
            script.metadata_miss = Some(miss);
        });
        scene.sign_in().await;
    }
}

#[tokio::test]
async fn quirk_03_a_failure_at_a_well_known_place_is_not_taken_for_a_miss() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| {
        script.challenge_names_metadata = false;
        script.metadata_at = AT_ROOT;
        script.metadata_miss = Some(Fault::Status(503));
    });
    assert_eq!(scene.start().await.problem(), (504, "provider_unreachable".to_owned()));
}

#[tokio::test]
async fn quirk_03_a_server_that_publishes_openid_configuration_alone_is_signed_in_to() {
    let scene = Scene::with_issuer_at("/realms/team").await;
    scene.authorization_server.script(|script| script.metadata_at = MetadataPlaces::OpenId);
    scene.sign_in().await;
    assert_eq!(scene.connector().await["oauth"]["issuer"], scene.authorization_server.issuer());
}

#[tokio::test]
async fn quirk_03_an_issuer_that_is_not_the_one_asked_for_is_told_with_both_names() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.metadata = json!({"issuer": "https://elsewhere.example"});
    });
    let refused = scene.start().await;
    assert_eq!(refused.problem(), (502, "issuer_mismatch".to_owned()));
    let text = refused.text();
    assert!(
        text.contains("elsewhere.example") && text.contains(scene.authorization_server.origin())
    );
}

#[tokio::test]
async fn quirk_09_a_server_that_refuses_tools_call_alone_is_signed_in_to() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.protected_methods = Some(vec!["tools/call".to_owned()]));
    scene.sign_in().await;
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_09_a_first_call_without_a_sign_in_is_answered_with_where_to_sign_in() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| script.protected_methods = Some(vec!["tools/call".to_owned()]));
    let refused = scene.whoami().await;
    assert_eq!(refused.problem(), (409, "sign_in_required".to_owned()));
    assert!(refused.json()["sign_in_url"].is_string(), "{}", refused.text());
}

#[tokio::test]
async fn quirk_13_metadata_that_points_inside_the_network_is_not_fetched() {
    let scene = Scene::new().await;
    for address in
        ["http://169.254.169.254/latest", "https://10.0.0.1/prm", "https://[fe80::1]/prm"]
    {
        scene.mcp.script(|script| {
            script.challenge = Some(format!("Bearer resource_metadata=\"{address}\""));
        });
        let (_, code) = scene.start().await.problem();
        assert_eq!(code, "egress_refused", "{address}");
    }
    assert!(scene.authorization_server.log().is_empty());
}

#[tokio::test]
async fn quirk_13_a_token_does_not_follow_a_redirect() {
    let scene = Scene::signed_in().await;
    let other = McpServer::open().await;
    scene.mcp.script(|script| {
        for method in ["tools/call", "initialize", "server/discover"] {
            script.fault_on.insert(method.to_owned(), Fault::Redirect(other.url()));
        }
    });
    assert!(scene.whoami().await.status.is_server_error());
    assert!(other.log().is_empty());
}

#[tokio::test]
async fn quirk_25_a_new_address_of_another_origin_ends_the_grant() {
    let scene = Scene::signed_in().await;
    let other = McpServer::protected_by(&scene.authorization_server).await;
    let change = json!({"url": other.url()});
    scene.api.patch("/api/v1/connectors/notes", change).await.expect(200);
    assert_ne!(scene.state().await.0, "ready");
    assert_eq!(scene.whoami().await.status, 409);
    assert!(other.log().matching(|request| request.bearer().is_some()).is_empty());
}

#[tokio::test]
async fn quirk_25_a_refresh_token_is_not_taken_to_another_issuer() {
    let scene = Scene::signed_in().await;
    let other = AuthorizationServer::start().await;
    scene.mcp.script(|script| script.metadata = json!({"authorization_servers": [other.issuer()]}));
    scene.advance(3600);
    scene.whoami().await;
    assert!(other.log().token_requests().is_empty());
    for request in scene.authorization_server.log().refreshes() {
        assert_eq!(request.path, "/token");
    }
}
