//! Signing in, from the start to the page that closes, with every kind of server; and signing out.

use keyway_tests::{
    authorization_server::{AccessTokens, MetadataPlaces, RegistrationPolicy},
    fault::Fault,
    mcp_server::{Eras, MetadataAt},
    scene::{NOTES, Scene},
};
use serde_json::json;

#[tokio::test]
async fn a_sign_in_from_start_to_call() {
    let scene = Scene::new().await;
    let page = scene.sign_in().await;
    assert_eq!(page.status, 200);
    assert!(page.url.path().starts_with("/oauth/done/"), "{}", page.url);
    assert_eq!(page.url.query(), None);

    let connector = scene.connector().await;
    assert_eq!(
        (&connector["state"], &connector["oauth"]["authorized"]),
        (&json!("ready"), &json!(true))
    );
    assert_eq!(connector["oauth"]["issuer"], scene.authorization_server.issuer());
    assert_eq!(connector["oauth"]["registration"], "dynamic");
    assert_eq!(connector["oauth"]["refreshable"], true);
    scene.assert_works().await;
}

#[tokio::test]
async fn resource_and_pkce_go_along_on_every_leg() {
    let scene = Scene::signed_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    let log = scene.authorization_server.log();
    let asked = &log.to("/authorize")[0];
    assert_eq!(asked.query("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(asked.query("resource"), Some(scene.mcp.url()));
    for request in log.token_requests() {
        assert_eq!(request.form("resource"), Some(scene.mcp.url()));
    }
}

#[tokio::test]
async fn the_scopes_of_the_challenge_are_asked_for_and_offline_access_where_it_is_listed() {
    let scene = Scene::new().await;
    scene.mcp.script(|script| {
        script.challenge_scope = Some("notes:read".to_owned());
        script.metadata = json!({"scopes_supported": ["everything"]});
    });
    scene.sign_in().await;
    let scope = scene.authorization_server.log().to("/authorize")[0].query("scope");
    assert_eq!(scope.as_deref(), Some("notes:read offline_access"));
}

#[tokio::test]
async fn the_pages_of_a_sign_in_hold_no_secret() {
    let scene = Scene::new().await;
    let page = scene.sign_in().await;
    for secret in scene.authorization_server.secrets() {
        assert!(!page.text.contains(&secret));
        let keyways = page.trail.iter().filter(|url| url.path().starts_with("/oauth/done"));
        keyways.for_each(|url| assert!(!url.as_str().contains(&secret)));
    }
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_reload_of_the_last_page_says_that_it_was_shown() {
    let scene = Scene::new().await;
    let first = scene.sign_in().await;
    let again = scene.browser.open(first.url.as_str()).await;
    assert_ne!(first.text, again.text);
}

#[tokio::test]
async fn metadata_is_found_wherever_a_server_may_put_it() {
    let everywhere = [
        MetadataAt { path: true, root: false, custom: false },
        MetadataAt { path: false, root: true, custom: false },
        MetadataAt { path: false, root: false, custom: true },
    ];
    for metadata_at in everywhere {
        for places in [MetadataPlaces::OAuth, MetadataPlaces::OpenId] {
            let scene = Scene::new().await;
            scene.mcp.script(|script| {
                script.metadata_at = metadata_at;
                script.challenge_names_metadata = metadata_at.custom;
            });
            scene.authorization_server.script(|script| script.metadata_at = places);
            scene.sign_in().await;
        }
    }
}

#[tokio::test]
async fn servers_that_refuse_only_some_methods_can_be_signed_in_to() {
    for methods in [vec!["tools/list", "tools/call"], vec!["tools/list"]] {
        for eras in [Eras::Handshake, Eras::Stateless, Eras::Both] {
            let scene = Scene::new().await;
            scene.mcp.script(|script| {
                script.eras = eras;
                script.protected_methods = Some(methods.iter().map(|m| (*m).to_owned()).collect());
            });
            scene.sign_in().await;
        }
    }
}

#[tokio::test]
async fn a_server_for_confidential_clients_is_shown_the_secret_it_gave() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::ConfidentialOnly;
    });
    scene.sign_in().await;
    let exchange = &scene.authorization_server.log().token_requests()[0];
    assert!(exchange.form("client_secret").is_some());
}

#[tokio::test]
async fn a_server_without_registration_asks_for_a_client_id_and_takes_it() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.registration_policy = RegistrationPolicy::Absent;
    });
    let refused = scene.start().await;
    assert_eq!(refused.problem(), (422, "client_id_needed".to_owned()));
    let redirect_uri = refused.json()["redirect_uri"].as_str().expect("a redirect URI").to_owned();
    scene.authorization_server.register_client("by-hand", Some("hush"), &redirect_uri);
    let change = json!({"oauth": {"client_id": "by-hand", "client_secret": "hush"}});
    scene.api.patch("/api/v1/connectors/notes", change).await.expect(200);
    scene.sign_in().await;
    assert_eq!(scene.connector().await["oauth"]["registration"], "preregistered");
}

#[tokio::test]
async fn an_error_in_a_200_fails_the_exchange() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        let error = Fault::oauth_error(200, "invalid_grant");
        script.token_fault = Some(error);
    });
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    assert_eq!(scene.browser.sign_in(&authorize_url).await.status, 400);
    let session = scene.api.session(&session).await;
    assert_eq!(
        (&session["status"], &session["code"]),
        (&json!("failed"), &json!("exchange_failed"))
    );
}

#[tokio::test]
async fn a_token_answer_that_is_odd_but_clear_is_taken() {
    for (token, form_encoded) in [
        (json!({"expires_in": "3600"}), false),
        (json!({"expires_in": null}), false),
        (json!({"expires_in": 0}), false),
        (json!({"token_type": "bearer", "scope": null}), false),
        (json!({}), true),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| {
            script.token = token;
            script.form_encoded = form_encoded;
        });
        scene.sign_in().await;
        scene.assert_works().await;
        assert_eq!(scene.refreshes(), 0);
    }
}

#[tokio::test]
async fn a_token_answer_that_cannot_be_used_is_not_stored() {
    for token in [
        json!({"access_token": null}),
        json!({"access_token": ""}),
        json!({"access_token": "a\r\nX-Evil: b"}),
        json!({"token_type": "mac"}),
    ] {
        let scene = Scene::new().await;
        scene.authorization_server.script(|script| script.token = token.clone());
        let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
        assert_eq!(scene.browser.sign_in(&authorize_url).await.status, 400, "{token}");
        assert_eq!(scene.api.session(&session).await["code"], "exchange_failed", "{token}");
        assert_eq!(scene.connector().await["oauth"]["authorized"], false);
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_never_sent() {
    let scene = Scene::new().await;
    scene.authorization_server.script(|script| {
        script.access_tokens = AccessTokens::Jwt(Some("https://other.example".to_owned()));
    });
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    scene.browser.sign_in(&authorize_url).await;
    assert_eq!(scene.api.session(&session).await["status"], "failed");
    let sent = scene.mcp.log().matching(|request| request.bearer().is_some());
    assert!(sent.is_empty());
}

#[tokio::test]
async fn signing_out_revokes_and_asks_to_sign_in() {
    let scene = Scene::signed_in().await;
    scene.api.delete("/api/v1/connectors/notes/oauth").await.expect(204);
    assert_eq!(scene.state().await, ("sign_in_required".to_owned(), String::new()));
    assert_eq!(scene.whoami().await.problem(), (409, "sign_in_required".to_owned()));
    let log = scene.authorization_server.log();
    log.wait_until(|seen| seen.iter().any(|request| request.path == "/revoke")).await;
    let registrations = log.to("/register").len();
    scene.sign_in().await;
    assert_eq!(log.to("/register").len(), registrations, "the registration is kept");
}

#[tokio::test]
async fn a_forgotten_registration_is_made_anew() {
    let scene = Scene::signed_in().await;
    scene.authorization_server.forget_clients();
    let path = "/api/v1/connectors/notes/oauth?forget_registration=true";
    scene.api.delete(path).await.expect(204);
    scene.sign_in().await;
    assert_eq!(scene.authorization_server.log().to("/register").len(), 2);
}
