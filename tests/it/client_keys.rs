//! Keyway's own keys as a client (`private_key_jwt`): published, used at every endpoint where the server
//! takes them, and still good after the master keys were rotated.

use http::{Method, header};
use keyway_model::Clock;
use keyway_tests::{
    api::{Api, Credentials},
    authorization_server::{AuthorizationServer, RegistrationPolicy},
    browser::Browser,
    client::client,
    fault::Fault,
    keyway::{Keyway, start},
    log::Recorded,
    mcp_server::McpServer,
    scene::{NOTES, Scene},
    settings::{Settings, master_key},
    until::until,
};
use serde_json::{Value, json};

const KEYS: &str = "/oauth/jwks.json";

fn takes_signatures(server: &AuthorizationServer) {
    server.script(|script| {
        script.metadata = json!({
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        });
    });
}

fn registered_methods(server: &AuthorizationServer) -> Vec<Value> {
    let method = |request: &Recorded| request.json()["token_endpoint_auth_method"].clone();
    server.log().to("/register").iter().map(method).collect()
}

async fn revoked(server: &AuthorizationServer) {
    let token = server.newest_access_token().expect("a token was given out");
    until("the token is revoked", || async { server.token(&token).is_none() }).await;
}

#[tokio::test]
async fn where_the_server_takes_signatures_keyway_signs_at_sign_in_refresh_and_revocation() {
    let scene = Scene::new().await;
    let server = &scene.authorization_server;
    takes_signatures(server);
    scene.sign_in().await;
    scene.advance(3600);
    scene.assert_works().await;
    scene.api.delete("/api/v1/connectors/notes/oauth").await.expect(204);
    revoked(server).await;
    server
        .log()
        .wait_until(|seen| seen.iter().filter(|it| it.path == "/revoke").count() == 2)
        .await;
    assert_eq!(registered_methods(server), ["private_key_jwt"]);
    let sent = server.log().matching(|it| it.path == "/token" || it.path == "/revoke");
    let assertions: Vec<_> = sent.iter().filter_map(|it| it.form("client_assertion")).collect();
    assert_eq!(assertions.len(), 4, "exchange, refresh and two revocations");
    assert!(sent.iter().all(|request| request.form("client_secret").is_none()));
    // The server takes each assertion once.
    let again = format!("{}/revoke", server.origin());
    let body = sent[3].body.clone();
    let form = "application/x-www-form-urlencoded";
    let request = client(std::time::Duration::from_secs(10)).post(again).body(body);
    let answer = request.header(header::CONTENT_TYPE, form).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn the_published_keys_are_public_and_named_by_their_thumbprint() {
    let keyway = Keyway::single_user().await;
    let set = keyway.api().get(KEYS).await.expect(200);
    let key = &set["keys"][0];
    for (name, value) in [("kty", "EC"), ("crv", "P-256"), ("use", "sig"), ("alg", "ES256")] {
        assert_eq!(key[name], value);
    }
    assert_eq!(key["kid"].as_str().map(str::len), Some(43));
    assert!(key["d"].is_null(), "the private part stays");
}

/// A server in which somebody signed in before its master keys were changed, one after the other.
struct Rotation {
    directory: tempfile::TempDir,
    server: AuthorizationServer,
    mcp: McpServer,
    clock: Clock,
    hand: keyway_model::ManualClock,
}

impl Rotation {
    async fn new() -> Self {
        let (clock, hand) = Clock::manual(Clock::system().now());
        let server = AuthorizationServer::start_with_clock(clock.clone()).await;
        let mcp = McpServer::protected_by(&server).await;
        let directory = tempfile::tempdir().expect("there is room for a temporary directory");
        Self { directory, server, mcp, clock, hand }
    }

    /// Runs Keyway with these master keys until the work is done.
    async fn with_keys(&self, keys: &str, work: impl AsyncFnOnce(&Api)) {
        let mut settings = Settings::single_user(&self.directory);
        settings.set("KEYWAY_MASTER_KEYS", keys);
        let running = start(&settings, self.clock.clone()).await.expect("keyway starts");
        let api = Api::new(&running.public_url, Credentials::None);
        self.server.publish_keys("https://keyway.example/keys", api.get(KEYS).await.expect(200));
        work(&api).await;
        running.shutdown().await;
    }

    async fn sign_in(&self, api: &Api) {
        let (authorize_url, session) = api.start_sign_in(NOTES).await;
        Browser::of("alice").sign_in(&authorize_url).await;
        assert_eq!(api.session(&session).await["status"], "finished");
    }

    async fn renew(&self, api: &Api) {
        let before = self.server.log().refreshes().len();
        self.hand.advance(std::time::Duration::from_secs(3600));
        api.call(NOTES, "whoami", json!({})).await.expect(200);
        assert_eq!(self.server.log().refreshes().len(), before + 1);
    }
}

#[tokio::test]
async fn a_client_that_was_registered_before_the_master_keys_were_rotated_still_signs() {
    let stage = Rotation::new().await;
    takes_signatures(&stage.server);
    let (old, new) = (master_key("old"), master_key("new"));
    stage
        .with_keys(&old, async |api| {
            api.create_oauth(NOTES, &stage.mcp.url()).await;
            stage.sign_in(api).await;
        })
        .await;
    stage
        .with_keys(&format!("{new},{old}"), async |api| {
            let set = api.get(KEYS).await.expect(200);
            assert_eq!(set["keys"].as_array().map(Vec::len), Some(2));
            stage.renew(api).await;
            api.delete("/api/v1/connectors/notes/oauth").await.expect(204);
            revoked(&stage.server).await;
        })
        .await;
    assert_eq!(registered_methods(&stage.server), ["private_key_jwt"]);
}

#[tokio::test]
async fn a_client_that_a_person_registered_with_keyways_key_set_signs_also_after_a_rotation() {
    let stage = Rotation::new().await;
    let (old, new) = (master_key("old"), master_key("new"));
    let both = format!("{new},{old}");
    stage
        .with_keys(&old, async |api| {
            let redirect_uri = format!("{}/oauth/callback", api.origin());
            let keys = "https://keyway.example/keys";
            stage.server.register_client_with_keys_at("by-hand", keys, &redirect_uri);
            let oauth =
                json!({"client_id": "by-hand", "token_endpoint_auth_method": "private_key_jwt"});
            let connector = json!({"url": stage.mcp.url(), "slug": NOTES, "oauth": oauth});
            api.create(connector).await.expect(201);
            stage.sign_in(api).await;
        })
        .await;
    stage.with_keys(&both, async |api| stage.renew(api).await).await;
    assert!(registered_methods(&stage.server).is_empty());
}

#[tokio::test]
async fn behind_https_a_registration_names_the_address_of_the_keys() {
    let keyway = Keyway::start(Settings::tokens, |settings| {
        settings.set("KEYWAY_PUBLIC_URL", "https://keyway.example");
    })
    .await;
    let server = AuthorizationServer::start().await;
    takes_signatures(&server);
    let mcp = McpServer::protected_by(&server).await;
    let api = keyway.api_of("alice");
    let post = |path: &str, body: Value| {
        let url = format!("http://{}{path}", keyway.running().listening);
        let request = api.request(Method::POST, "").build().expect("a request");
        let client = client(std::time::Duration::from_secs(10));
        let request = client.post(url).headers(request.headers().clone()).json(&body);
        api.send(request.header(header::HOST, "keyway.example"))
    };
    let connector = json!({"url": mcp.url(), "slug": NOTES, "auth_type": "oauth"});
    post("/api/v1/connectors", connector).await.expect(201);
    post("/api/v1/connectors/notes/oauth/start", json!({})).await.expect(200);
    let asked = server.log().to("/register")[0].json();
    assert_eq!(asked["jwks_uri"], "https://keyway.example/oauth/jwks.json");
    assert!(asked["jwks"].is_null());
    assert_eq!(asked["token_endpoint_auth_signing_alg"], "ES256");
}

#[tokio::test]
async fn a_server_that_registers_nobody_who_signs_gets_a_client_of_another_kind() {
    let scene = Scene::new().await;
    let server = &scene.authorization_server;
    takes_signatures(server);
    server.script(|script| script.registration_policy = RegistrationPolicy::NobodyWhoSigns);
    scene.sign_in().await;
    scene.assert_works().await;
    assert_eq!(registered_methods(server), ["private_key_jwt", "none"]);
}

#[tokio::test]
async fn a_server_that_does_not_take_the_signature_gets_another_client_at_the_next_start() {
    let scene = Scene::new().await;
    let server = &scene.authorization_server;
    takes_signatures(server);
    server.script(|script| {
        script.token_faults.push_back(Fault::oauth_error(401, "invalid_client"));
    });
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    scene.browser.sign_in(&authorize_url).await;
    assert_eq!(scene.api.session(&session).await["code"], "registration_failed");
    scene.sign_in().await;
    assert_eq!(registered_methods(server), ["private_key_jwt", "none"]);
}
