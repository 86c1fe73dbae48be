//! The settings of the process, read from `KEYWAY_*` variables and nowhere else. Reading reports every
//! mistake at once, each with the variable's name and what to write instead.

mod catalog;
mod origin;
mod reader;
mod rules;
pub mod settings;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use keyway_connectors::{
    catalog::Catalog, context::RegistrationMode, egress::AllowRule, upstream::Elicitation,
};
use keyway_storage::KeyRing;
use secrecy::SecretString;
use thiserror::Error;
use tracing_subscriber::filter::Targets;
use url::Url;

pub use origin::Origin;
use reader::Reader;

/// Everything an operator decides. Made by [`Config::from_environment`].
#[derive(Clone)]
pub struct Config {
    /// Where the service listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The origin under which browsers and authorization servers know Keyway. `None` means
    /// `http://localhost:{bound port}`.
    pub public_url: Option<Origin>,
    /// Where the metrics are served; `None` is off.
    pub metrics_listen: Option<SocketAddr>,
    /// The database; may hold a password.
    pub database_url: SecretString,
    /// Where the master keys are.
    pub master_keys: MasterKeys,
    /// Who may call.
    pub auth: Auth,
    /// Origins that may embed Keyway, call it, hand over a session and be told the outcome of a sign-in.
    pub host_origins: Vec<Origin>,
    /// What may be reached although it is private.
    pub egress_allow: Vec<AllowRule>,
    /// The client ID metadata document's address where the operator names one.
    pub client_metadata_url: Option<String>,
    /// Whether connectors of one issuer share a client.
    pub registration: RegistrationMode,
    /// What a server that asks for input is answered when nobody is behind the call.
    pub elicitation: Elicitation,
    /// How many streams a user may hold open at the MCP doors.
    pub streams_per_user: usize,
    /// What is known of servers beforehand: Keyway's own catalog, and the operator's laid over it.
    pub catalog: Arc<Catalog>,
    /// What is logged.
    pub log: Targets,
    /// Where traces are collected, if they are.
    pub traces: Option<TraceSettings>,
}

/// Where the spans of requests go.
#[derive(Clone)]
pub struct TraceSettings {
    /// Where the collector takes spans: OTLP over HTTP, with its path.
    pub collector: Url,
    /// The name under which they are told.
    pub service_name: String,
}

/// Where the master keys come from.
#[derive(Clone)]
pub enum MasterKeys {
    /// The operator gave them.
    Given(KeyRing),
    /// In this file beside the SQLite database, made where there is none yet.
    Beside {
        /// The file of the keys.
        keys: PathBuf,
        /// The database they belong to.
        database: PathBuf,
    },
}

/// Who may call.
#[derive(Clone)]
pub enum Auth {
    /// Everybody who reaches the loopback address, as the user `local`.
    SingleUser,
    /// Whoever shows a credential.
    Tokens {
        /// The host application's JWTs, if they are taken.
        jwt: Option<JwtSettings>,
    },
}

/// Which JWTs of the host application are taken.
#[derive(Clone)]
pub struct JwtSettings {
    /// What their signature is verified with.
    pub keys: JwtKeys,
    /// The only `iss` taken.
    pub issuer: String,
    /// What `aud` must hold.
    pub audience: String,
    /// The claim whose value is the user id.
    pub user_claim: String,
}

/// What a JWT's signature is verified with; this also fixes the algorithms taken.
#[derive(Clone)]
pub enum JwtKeys {
    /// A shared secret: HS256 alone.
    Secret(SecretString),
    /// A JSON Web Key Set (RFC 7517) at this address: RS256, ES256, EdDSA.
    JwksUrl(Url),
}

/// One mistake in the settings.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{variable}: {advice}")]
pub struct ConfigError {
    /// The variable to change.
    pub variable: String,
    /// What to write instead.
    pub advice: String,
}

impl Config {
    /// Reads the settings through `variable`, which looks one environment variable up.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn from_environment(
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(variable);
        let config = rules::read(&mut reader);
        reader.finish(config)
    }

    /// Whether the mode is the one without credentials.
    pub fn is_single_user(&self) -> bool {
        matches!(self.auth, Auth::SingleUser)
    }
}

/// Looks a variable of the process's environment up.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests;
