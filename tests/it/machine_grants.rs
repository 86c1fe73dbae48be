//! Grants without a person: Keyway fetches tokens by itself, anew when they end, and says when it cannot.

use futures_util::future::join_all;
use keyway_tests::{
    authorization_server::AuthorizationServer,
    fault::Fault,
    scene::{NOTES, Scene},
    settings::Settings,
    until::until,
};
use serde_json::{Value, json};

const PRIVATE_KEY: &str = include_str!("../../crates/oauth/src/assertion/keys/p256.pem");
const PUBLIC_KEY: &str = include_str!("../../crates/oauth/src/assertion/keys/p256.pub.pem");
const SECRET: &str = "hush-hush";

/// A connector with these OAuth settings; nothing was fetched yet.
async fn scene(oauth: Value) -> Scene {
    let scene = Scene::without_connector(Settings::single_user, |_| {}).await;
    scene.authorization_server.register_client("machine", Some(SECRET), "https://unused.example/");
    scene.authorization_server.register_signing_client("signer", PUBLIC_KEY);
    scene.authorization_server.register_client("workload", None, "https://unused.example/");
    let created = scene.api.create(connector(&scene, &oauth)).await.expect(201);
    assert_eq!(
        (&created["auth_type"], &created["state"]),
        (&"oauth".into(), &"sign_in_required".into())
    );
    scene
}

fn connector(scene: &Scene, oauth: &Value) -> Value {
    json!({"url": scene.mcp.url(), "slug": NOTES, "oauth": oauth})
}

fn with_secret() -> Value {
    json!({"grant": "client_credentials", "client_id": "machine", "client_secret": SECRET})
}

fn with_key() -> Value {
    json!({"grant": "client_credentials", "client_id": "signer", "private_key": PRIVATE_KEY,
        "signing_algorithm": "ES256"})
}

fn workload() -> Value {
    json!({"grant": "workload_identity", "client_id": "workload", "assertion": "the-assertion"})
}

async fn assert_acts_for(scene: &Scene, user: &str) {
    let result = scene.whoami().await.expect(200);
    assert_eq!(result["content"][0]["text"], user, "{result}");
}

fn grant_types(scene: &Scene) -> Vec<String> {
    let sent = scene.authorization_server.log().token_requests();
    sent.iter().filter_map(|request| request.form("grant_type")).collect()
}

#[tokio::test]
async fn a_call_fetches_the_first_token_by_itself_over_rest_and_through_the_proxy() {
    for oauth in [with_secret(), with_key()] {
        let scene = scene(oauth.clone()).await;
        let user = oauth["client_id"].as_str().expect("a client id");
        let mut client = scene.api.mcp(NOTES);
        client.initialize().await.expect(200);
        client.call("whoami", "{}").await.expect(200);
        assert_acts_for(&scene, user).await;
        assert_eq!(grant_types(&scene), ["client_credentials"]);
        let sent = scene.authorization_server.log().token_requests();
        assert_eq!(sent[0].form("resource"), Some(scene.mcp.url()));
        let shown = scene.connector().await;
        assert_eq!(
            (&shown["state"], &shown["oauth"]["refreshable"]),
            (&"ready".into(), &true.into())
        );
        assert_eq!(shown["oauth"]["issuer"], scene.authorization_server.issuer());
        assert_eq!(shown["oauth"]["registration"], "preregistered");
    }
}

#[tokio::test]
async fn a_server_of_machines_needs_neither_an_authorization_endpoint_nor_pkce() {
    let scene = scene(with_secret()).await;
    let machines_only =
        json!({"authorization_endpoint": null, "code_challenge_methods_supported": null});
    scene.authorization_server.script(|script| script.metadata = machines_only);
    assert_acts_for(&scene, "machine").await;
    let told = scene.api.post("/api/v1/connectors/notes/diagnose", json!({})).await.expect(200);
    assert!(!told["summary"].as_str().unwrap_or_default().contains("cannot"), "{told}");
}

#[tokio::test]
async fn a_start_fetches_a_token_and_needs_no_browser() {
    let scene = scene(with_secret()).await;
    for _ in 0..2 {
        assert_eq!(scene.start().await.expect(200), json!({"already_authorized": true}));
    }
    assert_eq!(scene.state().await.0, "ready");
    assert_eq!(grant_types(&scene).len(), 1);
}

#[tokio::test]
async fn a_hundred_calls_at_once_fetch_one_token_at_first_and_one_at_each_expiry() {
    let scene = scene(with_key()).await;
    scene.mcp.script(|script| script.sessions = false);
    for fetched in 1..=3 {
        let calls = join_all((0..100).map(|_| scene.whoami())).await;
        assert!(calls.iter().all(|answer| answer.status == 200), "{}", calls[0].text());
        assert_eq!(grant_types(&scene).len(), fetched);
        scene.advance(3600);
    }
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_fetched_anew_once() {
    let scene = scene(with_secret()).await;
    assert_acts_for(&scene, "machine").await;
    scene.authorization_server.kill_access_tokens();
    assert_acts_for(&scene, "machine").await;
    assert_eq!(grant_types(&scene).len(), 2);
}

#[tokio::test]
async fn a_client_that_is_refused_marks_the_connector_until_its_secret_is_right() {
    let scene = scene(
        json!({"grant": "client_credentials", "client_id": "machine", "client_secret": "wrong"}),
    )
    .await;
    let refused = scene.start().await;
    assert_eq!(refused.problem(), (502, "provider_refused".to_owned()));
    assert_eq!(refused.json()["provider_code"], "invalid_client");
    assert_eq!(scene.state().await, ("reauth_required".into(), "registration_rejected".into()));
    assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    let right = json!({"oauth": {"client_secret": SECRET}});
    scene.api.patch("/api/v1/connectors/notes", right).await.expect(200);
    assert_acts_for(&scene, "machine").await;
}

#[tokio::test]
async fn a_refused_renewal_marks_the_connector() {
    for (error, reason) in
        [("invalid_grant", "refresh_rejected"), ("unauthorized_client", "registration_rejected")]
    {
        let scene = scene(with_secret()).await;
        assert_acts_for(&scene, "machine").await;
        scene
            .authorization_server
            .script(|script| script.token_fault = Some(Fault::oauth_error(400, error)));
        scene.advance(3600);
        assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
        assert_eq!(scene.state().await, ("reauth_required".into(), reason.into()));
    }
}

#[tokio::test]
async fn an_authorization_server_that_fails_for_a_moment_costs_no_sign_in() {
    let scene = scene(with_secret()).await;
    scene.authorization_server.script(|script| script.token_faults.push_back(Fault::Status(503)));
    assert_eq!(scene.whoami().await.problem(), (504, "provider_unreachable".to_owned()));
    assert_eq!(scene.state().await.0, "sign_in_required");
    assert_acts_for(&scene, "machine").await;
}

#[tokio::test]
async fn a_workloads_assertion_is_presented_once_and_no_other_grant_is_tried() {
    let scene = scene(workload()).await;
    assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    assert_eq!(grant_types(&scene), ["urn:ietf:params:oauth:grant-type:jwt-bearer"]);
    assert_eq!(scene.state().await, ("reauth_required".into(), "refresh_rejected".into()));
    scene.authorization_server.script(|script| {
        script.assertions.insert("another-assertion".into(), "robot".into());
    });
    let another = json!({"oauth": {"assertion": "another-assertion"}});
    scene.api.patch("/api/v1/connectors/notes", another).await.expect(200);
    assert_acts_for(&scene, "robot").await;
}

#[tokio::test]
async fn an_enterprise_vouches_for_its_person() {
    let idp = AuthorizationServer::start().await;
    idp.register_client("at-the-idp", None, "https://unused.example/");
    idp.script(|script| _ = script.id_tokens.insert("the-id-token".into(), "alice".into()));
    let oauth = json!({"grant": "enterprise_managed", "client_id": "machine", "client_secret": SECRET,
        "idp_issuer": idp.issuer(), "idp_client_id": "at-the-idp", "idp_id_token": "the-id-token",
        "idp_token_endpoint": format!("{}/token", idp.issuer())});
    let scene = scene(oauth).await;
    scene.assert_works().await;
    let asked = idp.log().token_requests();
    assert_eq!(asked[0].form("audience").as_deref(), Some(scene.authorization_server.issuer()));
    assert_eq!(asked[0].form("resource"), Some(scene.mcp.url()));
    scene.advance(3600);
    scene.assert_works().await;
    assert_eq!(idp.log().token_requests().len(), 2);
    idp.script(|script| script.id_tokens.clear());
    scene.advance(3600);
    assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    assert_eq!(scene.state().await, ("reauth_required".into(), "refresh_rejected".into()));
}

#[tokio::test]
async fn a_deleted_connector_has_its_token_revoked_by_a_client_that_signs_with_its_own_key() {
    let scene = scene(with_key()).await;
    assert_acts_for(&scene, "signer").await;
    let token = scene.authorization_server.newest_access_token().expect("a token");
    scene.api.delete("/api/v1/connectors/notes").await.expect(204);
    until("the token is revoked", || async { scene.authorization_server.token(&token).is_none() })
        .await;
    let sent = scene.authorization_server.log().to("/revoke");
    assert!(sent[0].form("client_assertion").is_some());
}

#[tokio::test]
async fn no_answer_shows_what_was_typed_in() {
    for oauth in [with_secret(), with_key(), workload()] {
        let scene = scene(oauth).await;
        let answers = [
            scene.start().await.text(),
            scene.whoami().await.text(),
            scene.api.get("/api/v1/connectors").await.text(),
            scene.api.patch("/api/v1/connectors/notes", json!({"name": "N"})).await.text(),
        ];
        let key_line = PRIVATE_KEY.lines().nth(1).expect("a key");
        for secret in [SECRET, key_line, "the-assertion"] {
            assert!(answers.iter().all(|answer| !answer.contains(secret)), "{answers:?}");
        }
    }
}

#[tokio::test]
async fn a_grant_that_lacks_what_it_needs_is_refused_with_its_name() {
    let scene = Scene::without_connector(Settings::single_user, |_| {}).await;
    for (oauth, missing) in [
        (json!({"grant": "client_credentials", "client_secret": "s"}), "oauth.client_id"),
        (json!({"grant": "client_credentials", "client_id": "c"}), "oauth.client_secret"),
        (
            json!({"grant": "client_credentials", "client_id": "c", "private_key": PRIVATE_KEY}),
            "oauth.signing_algorithm",
        ),
        (
            json!({"grant": "client_credentials", "client_id": "c", "private_key": PRIVATE_KEY, "signing_algorithm": "RS256"}),
            "oauth.private_key",
        ),
        (
            json!({"grant": "client_credentials", "client_id": "c", "private_key": PRIVATE_KEY, "signing_algorithm": "HS256"}),
            "ES256",
        ),
        (json!({"grant": "workload_identity"}), "oauth.assertion"),
        (json!({"grant": "workload_identity", "assertion": "a b"}), "oauth.assertion"),
        (json!({"grant": "enterprise_managed", "client_id": "c"}), "oauth.idp_issuer"),
        (json!({"private_key": PRIVATE_KEY, "signing_algorithm": "ES256"}), "private_key_jwt"),
    ] {
        let refused = scene.api.create(connector(&scene, &oauth)).await;
        assert_eq!(refused.problem(), (400, "invalid_request".to_owned()), "{}", refused.text());
        let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(missing), "{detail}");
        assert!(!detail.contains("PRIVATE KEY"), "{detail}");
    }
}
