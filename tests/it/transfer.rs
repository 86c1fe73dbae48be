//! `keyway connectors export` and `import`: connectors as an `mcp.json`, beside a running server.

use keyway_tests::{
    authorization_server::AuthorizationServer,
    browser::Browser,
    mcp_server::McpServer,
    process::{self, Ended, Process},
    settings::Settings,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const EXPORT: [&str; 4] = ["connectors", "export", "--user", "local"];
const IMPORT: [&str; 4] = ["connectors", "import", "--user", "local"];

/// A server with a database of its own.
struct Stage {
    process: Process,
    settings: Settings,
    _directory: TempDir,
}

impl Stage {
    async fn set(settings: impl FnOnce(&TempDir) -> Settings) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a temporary directory");
        let settings = settings(&directory);
        let process = Process::serve(&settings, &directory).await;
        Self { process, settings, _directory: directory }
    }

    async fn export(&self) -> Ended {
        process::run(&self.settings, &EXPORT).await
    }

    async fn export_with_secrets(&self) -> Ended {
        let arguments = [&EXPORT[..], &["--with-secrets"]].concat();
        process::run(&self.settings, &arguments).await
    }

    async fn import(&self, file: &str) -> Ended {
        process::run_with_input(&self.settings, &IMPORT, file).await
    }

    /// Connectors of every kind, none of which is contacted.
    async fn fill(&self) {
        let api = self.process.api();
        for connector in [
            json!({"url": "https://keys.example/mcp", "name": "My keys", "slug": "keys",
                "headers": {"A-Region": "hush-eu", "X-Key": "hush-key"}, "enabled": false}),
            json!({"url": "https://notes.example/mcp", "slug": "notes", "auth_type": "oauth",
                "oauth": {"client_id": "by-hand", "client_secret": "hush-secret",
                    "scopes": ["read", "write"]}}),
            json!({"url": "https://notes.example/mcp", "slug": "notes-at-work",
                "auth_type": "oauth", "pinned_protocol_version": "2025-11-25"}),
            json!({"url": "https://robot.example/mcp", "slug": "robot",
                "oauth": {"grant": "workload_identity", "client_id": "robot",
                    "assertion": "hush-assertion"}}),
        ] {
            api.create(connector).await.expect(201);
        }
        let read_only = json!({"read_only": true});
        api.patch("/api/v1/connectors/notes-at-work", read_only).await.expect(200);
    }
}

fn lines(ended: &Ended) -> Vec<&str> {
    ended.output.lines().collect()
}

#[tokio::test]
async fn connectors_come_to_another_database_as_they_were() {
    let (one, two) =
        (Stage::set(Settings::single_user).await, Stage::set(Settings::single_user).await);
    one.fill().await;
    let exported = one.export_with_secrets().await;
    let imported = two.import(&exported.output).await;
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(
        lines(&imported),
        [
            "made\tkeys\tswitched off",
            "made\tnotes\tsign in on the settings page",
            "made\tnotes-at-work\tsign in on the settings page",
            "made\trobot\tready",
        ]
    );
    assert_eq!(two.export_with_secrets().await.output, exported.output);
    assert_eq!(two.process.api().connector("notes-at-work").await["read_only"], true);
}

#[tokio::test]
async fn an_export_holds_no_secret_unless_it_is_asked_to_and_says_what_is_left_out() {
    let stage = Stage::set(Settings::single_user).await;
    stage.fill().await;
    let exported = stage.export().await;
    assert!(!exported.output.contains("hush"), "{}", exported.output);
    for line in [
        "left out of keys: the value of A-Region, the value of X-Key",
        "left out of notes: the client secret",
        "left out of robot: the assertion",
    ] {
        assert!(exported.errors.lines().any(|said| said == line), "{}", exported.errors);
    }
    let file: Value = serde_json::from_str(&exported.output).expect("the file is JSON");
    assert_eq!(file["mcpServers"]["keys"]["headers"]["X-Key"], "${X_KEY}");
    let secrets = stage.export_with_secrets().await;
    for secret in ["hush-key", "hush-eu", "hush-secret", "hush-assertion"] {
        assert!(secrets.output.contains(secret), "{}", secrets.output);
    }
    assert!(secrets.errors.contains("secrets in plain text"), "{}", secrets.errors);
}

#[tokio::test]
async fn an_export_never_holds_tokens() {
    let stage = Stage::set(Settings::single_user).await;
    let authorization_server = AuthorizationServer::start().await;
    let mcp = McpServer::protected_by(&authorization_server).await;
    let api = stage.process.api();
    api.create_oauth("notes", &mcp.url()).await;
    let (authorize_url, session) = api.start_sign_in("notes").await;
    Browser::of("alice").sign_in(&authorize_url).await;
    assert_eq!(api.session(&session).await["status"], "finished");
    let exported = stage.export_with_secrets().await;
    assert!(exported.output.contains(&mcp.url()), "{exported:?}");
    assert!(exported.errors.contains("left out of notes: the tokens of its sign-in"));
    let secrets = authorization_server.secrets();
    assert!(secrets.len() > 2, "tokens were given out");
    let written = format!("{}{}", exported.output, exported.errors);
    assert!(secrets.iter().all(|secret| !written.contains(secret)), "{written}");
}

#[tokio::test]
async fn what_is_left_out_of_a_file_is_left_to_be_entered() {
    let (one, two) =
        (Stage::set(Settings::single_user).await, Stage::set(Settings::single_user).await);
    one.fill().await;
    let imported = two.import(&one.export().await.output).await;
    assert_eq!(imported.status.code(), Some(1), "{imported:?}");
    let lines = lines(&imported);
    assert_eq!(lines[0], "made\tkeys\tenter the value of A-Region, X-Key on the settings page");
    assert!(lines[3].starts_with("refused\trobot\tthe grant workload_identity needs"), "{lines:?}");
    assert_eq!(two.process.api().connector("keys").await["header_names"], json!([]));
}

#[tokio::test]
async fn the_servers_of_a_file_are_made_skipped_or_refused_one_by_one() {
    let stage = Stage::set(Settings::single_user).await;
    let mcp = McpServer::protected_by(&AuthorizationServer::start().await).await;
    let api = stage.process.api();
    let before = api.create_oauth("notes", "https://notes.example/mcp").await;
    let contacts =
        json!({"url": "https://contacts.example/mcp", "name": "連絡", "auth_type": "oauth"});
    assert_eq!(api.create(contacts).await.expect(201)["slug"], "connector");
    let file = json!({"servers": {
        "1 Notes": {"type": "http", "url": "https://notes.example/mcp"},
        "2 Keys": {"serverUrl": "https://keys.example/mcp", "headers": {"X-Key": "secret"}},
        "3 Local": {"command": "npx", "args": ["server"]},
        "4 Private": {"url": "http://10.0.0.1/mcp", "headers": {"X-Key": "secret"}},
        "5 Nul\u{1b}[2J": {"url": "https://nul.example/mcp", "headers": {"Host": "secret"}},
        "6 Probed": {"url": mcp.url()},
        "notes": {"url": "https://other.example/mcp"},
        "予定": {"url": "https://dates.example/mcp", "headers": {"X-Key": "secret"}},
        "連絡": {"url": "https://other.example/mcp"},
    }});
    let imported = stage.import(&file.to_string()).await;
    assert_eq!(imported.status.code(), Some(1), "{imported:?}");
    assert_eq!(
        lines(&imported),
        [
            "skipped\t1 Notes\tits URL is that of the connector notes",
            "made\t2-keys\tready",
            "refused\t3 Local\tit is a program to be started (stdio); Keyway serves HTTP servers only",
            "refused\t4 Private\tthe address is not public; an operator can allow it with KEYWAY_EGRESS_ALLOW",
            "refused\t5 Nul[2J\tthe header Host cannot be set",
            "made\t6-probed\tsign in on the settings page",
            "skipped\tnotes\tthere is a connector notes already",
            "made\tconnector-2\tready",
            "skipped\t連絡\tthere is a connector connector already",
        ]
    );
    assert_eq!(api.connector("notes").await, before);
    assert_eq!(api.connector("2-keys").await["name"], "2 Keys");
    let again = stage.import(&file.to_string()).await;
    assert!(!again.output.contains("made"), "{}", again.output);
}

#[tokio::test]
async fn connectors_are_imported_beside_replicas_on_postgresql_and_the_activity_names_the_operator()
{
    let stage = Stage::set(Settings::on_postgres).await;
    let file = json!({"mcpServers": {"Keys": {"url": "https://keys.example/mcp",
        "headers": {"X-Key": "secret"}}}});
    let imported = stage.import(&file.to_string()).await;
    assert!(imported.status.success(), "{imported:?}");
    let api = stage.process.api();
    assert_eq!(api.connector("keys").await["header_names"], json!(["X-Key"]));
    let activity = api.get("/api/v1/activity?connector=keys").await.expect(200);
    let (actor, action) = (&activity["activity"][0]["actor"], &activity["activity"][0]["action"]);
    assert_eq!((actor, action), (&"operator".into(), &"connector_created".into()));
}

#[tokio::test]
async fn what_is_no_list_of_servers_changes_nothing_and_says_what_to_write() {
    let stage = Stage::set(Settings::single_user).await;
    for (file, said) in [("{ // mine\n}", "line 1"), ("{}", "mcpServers"), ("", "not JSON")] {
        let refused = stage.import(file).await;
        assert_eq!(refused.status.code(), Some(1), "{file}");
        assert!(refused.errors.contains(said), "{file}: {}", refused.errors);
    }
    let arguments = ["connectors", "import", "--user", "alice"];
    let refused = process::run_with_input(&stage.settings, &arguments, "{}").await;
    assert!(refused.errors.contains("--user local"), "{}", refused.errors);
    let arguments = [&IMPORT[..], &["missing.json"]].concat();
    let refused = process::run(&stage.settings, &arguments).await;
    assert!(refused.errors.contains("missing.json could not be read"), "{}", refused.errors);
}
