//! Clients: registrations that the server forgot, servers that register nobody, and ways of authenticating
//! that are not those announced.

use keyway_tests::{
    authorization_server::RegistrationPolicy,
    fault::Fault,
    scene::{NOTES, Scene},
    settings::Settings,
};
use serde_json::{Value, json};

use super::{assert_reauth, failed_sign_in};

fn registrations(scene: &Scene) -> usize {
    scene.authorization_server.log().to("/register").len()
}

/// A server without registration; the client `by-hand` has this secret there and here.
async fn with_client_by_hand(secret: &str) -> Scene {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::Absent;
    });
    let redirect_uri = scene.start().await.expect(422)["redirect_uri"].clone();
    let redirect_uri = redirect_uri.as_str().expect("a redirect URI");
    scene.authorization_server.register_client("by-hand", Some(secret), redirect_uri);
    let client = json!({"oauth": {"client_id": "by-hand", "client_secret": secret}});
    scene.api.patch("/api/v1/connectors/notes", client).await.expect(200);
    scene
}

#[tokio::test]
async fn quirk_02_a_registration_that_the_exchange_finds_dead_is_made_anew() {
    for fault in
        [Fault::oauth_error(401, "invalid_client"), Fault::oauth_error(400, "invalid_client")]
    {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.token_fault = Some(fault));
        assert_eq!(failed_sign_in(&scene).await["code"], "registration_failed");
        scene.authorization_server.script(|script| script.token_fault = None);
        scene.sign_in().await;
        assert_eq!(registrations(&scene), 2);
        scene.assert_works().await;
    }
}

#[tokio::test]
async fn quirk_02_a_registration_is_made_anew_after_a_refusal_that_is_no_oauth_error() {
    let scene = Scene::new().await;
    let body = r#"{"message":"Unrecognized client_id"}"#.to_owned();
    let json = vec![("content-type", "application/json".to_owned())];
    scene.authorization_server.script(|script| {
        script.token_faults.push_back(Fault::Answer(422, json, body));
    });
    assert_eq!(failed_sign_in(&scene).await["code"], "exchange_failed");
    scene.sign_in().await;
    assert_eq!(registrations(&scene), 2);
}

#[tokio::test]
async fn quirk_02_a_registration_that_the_refresh_finds_dead_is_made_anew() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.forget_clients();
    scene.advance(3600);
    assert_reauth(&scene, "registration_rejected").await;
    scene.sign_in().await;
    assert_eq!(registrations(&scene), 2);
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_02_a_dead_end_at_the_sign_in_page_is_left_by_forgetting_the_registration() {
    let scene = Scene::new().await;
    scene.start().await.expect(200);
    scene.authorization_server.forget_clients();
    let (authorize_url, _) = scene.api.start_sign_in(NOTES).await;
    let page = scene.browser.open(&authorize_url).await;
    assert!(page.text.contains("not registered"), "{}", page.text);
    let path = "/api/v1/connectors/notes/oauth?forget_registration=true";
    scene.api.delete(path).await.expect(204);
    scene.sign_in().await;
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_02_a_secret_that_has_ended_is_replaced_before_it_is_sent() {
    let scene = Scene::new().await;
    let end = scene.keyway.clock().now().as_seconds() + 60;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::ConfidentialOnly;
        script.registration = json!({"client_secret_expires_at": end});
    });
    scene.start().await.expect(200);
    scene.advance(61);
    scene.authorization_server.script(|script| script.registration = json!({}));
    scene.sign_in().await;
    assert_eq!(registrations(&scene), 2);
}

#[tokio::test]
async fn quirk_05_a_server_that_registers_nobody_asks_for_a_client_and_shows_what_to_register() {
    let scene = with_client_by_hand("hush").await;
    scene.sign_in().await;
    assert_eq!(scene.connector().await["oauth"]["registration"], "preregistered");
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_05_the_secret_of_a_client_by_hand_goes_along_at_the_refresh_too() {
    let scene = with_client_by_hand("hush").await;
    scene.sign_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    let requests = scene.authorization_server.log().token_requests();
    assert!(requests.len() == 2 && requests.iter().all(|r| r.header("authorization").is_some()));
}

#[tokio::test]
async fn quirk_15_the_redirect_uri_is_the_configured_one_whatever_a_proxy_says() {
    let scene = Scene::tokens().await;
    let path = "/api/v1/connectors/notes/oauth/start";
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
    ] {
        let start = scene.api.request(http::Method::POST, path).header(name, value);
        let started = scene.api.send(start.json(&json!({}))).await.expect(200);
        let launch = started["authorize_url"].as_str().unwrap_or_default();
        assert!(launch.starts_with(scene.keyway.origin()), "{launch}");
        let page = scene.browser.peek(launch).await;
        let asked = page.location().expect("the authorization server");
        let uri = asked.query_pairs().find(|(name, _)| name == "redirect_uri").expect("one").1;
        assert_eq!(uri, format!("{}/oauth/callback", scene.keyway.origin()));
    }
}

#[tokio::test]
async fn quirk_16_the_method_in_the_registrations_answer_governs() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::ConfidentialOnly;
        script.metadata = json!({"token_endpoint_auth_methods_supported": ["client_secret_basic"]});
    });
    scene.sign_in().await;
    let exchange = &scene.authorization_server.log().token_requests()[0];
    assert!(exchange.form("client_secret").is_some() && exchange.header("authorization").is_none());
}

#[tokio::test]
async fn quirk_16_a_secret_that_is_refused_one_way_is_sent_the_other_way_once() {
    let scene = with_client_by_hand("hush").await;
    scene.authorization_server.script(|script| {
        script.only_auth_method = Some("client_secret_post");
    });
    scene.sign_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    let requests = scene.authorization_server.log().token_requests();
    let posted: Vec<_> = requests.iter().map(|r| r.form("client_secret").is_some()).collect();
    assert_eq!(posted, [false, true, true], "what worked is remembered for the refresh");
}

#[tokio::test]
async fn quirk_16_a_secret_that_is_refused_both_ways_is_not_sent_a_third_time() {
    let scene = with_client_by_hand("hush").await;
    scene.authorization_server.script(|script| script.only_auth_method = Some("none"));
    assert_eq!(failed_sign_in(&scene).await["code"], "registration_failed");
    assert_eq!(scene.exchanges(), 2);
}

#[tokio::test]
async fn quirk_16_a_method_that_nobody_knows_is_told_and_crashes_nothing() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration = json!({"token_endpoint_auth_method": "moon_phase"});
    });
    let refused = scene.start().await;
    assert_eq!(refused.problem(), (502, "registration_failed".to_owned()));
    assert!(refused.text().contains("moon_phase"), "{}", refused.text());
}

#[tokio::test]
async fn quirk_16_a_secret_of_odd_characters_arrives_as_it_is() {
    let scene = with_client_by_hand("a:b+c%20/=&d").await;
    scene.sign_in().await;
    scene.assert_works().await;
}

#[tokio::test]
async fn quirk_31_a_server_that_registers_no_more_clients_for_now_is_told_as_that() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_fault = Some(Fault::retry_after(429, "60"));
    });
    assert_eq!(scene.start().await.problem(), (504, "provider_unreachable".to_owned()));
    scene.authorization_server.script(|script| script.registration_fault = None);
    scene.sign_in().await;
}

#[tokio::test]
async fn quirk_31_all_connectors_of_an_issuer_can_share_one_registration() {
    let share = |settings: &mut Settings| {
        settings.set("KEYWAY_REGISTRATION", "per_issuer");
    };
    let scene = Scene::set(Settings::single_user, share).await;
    scene.api.create_oauth("more", &scene.mcp.url()).await;
    scene.sign_in().await;
    scene.api.start("more", Value::Object(serde_json::Map::new())).await.expect(200);
    assert_eq!(registrations(&scene), 1);
}
