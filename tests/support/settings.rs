//! The environment a Keyway under test is started with.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{EncodingKey, Header};
use keyway_model::{Clock, Random};
use serde_json::json;
use tempfile::TempDir;

use crate::postgres::{execute, fresh_database};

/// Ends the connections over which the processes of a database hear of each other's changes.
const CUT_LISTENERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'LISTEN%'";

const JWT_SECRET: &str = "a secret that the host and keyway share, long enough";
const JWT_ISSUER: &str = "https://host.example";
const JWT_AUDIENCE: &str = "keyway";

/// `KEYWAY_*` variables. Databases and keys lie in a directory of the test's own.
#[derive(Clone)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// `single_user` on SQLite in `directory`, on free ports.
    pub fn single_user(directory: &TempDir) -> Self {
        let database = directory.path().join("keyway.db");
        let mut settings = Self(BTreeMap::new());
        settings
            .set("KEYWAY_LISTEN", "127.0.0.1:0")
            .set("KEYWAY_METRICS_LISTEN", "127.0.0.1:0")
            .set("KEYWAY_DATABASE_URL", &format!("sqlite://{}", database.display()))
            .set("KEYWAY_MASTER_KEYS", &master_key("test"))
            .set("KEYWAY_AUTH", "single_user");
        settings
    }

    /// `tokens` with JWTs of a host; the scripted servers on loopback may be reached.
    pub fn tokens(directory: &TempDir) -> Self {
        let mut settings = Self::single_user(directory);
        settings
            .set("KEYWAY_AUTH", "tokens")
            .set("KEYWAY_EGRESS_ALLOW", "127.0.0.1,localhost")
            .set("KEYWAY_JWT_SECRET", JWT_SECRET)
            .set("KEYWAY_JWT_ISSUER", JWT_ISSUER)
            .set("KEYWAY_JWT_AUDIENCE", JWT_AUDIENCE);
        settings
    }

    /// `single_user` on a new PostgreSQL database; the settings can be given to several processes.
    pub fn on_postgres(directory: &TempDir) -> Self {
        let mut settings = Self::single_user(directory);
        settings.set("KEYWAY_DATABASE_URL", &fresh_database());
        settings
    }

    /// Keeps what happens next from the other processes on this PostgreSQL database, until they listen
    /// again.
    pub fn cut_listeners(&self) {
        let url = self.value("KEYWAY_DATABASE_URL").unwrap_or_default();
        execute(&url, CUT_LISTENERS);
    }

    /// Writes a catalog, and beside it the file `secret` with a client secret, and names it.
    pub fn catalog(&mut self, directory: &TempDir, text: &str) -> &mut Self {
        let file = directory.path().join("catalog.toml");
        let written = std::fs::write(&file, text);
        let beside = std::fs::write(directory.path().join("secret"), "hush\n");
        assert!(written.is_ok() && beside.is_ok(), "files can be written");
        self.set("KEYWAY_CATALOG", &file.display().to_string())
    }

    /// Sets one variable.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// One variable's value.
    pub fn value(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// All variables.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// A fresh master key with this id, as `KEYWAY_MASTER_KEYS` wants it.
pub fn master_key(id: &str) -> String {
    format!("{id}:{}", STANDARD.encode(Random::system().bytes::<32>()))
}

/// A JWT of the host for `user`, good for an hour.
pub fn host_jwt(user: &str) -> String {
    let now = Clock::system().now().as_seconds();
    let claims = json!({"iss": JWT_ISSUER, "aud": JWT_AUDIENCE, "sub": user, "iat": now,
        "exp": now + 3600});
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("claims are plain JSON")
}
