//! Keyway as it is released: one process for each mode, with one connector that has a key of its own.

use std::{collections::BTreeMap, ffi::OsStr, net::SocketAddr, path::Path, time::SystemTime};

use anyhow::Context as _;
use http::{HeaderMap, header};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    call, load,
    process::{Process, Start},
    target::Target,
};

/// For a database that lives as long as the bench.
const MASTER_KEY: &str = "bench:Zm9ybWVkLWZvci10aGUtYmVuY2gtYW5kLW5vdGhpbmc=";
const JWT_SECRET: &str = "a secret that host and keyway share, for the bench alone";
const JWT_ISSUER: &str = "https://host.example";
const JWT_AUDIENCE: &str = "keyway";

/// Who calls, and how that is proven.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The one user of `single_user`.
    SingleUser,
    /// A user whom a JWT of the host names.
    Tokens,
}

impl Mode {
    /// What the table calls Keyway in this mode.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SingleUser => "keyway, single_user",
            Self::Tokens => "keyway, tokens (JWT)",
        }
    }
}

/// Starts Keyway with its data in `directory`, and makes the connector to `upstream`.
///
/// # Errors
/// Where it does not start, or refuses the connector.
pub(crate) async fn start(
    binary: &Path,
    mode: Mode,
    directory: &Path,
    upstream: SocketAddr,
    core: Option<usize>,
) -> anyhow::Result<Target> {
    let environment = settings(mode, directory);
    let arguments = [OsStr::new("serve")];
    let start = Start { program: binary, arguments: &arguments, environment, core };
    let mut process = Process::start(&start)?;
    let line = process.first_line().await.with_context(|| mode.name())?;
    let ready: Value = serde_json::from_str(&line)?;
    let address = address(&ready, "listening")?;
    let mut headers = call::headers();
    if mode == Mode::Tokens {
        headers.insert(header::AUTHORIZATION, format!("Bearer {}", host_jwt()?).parse()?);
    }
    let slug = create_connector(address, &headers, upstream).await?;
    let metrics = Some(self::address(&ready, "metrics")?);
    let (name, path) = (mode.name(), format!("/mcp/{slug}"));
    Ok(Target { name, address, path, headers, process: Some(process), metrics })
}

fn settings(mode: Mode, directory: &Path) -> BTreeMap<&'static str, String> {
    let database = directory.join(match mode {
        Mode::SingleUser => "single_user.db",
        Mode::Tokens => "tokens.db",
    });
    let mut settings = BTreeMap::from([
        ("KEYWAY_LISTEN", "127.0.0.1:0".to_owned()),
        ("KEYWAY_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("KEYWAY_DATABASE_URL", format!("sqlite://{}", database.display())),
        ("KEYWAY_MASTER_KEYS", MASTER_KEY.to_owned()),
        ("KEYWAY_AUTH", "single_user".to_owned()),
    ]);
    if mode == Mode::Tokens {
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

async fn create_connector(
    address: SocketAddr,
    headers: &HeaderMap,
    upstream: SocketAddr,
) -> anyhow::Result<String> {
    let connector = json!({"url": format!("http://{upstream}{}", call::PATH), "name": "Bench",
        "slug": "bench", "auth_type": "headers",
        "headers": {call::KEY_HEADER.as_str(): call::KEY}});
    let caller = headers.get(header::AUTHORIZATION).cloned();
    let headers = caller.into_iter().map(|value| (header::AUTHORIZATION, value)).collect();
    let made = load::post(address, "/api/v1/connectors", headers, connector.to_string()).await?;
    let made: Value = serde_json::from_str(&made)?;
    Ok(made["slug"].as_str().context("the connector has no slug")?.to_owned())
}

/// An address of the line with which Keyway says that it is ready.
fn address(ready: &Value, name: &str) -> anyhow::Result<SocketAddr> {
    let text = ready[name].as_str().with_context(|| format!("keyway does not say {name}"))?;
    let text = text.strip_prefix("http://").unwrap_or(text);
    Ok(text.split('/').next().unwrap_or(text).parse()?)
}

#[expect(clippy::disallowed_methods, reason = "the bench plays the host, whose clock is real")]
fn host_jwt() -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let claims = json!({"iss": JWT_ISSUER, "aud": JWT_AUDIENCE, "sub": "ana", "iat": now,
        "exp": now + 3600});
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &key)?)
}
