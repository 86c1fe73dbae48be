//! The usual stage: a Keyway in this process, an authorization server and an MCP server that go by the
//! same clock, a person's browser and a caller.

use std::time::Duration;

use keyway_model::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    api::{Answer, Api},
    authorization_server::AuthorizationServer,
    browser::{Browser, Page},
    keyway::Keyway,
    mcp_server::McpServer,
    settings::Settings,
};

/// The slug of the scene's connector.
pub const NOTES: &str = "notes";

/// Everybody on stage. The connector `notes` is of type `oauth` and points at the MCP server.
pub struct Scene {
    /// The product.
    pub keyway: Keyway,
    /// Where people sign in.
    pub authorization_server: AuthorizationServer,
    /// What they sign in for.
    pub mcp: McpServer,
    /// The caller: `local`, or `alice` in `tokens` mode.
    pub api: Api,
    /// The caller's browser.
    pub browser: Browser,
}

impl Scene {
    /// `single_user`; the connector exists, nobody signed in.
    pub async fn new() -> Self {
        Self::set(Settings::single_user, |_| {}).await
    }

    /// `single_user`; the user has signed in.
    pub async fn signed_in() -> Self {
        let scene = Self::new().await;
        scene.sign_in().await;
        scene
    }

    /// `tokens`; alice is at the door with the host's JWT, nobody signed in.
    pub async fn tokens() -> Self {
        Self::set(Settings::tokens, |_| {}).await
    }

    /// The stage with settings of the test's own.
    pub async fn set(
        kind: impl FnOnce(&TempDir) -> Settings,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let scene = Self::without_connector(kind, change).await;
        scene.api.create_oauth(NOTES, &scene.mcp.url()).await;
        scene
    }

    /// `single_user`; the issuer has this path, such as `/tenant` or `/`.
    pub async fn with_issuer_at(path: &str) -> Self {
        let scene = Self::stage(Settings::single_user, |_| {}, path).await;
        scene.api.create_oauth(NOTES, &scene.mcp.url()).await;
        scene
    }

    /// The stage before any connector is made.
    pub async fn without_connector(
        kind: impl FnOnce(&TempDir) -> Settings,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::stage(kind, change, "").await
    }

    async fn stage(
        kind: impl FnOnce(&TempDir) -> Settings,
        change: impl FnOnce(&mut Settings),
        issuer_path: &str,
    ) -> Self {
        let (clock, hand) = Clock::manual(Clock::system().now());
        let authorization_server = AuthorizationServer::start_at(issuer_path, clock.clone()).await;
        let mcp = McpServer::protected_by(&authorization_server).await;
        let mut with_credentials = false;
        let keyway = Keyway::start_with_clock(
            kind,
            |settings| {
                change(settings);
                with_credentials = settings.value("KEYWAY_AUTH").as_deref() == Some("tokens");
            },
            clock,
            hand,
        )
        .await;
        let api = if with_credentials { keyway.api_of("alice") } else { keyway.api() };
        let browser = Browser::of("alice");
        if with_credentials {
            browser.hold_session(&api).await;
        }
        Self { keyway, authorization_server, mcp, api, browser }
    }

    /// Starts a sign-in for the connector and carries it through in the browser.
    pub async fn sign_in(&self) -> Page {
        let (authorize_url, session) = self.api.start_sign_in(NOTES).await;
        let page = self.browser.sign_in(&authorize_url).await;
        let session = self.api.session(&session).await;
        assert_eq!(session["status"], "finished", "{session} {}", page.text);
        page
    }

    /// Goes through a sign-in up to the callback: its address, and the authorization session's id.
    pub async fn sign_in_up_to_callback(&self) -> (url::Url, String) {
        let (authorize_url, session) = self.api.start_sign_in(NOTES).await;
        let callback = self.browser.sign_in_up_to(&authorize_url, "/oauth/callback").await;
        (callback, session)
    }

    /// Tries to start a sign-in.
    pub async fn start(&self) -> Answer {
        self.api.start(NOTES, json!({})).await
    }

    /// Calls the tool `whoami` over REST.
    pub async fn whoami(&self) -> Answer {
        self.api.call(NOTES, "whoami", json!({})).await
    }

    /// Calls `whoami`, which must answer with the caller's name.
    pub async fn assert_works(&self) {
        let result = self.whoami().await.expect(200);
        assert_eq!(result["content"][0]["text"], "alice", "{result}");
    }

    /// The connector as it stands.
    pub async fn connector(&self) -> Value {
        self.api.connector(NOTES).await
    }

    /// State and reason of the connector, for one assertion.
    pub async fn state(&self) -> (String, String) {
        let connector = self.connector().await;
        let text = |name: &str| connector[name].as_str().unwrap_or_default().to_owned();
        (text("state"), text("state_reason"))
    }

    /// Moves everybody's clock.
    pub fn advance(&self, seconds: u64) {
        self.keyway.advance(Duration::from_secs(seconds));
    }

    /// How many refreshes the authorization server saw.
    pub fn refreshes(&self) -> usize {
        self.authorization_server.log().refreshes().len()
    }

    /// How many codes were presented to the token endpoint.
    pub fn exchanges(&self) -> usize {
        self.authorization_server.log().token_requests().len() - self.refreshes()
    }
}
