//! What each setting must look like, and which settings belong together.

use std::{net::SocketAddr, path::PathBuf};

use keyway_connectors::{context::RegistrationMode, egress::InvalidRule, upstream::Elicitation};
use keyway_storage::KeyRing;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::filter::Targets;
use url::Url;

use super::{
    Auth, Config, JwtKeys, JwtSettings, MasterKeys, Origin, TraceSettings, catalog, reader::Reader,
    settings as s,
};
use crate::telemetry;

/// The shortest shared secret, in bytes: the output length of HS256's hash (RFC 7518 §3.2).
const SHORTEST_JWT_SECRET: usize = 32;

/// Reads every setting before it gives up, so that all mistakes are reported together.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let listen = reader.parsed(&s::LISTEN, address);
    let public_url = reader.parsed(&s::PUBLIC_URL, public_origin);
    let metrics_listen = reader.parsed(&s::METRICS_LISTEN, metrics_address);
    let database_url = reader.secret(&s::DATABASE_URL);
    let master_keys = master_keys(reader, database_url.as_ref());
    let auth = auth(reader);
    let host_origins = reader.list(&s::HOST_ORIGINS, str::parse);
    let egress_allow = reader.list(&s::EGRESS_ALLOW, |rule| {
        rule.parse().map_err(|error: InvalidRule| error.to_string())
    });
    let client_metadata_url = reader.parsed(&s::CLIENT_METADATA_URL, document_url);
    let registration = reader.parsed(&s::REGISTRATION, registration);
    let elicitation = reader.parsed(&s::ELICITATION, elicitation);
    let streams_per_user = reader.parsed(&s::STREAMS_PER_USER, count);
    let catalog = catalog::read(reader);
    let log = reader.parsed(&s::LOG, log_filter);
    let collector = reader.parsed(&s::OTLP_ENDPOINT, collector);
    let service_name = reader.text(&s::SERVICE_NAME);
    if matches!(auth, Some(Auth::SingleUser)) {
        stay_on_loopback(reader, listen, public_url.as_ref());
    }
    Some(Config {
        listen: listen?,
        public_url,
        metrics_listen: metrics_listen?,
        database_url: database_url?,
        master_keys: master_keys?,
        auth: auth?,
        host_origins,
        egress_allow,
        client_metadata_url,
        registration: registration?,
        elicitation: elicitation?,
        streams_per_user: streams_per_user?,
        catalog: catalog?,
        log: log?,
        traces: collector
            .zip(service_name)
            .map(|(collector, service_name)| TraceSettings { collector, service_name }),
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address with a port, such as 127.0.0.1:8420".to_owned())
}

fn metrics_address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let advice = "write an address with a port, such as 127.0.0.1:8421, or off";
    text.parse().map(Some).map_err(|_| advice.to_owned())
}

fn public_origin(text: &str) -> Result<Origin, String> {
    let origin: Origin = text.parse()?;
    if origin.is_https() || origin.is_loopback() {
        return Ok(origin);
    }
    Err("write an https origin; http is taken only for localhost, 127/8 and [::1]".to_owned())
}

fn document_url(text: &str) -> Result<String, String> {
    let advice = "write the https address of the client ID metadata document, with its path";
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.path() != "/" && url.fragment().is_none() => {
            Ok(text.to_owned())
        }
        _ => Err(advice.to_owned()),
    }
}

fn registration(text: &str) -> Result<RegistrationMode, String> {
    match text {
        "per_connector" => Ok(RegistrationMode::PerConnector),
        "per_issuer" => Ok(RegistrationMode::PerIssuer),
        _ => Err("write per_connector or per_issuer".to_owned()),
    }
}

fn elicitation(text: &str) -> Result<Elicitation, String> {
    match text {
        "decline" => Ok(Elicitation::Decline),
        "accept_defaults" => Ok(Elicitation::AcceptDefaults),
        _ => Err("write decline or accept_defaults".to_owned()),
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("write a whole number, 1 or more".to_owned()),
    }
}

fn log_filter(text: &str) -> Result<Targets, String> {
    telemetry::log_filter(text).map_err(|error| {
        format!("write a level or a filter such as info,keyway_server=debug ({error})")
    })
}

/// The address for spans below the collector's (OTLP, "Endpoint URLs for OTLP/HTTP").
fn collector(text: &str) -> Result<Url, String> {
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let Some(mut url) = Url::parse(text).ok().filter(plain) else {
        return Err(
            "write the http(s) address of an OTLP collector, such as http://127.0.0.1:4318, \
                    without credentials and without a query"
                .to_owned(),
        );
    };
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn stay_on_loopback(
    reader: &mut Reader<'_>,
    listen: Option<SocketAddr>,
    public_url: Option<&Origin>,
) {
    if listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        reader.refuse(
            &s::LISTEN,
            "single_user asks nobody who they are and listens on loopback alone: write \
             127.0.0.1:8420, or set KEYWAY_AUTH=tokens",
        );
    }
    if public_url.is_some_and(|origin| !origin.is_loopback()) {
        reader.refuse(
            &s::PUBLIC_URL,
            "single_user is for this machine alone: write http://localhost with the port, or set \
             KEYWAY_AUTH=tokens",
        );
    }
}

fn master_keys(reader: &mut Reader<'_>, database_url: Option<&SecretString>) -> Option<MasterKeys> {
    let text = reader.text(&s::MASTER_KEYS);
    let given = text.as_deref().map(KeyRing::parse).transpose();
    let given = given.unwrap_or_else(|error| {
        reader.refuse(&s::MASTER_KEYS, error.to_string());
        None
    });
    let url = database_url?.expose_secret();
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        if text.is_none() {
            reader.refuse(
                &s::MASTER_KEYS,
                "PostgreSQL needs keys that every replica is given: make one with `keyway keys \
                 generate` and write it here",
            );
        }
        return given.map(MasterKeys::Given);
    }
    let Some(database) = sqlite_file(url) else {
        reader.refuse(&s::DATABASE_URL, "write sqlite://path/to/keyway.db or postgres://…");
        return None;
    };
    let keys = database.with_file_name("master.keys");
    Some(given.map_or(MasterKeys::Beside { keys, database }, MasterKeys::Given))
}

fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
    let path = path.split('?').next().unwrap_or_default();
    (!path.is_empty() && !path.contains(":memory:")).then(|| PathBuf::from(path))
}

fn auth(reader: &mut Reader<'_>) -> Option<Auth> {
    match reader.text(&s::AUTH)?.as_str() {
        "single_user" => Some(Auth::SingleUser),
        "tokens" => Some(Auth::Tokens { jwt: jwt(reader) }),
        _ => {
            reader.refuse(&s::AUTH, "write single_user or tokens");
            None
        }
    }
}

fn jwt(reader: &mut Reader<'_>) -> Option<JwtSettings> {
    let jwks_url = reader.parsed(&s::JWT_JWKS_URL, jwks_url);
    let secret = reader.parsed(&s::JWT_SECRET, shared_secret);
    let keys = match (jwks_url, secret) {
        (Some(_), Some(_)) => {
            let advice = "set either KEYWAY_JWT_JWKS_URL or KEYWAY_JWT_SECRET, not both";
            reader.refuse(&s::JWT_SECRET, advice);
            return None;
        }
        (Some(url), None) => JwtKeys::JwksUrl(url),
        (None, Some(secret)) => JwtKeys::Secret(secret),
        (None, None) => return None,
    };
    let issuer = required(reader, &s::JWT_ISSUER, "write the iss of the host application's JWTs");
    let audience =
        required(reader, &s::JWT_AUDIENCE, "write the aud that its JWTs carry for Keyway");
    let user_claim = reader.text(&s::JWT_USER_CLAIM)?;
    Some(JwtSettings { keys, issuer: issuer?, audience: audience?, user_claim })
}

fn required(reader: &mut Reader<'_>, setting: &s::Setting, advice: &str) -> Option<String> {
    let value = reader.text(setting);
    if value.is_none() {
        reader.refuse(setting, advice);
    }
    value
}

fn jwks_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err("write the http(s) address of a JSON Web Key Set".to_owned()),
    }
}

fn shared_secret(text: &str) -> Result<SecretString, String> {
    if text.contains("-----BEGIN") {
        return Err(
            "this is a PEM key; serve it as a key set and set KEYWAY_JWT_JWKS_URL".to_owned()
        );
    }
    if text.len() < SHORTEST_JWT_SECRET {
        return Err(format!("write a random secret of at least {SHORTEST_JWT_SECRET} bytes"));
    }
    Ok(SecretString::from(text))
}
