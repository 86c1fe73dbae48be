//! The operator's catalog: presets, clients that go to the servers they are for and to nobody else,
//! parameters, and exceptions that hold for one issuer.

use keyway_tests::{
    api::Api,
    authorization_server::{AuthorizationServer, Iss, RegistrationPolicy},
    browser::Browser,
    keyway::{self, Keyway},
    log::Recorded,
    mcp_server::McpServer,
    settings::Settings,
};
use serde_json::{Value, json};

/// A Keyway with a catalog that is written once the servers' addresses are known. The connector `notes`
/// points at the MCP server, whose authorization server registers nobody.
struct Stage {
    keyway: Keyway,
    server: AuthorizationServer,
    mcp: McpServer,
    api: Api,
}

impl Stage {
    /// `entry` is the section of the authorization server; `{mcp}` in it is the MCP server's origin.
    async fn with(entry: &str) -> Self {
        let (server, mcp, keyway) = Self::servers(entry, "").await;
        server.script(|script| script.registration_policy = RegistrationPolicy::Absent);
        let api = keyway.api();
        let redirect_uri = format!("{}/oauth/callback", keyway.origin());
        server.register_client("catalogs", Some("hush"), &redirect_uri);
        api.create_oauth("notes", &mcp.url()).await;
        Self { keyway, server, mcp, api }
    }

    /// `suffix` makes the section one of another issuer.
    async fn servers(entry: &str, suffix: &str) -> (AuthorizationServer, McpServer, Keyway) {
        let server = AuthorizationServer::start().await;
        let mcp = McpServer::protected_by(&server).await;
        let entry = entry.replace("{mcp}", mcp.origin());
        let text = format!("[issuer.\"{}{suffix}\"]\n{entry}\n", server.issuer());
        let kind = |directory: &_| {
            let mut settings = Settings::single_user(directory);
            settings.catalog(directory, &text);
            settings
        };
        let keyway = Keyway::start(kind, |_| {}).await;
        (server, mcp, keyway)
    }

    async fn sign_in(&self) -> Recorded {
        let (authorize_url, session) = self.api.start_sign_in("notes").await;
        Browser::of("alice").sign_in(&authorize_url).await;
        let session = self.api.session(&session).await;
        assert_eq!(session["status"], "finished", "{session}");
        self.server.log().to("/authorize").remove(0)
    }
}

const CLIENT: &str = r#"
    client_id = "catalogs"
    client_secret_file = "secret"
    origins = ["{mcp}"]
    scopes = ["notes:read", "offline_access"]
    parameters = { access_type = "offline", prompt = "consent" }
"#;

#[tokio::test]
async fn a_server_at_a_named_origin_is_signed_in_to_with_the_catalogs_client() {
    let stage = Stage::with(CLIENT).await;
    let asked = stage.sign_in().await;
    assert_eq!(asked.query("client_id").as_deref(), Some("catalogs"));
    assert_eq!(asked.query("access_type").as_deref(), Some("offline"));
    assert_eq!(asked.query("prompt").as_deref(), Some("consent"));
    let connector = stage.api.connector("notes").await;
    assert_eq!(connector["oauth"]["registration"], "preregistered");
    assert!(!stage.api.get("/api/v1/connectors").await.text().contains("hush"));
}

#[tokio::test]
async fn a_hostile_server_that_names_the_issuer_is_not_given_the_client() {
    let stage = Stage::with(CLIENT).await;
    let hostile = McpServer::protected_by(&stage.server).await;
    stage.api.create_oauth("hostile", &hostile.url()).await;
    let refused = stage.api.start("hostile", json!({})).await;
    assert_eq!(refused.problem(), (422, "client_id_needed".to_owned()));
    let probed = stage.api.post("/api/v1/connectors/probe", json!({"url": hostile.url()})).await;
    assert_eq!(probed.expect(200)["outcome"], "client_needed");
    let own = stage.api.post("/api/v1/connectors/probe", json!({"url": stage.mcp.url()})).await;
    assert_eq!(own.expect(200)["oauth"]["registration"], "preregistered");
}

#[tokio::test]
async fn a_server_that_asks_for_more_than_the_entry_lists_gets_what_it_lists() {
    for (challenged, expected) in
        [("notes:read notes:write", "notes:read offline_access"), ("admin", "offline_access")]
    {
        let stage = Stage::with(CLIENT).await;
        stage.mcp.script(|script| script.challenge_scope = Some(challenged.to_owned()));
        assert_eq!(stage.sign_in().await.query("scope").as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_client_that_was_typed_in_comes_first_and_is_not_capped() {
    let stage = Stage::with(CLIENT).await;
    let redirect_uri = format!("{}/oauth/callback", stage.keyway.origin());
    stage.server.register_client("typed", None, &redirect_uri);
    let typed = json!({"oauth": {"client_id": "typed", "scopes": ["notes:write"]}});
    stage.api.patch("/api/v1/connectors/notes", typed).await.expect(200);
    let asked = stage.sign_in().await;
    assert_eq!(asked.query("client_id").as_deref(), Some("typed"));
    assert_eq!(asked.query("scope").as_deref(), Some("notes:write offline_access"));
}

#[tokio::test]
async fn a_resource_that_is_to_be_omitted_is_named_on_no_leg() {
    let stage = Stage::with(&format!("{CLIENT} resource_mode = \"omit\"")).await;
    assert_eq!(stage.sign_in().await.query("resource"), None);
    stage.keyway.advance(std::time::Duration::from_secs(3590));
    stage.api.call("notes", "whoami", json!({})).await.expect(200);
    let requests = stage.server.log().token_requests();
    assert_eq!(requests.len(), 2, "an exchange and a refresh");
    assert!(requests.iter().all(|request| request.form("resource").is_none()));
}

#[tokio::test]
async fn another_spelling_of_an_issuer_is_taken_only_where_the_catalog_names_it() {
    let other = "https://spelled.example/otherwise";
    let entry = format!("accept_issuer = \"{other}\"");
    for (suffix, expected) in [("", "finished"), ("/", "issuer_mismatch")] {
        let (server, mcp, keyway) = Stage::servers(&entry, suffix).await;
        server.script(|script| {
            script.metadata = json!({"issuer": other});
            script.iss = Iss::Other(other.to_owned());
        });
        assert_eq!(outcome(&keyway, &mcp).await, expected, "{suffix:?}");
    }
}

#[tokio::test]
async fn silence_about_s256_is_taken_only_from_the_issuer_the_catalog_names() {
    for (suffix, expected) in [("", "finished"), ("/", "pkce_unsupported")] {
        let (server, mcp, keyway) = Stage::servers("allow_missing_s256 = true", suffix).await;
        server.script(|script| script.metadata = json!({"code_challenge_methods_supported": null}));
        assert_eq!(outcome(&keyway, &mcp).await, expected, "{suffix:?}");
    }
}

/// How a sign-in ends: its status, or the code of the problem with which it is refused.
async fn outcome(keyway: &Keyway, mcp: &McpServer) -> String {
    let api = keyway.api();
    api.create_oauth("notes", &mcp.url()).await;
    let started = api.start("notes", json!({})).await;
    let Some(url) = started.json()["authorize_url"].as_str().map(str::to_owned) else {
        return started.problem().1;
    };
    Browser::of("alice").sign_in(&url).await;
    let id = started.json()["authorization_session_id"].as_str().unwrap_or_default().to_owned();
    api.session(&id).await["status"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_presets_are_ours_with_the_operators_laid_over_them() {
    let text = r#"
        [preset.notion]
        name = "Our Notion"
        url = "https://notion.example/mcp"
        [preset.wiki]
        name = "Wiki"
        url = "https://wiki.example/mcp"
        registration_help_url = "https://wiki.example/register"
    "#;
    let kind = |directory: &_| {
        let mut settings = Settings::single_user(directory);
        settings.catalog(directory, text);
        settings
    };
    let keyway = Keyway::start(kind, |_| {}).await;
    let catalog = keyway.api().get("/api/v1/catalog").await.expect(200);
    let presets = catalog["presets"].as_array().cloned().unwrap_or_default();
    let preset = |id: &str| presets.iter().find(|preset| preset["id"] == id).cloned();
    assert_eq!(preset("notion").unwrap_or_default()["name"], "Our Notion");
    assert_eq!(preset("github").unwrap_or_default()["client"], "by_hand");
    let wiki = json!({"id": "wiki", "name": "Wiki", "description": Value::Null,
        "url": "https://wiki.example/mcp", "icon": Value::Null, "scopes": [],
        "registration_help_url": "https://wiki.example/register", "client": "by_hand"});
    assert_eq!(preset("wiki"), Some(wiki));
}

#[tokio::test]
async fn a_catalog_with_mistakes_keeps_keyway_from_starting_and_names_their_lines() {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let mut settings = Settings::single_user(&directory);
    settings.catalog(&directory, "[preset.wiki]\nname = \"Wiki\"\ncolour = \"red\"\n");
    let clock = keyway_model::Clock::system();
    let Err(error) = keyway::start(&settings, clock).await else { panic!("it started") };
    let text = error.to_string();
    for part in ["KEYWAY_CATALOG", "catalog.toml, line 1: url is missing", "line 3"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
