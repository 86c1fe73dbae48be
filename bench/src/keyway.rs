//! Keyway as it is released: one process for each mode, with one connector for each caller.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::Context as _;
use http::{HeaderMap, header};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    call, grants, load,
    process::{Process, Start},
    target::Target,
};

/// For a database that lives as long as the bench.
const MASTER_KEY: &str = "bench:Zm9ybWVkLWZvci10aGUtYmVuY2gtYW5kLW5vdGhpbmc=";
const JWT_SECRET: &str = "a secret that host and keyway share, for the bench alone";
const JWT_ISSUER: &str = "https://host.example";
const JWT_AUDIENCE: &str = "keyway";
/// Of every connector.
pub(crate) const SLUG: &str = "bench";

/// Who calls, and how that is proven.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The one user of `single_user`.
    SingleUser,
    /// A user whom a JWT of the host names.
    Tokens,
    /// [`USERS`] such users, each with an OAuth token of their own.
    OAuth,
}

impl Mode {
    /// What the table calls Keyway in this mode.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SingleUser => "keyway, single_user",
            Self::Tokens => "keyway, tokens (JWT)",
            Self::OAuth => "keyway, OAuth of 256 users",
        }
    }
}

/// How many users call in [`Mode::OAuth`].
pub(crate) const USERS: usize = 256;

/// What to start, and where.
#[derive(Clone)]
pub(crate) struct Plan {
    /// The release binary.
    pub(crate) binary: PathBuf,
    /// Who calls.
    pub(crate) mode: Mode,
    /// The address of its database.
    pub(crate) database: String,
    /// The server.
    pub(crate) upstream: SocketAddr,
    /// The core that it is kept on.
    pub(crate) core: Option<usize>,
    /// The program that runs the binary, and its arguments before it; empty where it runs by itself.
    pub(crate) under: Vec<OsString>,
}

impl Plan {
    /// A Keyway whose SQLite database lies in `directory`, named for the mode.
    pub(crate) fn new(
        binary: &Path,
        mode: Mode,
        directory: &Path,
        upstream: SocketAddr,
        core: Option<usize>,
    ) -> Self {
        let file = directory.join(match mode {
            Mode::SingleUser => "single_user.db",
            Mode::Tokens => "tokens.db",
            Mode::OAuth => "oauth.db",
        });
        let database = sqlite(&file);
        Self { binary: binary.to_owned(), mode, database, upstream, core, under: Vec::new() }
    }

    /// Starts it and makes the connector of each caller.
    ///
    /// # Errors
    /// Where it does not start, or refuses a connector.
    pub(crate) async fn start(&self) -> anyhow::Result<Target> {
        let mut target = self.start_again().await?;
        target.rest().await?;
        for (headers, user) in target.callers.iter().zip(self.users()) {
            create_connector(target.address, headers, self.connector(user.as_deref())).await?;
        }
        Ok(target)
    }

    /// Starts it on a database that has the connectors.
    ///
    /// # Errors
    /// Where it does not start.
    pub(crate) async fn start_again(&self) -> anyhow::Result<Target> {
        let whole = self.under.iter().map(OsString::as_os_str);
        let whole: Vec<&OsStr> = whole.chain([self.binary.as_os_str(), "serve".as_ref()]).collect();
        let (program, environment) = (Path::new(whole[0]), self.settings());
        let start = Start { program, arguments: &whole[1..], environment, core: self.core };
        let mut process = Process::start(&start)?;
        let line = process.first_line().await.with_context(|| self.mode.name())?;
        let ready: Value = serde_json::from_str(&line)?;
        Ok(Target {
            name: self.mode.name(),
            address: address(&ready, "listening")?,
            path: format!("/mcp/{SLUG}"),
            callers: self.users().map(|user| caller(user.as_deref())).collect::<Result<_, _>>()?,
            process: Some(process),
            metrics: Some(address(&ready, "metrics")?),
            idle: None,
        })
    }

    /// The file of its database; `None` where that is no file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.database.strip_prefix("sqlite://").map(Path::new)
    }

    /// Who calls; `None` is the one user of `single_user`.
    fn users(&self) -> Box<dyn Iterator<Item = Option<String>> + Send> {
        match self.mode {
            Mode::SingleUser => Box::new(std::iter::once(None)),
            Mode::Tokens => Box::new(std::iter::once(Some("ana".to_owned()))),
            Mode::OAuth => Box::new((0..USERS).map(|number| Some(format!("user-{number}")))),
        }
    }

    fn connector(&self, user: Option<&str>) -> Value {
        match user.filter(|_| self.mode == Mode::OAuth) {
            Some(user) => with_oauth(self.upstream, user),
            None => json!({"url": format!("http://{}{}", self.upstream, call::PATH), "slug": SLUG,
                "auth_type": "headers", "headers": {call::KEY_HEADER.as_str(): call::KEY}}),
        }
    }

    fn settings(&self) -> BTreeMap<&'static str, String> {
        let mut settings = BTreeMap::from([
            ("KEYWAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("KEYWAY_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("KEYWAY_DATABASE_URL", self.database.clone()),
            ("KEYWAY_MASTER_KEYS", MASTER_KEY.to_owned()),
            ("KEYWAY_AUTH", "single_user".to_owned()),
        ]);
        if self.mode != Mode::SingleUser {
            settings.extend([
                ("KEYWAY_AUTH", "tokens".to_owned()),
                ("KEYWAY_EGRESS_ALLOW", "127.0.0.1".to_owned()),
                ("KEYWAY_JWT_SECRET", JWT_SECRET.to_owned()),
                ("KEYWAY_JWT_ISSUER", JWT_ISSUER.to_owned()),
                ("KEYWAY_JWT_AUDIENCE", JWT_AUDIENCE.to_owned()),
            ]);
        }
        settings
    }
}

/// The address of a SQLite database.
pub(crate) fn sqlite(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// A connector whose tokens are of this user alone.
pub(crate) fn with_oauth(upstream: SocketAddr, user: &str) -> Value {
    json!({"url": format!("http://{upstream}{}", grants::path(user)), "slug": SLUG,
        "oauth": {"grant": "client_credentials", "client_id": user, "client_secret": "bench"}})
}

/// The headers of a user's calls.
///
/// # Errors
/// Where the host's JWT cannot be signed.
pub(crate) fn caller(user: Option<&str>) -> anyhow::Result<HeaderMap> {
    let mut headers = call::headers();
    if let Some(user) = user {
        headers.extend([load::bearer(&host_jwt(user)?)?]);
    }
    Ok(headers)
}

/// Makes a connector for the caller who has these headers.
///
/// # Errors
/// Where it is refused.
pub(crate) async fn create_connector(
    address: SocketAddr,
    headers: &HeaderMap,
    connector: Value,
) -> anyhow::Result<()> {
    let caller = headers.get(header::AUTHORIZATION).cloned();
    let headers = caller.into_iter().map(|value| (header::AUTHORIZATION, value)).collect();
    load::post(address, "/api/v1/connectors", headers, connector.to_string()).await?;
    Ok(())
}

/// An address of the line with which Keyway says that it is ready.
fn address(ready: &Value, name: &str) -> anyhow::Result<SocketAddr> {
    let text = ready[name].as_str().with_context(|| format!("keyway does not say {name}"))?;
    let text = text.strip_prefix("http://").unwrap_or(text);
    Ok(text.split('/').next().unwrap_or(text).parse()?)
}

fn host_jwt(user: &str) -> anyhow::Result<String> {
    jwt(JWT_SECRET, json!({"iss": JWT_ISSUER, "aud": JWT_AUDIENCE, "sub": user}))
}

/// A JWT with these claims for an hour.
///
/// # Errors
/// Where it cannot be signed.
#[expect(clippy::disallowed_methods, reason = "the bench plays the host, whose clock is real")]
pub(crate) fn jwt(secret: &str, mut claims: Value) -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    claims["iat"] = now.into();
    claims["exp"] = (now + 3600).into();
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &key)?)
}
