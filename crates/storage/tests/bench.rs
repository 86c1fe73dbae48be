//! What every case stands on: a fresh database of either kind with a clock that can be moved, and
//! things to put into it.

use std::{path::PathBuf, time::Duration};

use keyway_model::{
    AuthType, AuthorizationSession, AuthorizationSessionId, ClientRegistration, Clock, Connector,
    ConnectorId, ConnectorKey, ConnectorState, Grant, Health, HealthStatus, ManualClock,
    OAuthSettings, Random, RegistrationKind, SessionStatus, SignInId, ToolModes, UserId,
};
use keyway_storage::{Database, Error, KeyRing, Options, StoredCredential};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::postgres;

/// Runs each case on both databases.
macro_rules! on_both {
    ($(async fn $name:ident($bench:ident) $body:block)+) => {$(
        async fn $name($bench: &$crate::bench::Bench) $body

        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(&$crate::bench::Bench::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(&$crate::bench::Bench::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both;

/// A fresh, migrated database.
pub(crate) struct Bench {
    pub(crate) database: Database,
    pub(crate) options: Options,
    pub(crate) random: Random,
    pub(crate) hand: ManualClock,
    directory: Option<TempDir>,
}

impl Bench {
    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/data/keyway.db", directory.path().display());
        Self::over(url, Some(directory)).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::over(postgres::fresh_database(), None).await
    }

    async fn over(url: String, directory: Option<TempDir>) -> Self {
        let random = Random::seeded(1);
        let (clock, hand) = Clock::manual(Clock::system().now());
        let options = Options {
            url: url.into(),
            keys: KeyRing::parse(&KeyRing::generate(&random)).unwrap(),
            clock,
            random: random.clone(),
            database_clock_offset_ms: 0,
        };
        let database = Database::open(options.clone()).await.unwrap();
        database.migrate().await.unwrap();
        database.check_keys().await.unwrap();
        Self { database, options, random, hand, directory }
    }

    /// The same bench over its database opened in another way.
    pub(crate) fn through(&self, database: Database) -> Self {
        let (options, random, hand) =
            (self.options.clone(), self.random.clone(), self.hand.clone());
        Self { database, options, random, hand, directory: None }
    }

    /// The same database as another process sees it.
    pub(crate) async fn other_process(&self) -> Database {
        Database::open(self.options.clone()).await.unwrap()
    }

    /// The same database after some time, by the clock and by the database's own.
    pub(crate) async fn later(&self, duration: Duration) -> Database {
        self.hand.advance(duration);
        let offset = i64::try_from(duration.as_millis()).unwrap();
        let options = Options { database_clock_offset_ms: offset, ..self.options.clone() };
        Database::open(options).await.unwrap()
    }

    /// The SQLite file.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.as_ref().expect("only on SQLite").path().join("data/keyway.db")
    }

    /// Runs SQL past the door.
    pub(crate) async fn behind(&self, sql: &str) {
        use secrecy::ExposeSecret;
        let (url, sql) = (self.options.url.expose_secret(), AssertSqlSafe(sql.to_owned()));
        if self.directory.is_some() {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    /// A connector that is not stored yet.
    pub(crate) fn new_connector(
        &self,
        user: &UserId,
        slug: &str,
        auth_type: AuthType,
    ) -> Connector {
        let now = self.options.clock.now();
        Connector {
            id: ConnectorId::new(now, &self.random),
            user_id: user.clone(),
            name: "Notes".into(),
            slug: slug.parse().unwrap(),
            url: "https://notes.example/mcp".into(),
            auth_type,
            header_names: vec![],
            oauth: OAuthSettings::default(),
            enabled: true,
            state: match auth_type {
                AuthType::Headers => ConnectorState::Ready,
                AuthType::OAuth => ConnectorState::SignInRequired,
            },
            state_reason: None,
            required_scopes: vec![],
            health: Health { status: HealthStatus::Unknown, checked_at: None, detail: None },
            pinned_protocol_version: None,
            protocol_version: None,
            tool_count: None,
            read_only: false,
            tool_modes: ToolModes::default(),
            revision: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// A stored OAuth connector of Ana's.
    pub(crate) async fn connector(&self) -> Connector {
        let connector = self.new_connector(&ana(), "notes", AuthType::OAuth);
        self.database.insert_connector(&connector, &[], None, &[]).await.unwrap();
        connector
    }

    /// A sign-in of the connector that has just begun, not stored yet.
    pub(crate) async fn new_session(&self, connector: &Connector) -> AuthorizationSession {
        let now = self.database.now().await.unwrap();
        AuthorizationSession {
            id: AuthorizationSessionId::new(now, &self.random),
            user_id: connector.user_id.clone(),
            connector_id: connector.id,
            connector_url: connector.url.clone(),
            status: SessionStatus::Pending,
            failure: None,
            detail: None,
            ticket_hash: self.random.bytes::<32>().to_vec(),
            browser_hash: None,
            client: client(),
            authorization_url: "https://as.example/authorize?client_id=c".into(),
            token_endpoint: "https://as.example/token".into(),
            revocation_endpoint: Some("https://as.example/revoke".into()),
            userinfo_endpoint: Some("https://as.example/userinfo".into()),
            iss_supported: true,
            dpop: true,
            resource: Some(connector.url.clone()),
            scopes: vec!["read".into(), "write".into()],
            code_verifier: "canary-verifier".into(),
            opener_origin: Some("https://chat.example".into()),
            return_to: Some("https://chat.example/back".into()),
            needs_confirmation: true,
            shown_at: None,
            created_at: now,
            expires_at: now.plus(Duration::from_secs(600)),
        }
    }

    /// What a sign-in of the connector gives.
    pub(crate) fn new_grant(&self, connector: &Connector) -> Grant {
        let now = self.options.clock.now();
        Grant {
            connector_id: connector.id,
            user_id: connector.user_id.clone(),
            sign_in_id: SignInId::new(now, &self.random),
            client: client(),
            token_endpoint: "https://as.example/token".into(),
            revocation_endpoint: Some("https://as.example/revoke".into()),
            resource: Some(connector.url.clone()),
            scopes: vec!["read".into()],
            account: Some("ana@example.com".into()),
            access_token: "canary-access-1".into(),
            refresh_token: Some("canary-refresh-1".into()),
            dpop_key: Some("canary-dpop-key".into()),
            obtained_at: now,
            expires_at: Some(now.plus(Duration::from_secs(3600))),
            generation: 0,
            attempt: None,
            forced_at: None,
        }
    }

    /// Signs the connector in, from start to end.
    pub(crate) async fn sign_in(&self, connector: &Connector) -> Grant {
        let session = self.new_session(connector).await;
        assert!(self.database.insert_authorization_session(&session).await.unwrap());
        let session = self.database.claim(session.id).await.unwrap().unwrap();
        let grant = self.new_grant(connector);
        assert!(self.database.finish_sign_in(&session, &grant).await.unwrap());
        self.database.grant(&connector.user_id, connector.id).await.unwrap().unwrap()
    }
}

/// A client with a secret.
/// What is stored of the user's connector to call its server with.
pub(crate) async fn credential(
    database: &Database,
    user: &UserId,
    key: ConnectorKey,
) -> Option<StoredCredential> {
    database.credential(user, &key).await.unwrap()
}

/// The values of the connector's headers.
pub(crate) async fn header_values(
    database: &Database,
    connector: &Connector,
) -> Result<Vec<(String, SecretString)>, Error> {
    let key = ConnectorKey::Id(connector.id);
    credential(database, &connector.user_id, key).await.unwrap().headers
}

pub(crate) fn client() -> ClientRegistration {
    ClientRegistration {
        kind: RegistrationKind::Dynamic,
        issuer: "https://as.example".into(),
        redirect_uri: "https://keyway.example/oauth/callback".into(),
        client_id: "c".into(),
        client_secret: Some("canary-client-secret".into()),
        token_endpoint_auth_method: "client_secret_basic".into(),
        client_secret_expires_at: Some(keyway_model::Timestamp::from_millis(4_000_000_000_000)),
    }
}

/// One user.
pub(crate) fn ana() -> UserId {
    UserId::new("ana").unwrap()
}

/// Another one.
pub(crate) fn bob() -> UserId {
    UserId::new("bob").unwrap()
}
