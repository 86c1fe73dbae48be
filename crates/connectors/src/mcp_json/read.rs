//! Reads the file as the clients write it: `mcpServers` (most of them) or `servers` (VS Code); `url`,
//! `serverUrl` or `httpUrl`; `type` or `transport`; `disabled`. What is wrong with one server says nothing
//! about the others.

use keyway_model::AuthType;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Entry, Keyway, Malformed, Server, members::Exposed};
use crate::{
    registry::{NewConnector, NewOAuth},
    upstream::Members,
};

type Object = Members<Box<RawValue>>;

/// The servers of the file, in its order.
///
/// # Errors
/// [`Malformed`] where the text lists no servers at all.
pub fn read(text: &str) -> Result<Vec<Entry>, Malformed> {
    let text = text.trim_start_matches('\u{feff}');
    let file: Box<RawValue> = serde_json::from_str(text)
        .map_err(|at| Malformed::NotJson { line: at.line(), column: at.column() })?;
    let file: Object = serde_json::from_str(file.get()).map_err(|_| Malformed::NoServers)?;
    let servers = file.given("mcpServers").or_else(|| file.given("servers"));
    let servers = servers.ok_or(Malformed::NoServers)?;
    let servers: Object = serde_json::from_str(servers.get()).map_err(|_| Malformed::NoServers)?;
    let entries = servers.0.into_iter().map(|(name, server)| {
        let server = self::server(&name, &server);
        Entry { name, server }
    });
    Ok(entries.collect())
}

fn server(name: &str, text: &RawValue) -> Result<Server, String> {
    let object: Object = serde_json::from_str(text.get())
        .map_err(|_| "write an object with the server's \"url\"".to_owned())?;
    let mut connector = keyway(name, &object)?;
    connector.url = url(&object)?;
    connector.name.get_or_insert_with(|| name.to_owned());
    if object.member("disabled", "true or false")? == Some(true) {
        connector.enabled = Some(false);
    }
    let headers: Option<Members<Exposed>> =
        object.member("headers", "an object of header names and text values")?;
    let headers = headers.map(|headers| headers.0).unwrap_or_default().into_iter();
    let (to_enter, headers): (Vec<_>, Vec<_>) =
        headers.map(|(name, Exposed(value))| (name, value)).partition(|(_, value)| varies(value));
    connector.headers = headers;
    if !to_enter.is_empty() && connector.auth_type.is_none() {
        connector.auth_type = Some(AuthType::Headers);
    }
    let to_enter = to_enter.into_iter().map(|(name, _)| name).collect();
    Ok(Server { connector, to_enter })
}

/// The server's address. A program that a client would start has none.
fn url(object: &Object) -> Result<String, String> {
    let kind = |member| object.member::<String>(member, "text");
    let kind = kind("type")?.or(kind("transport")?).unwrap_or_default();
    let plain = kind.to_lowercase().replace(['-', '_'], "");
    if plain == "stdio" || object.given("command").is_some() {
        return Err("it is a program to be started (stdio); Keyway serves HTTP servers only".into());
    }
    if !matches!(&*plain, "" | "http" | "sse" | "streamablehttp") {
        return Err("its \"type\" is none that Keyway speaks; write \"http\" or \"sse\"".into());
    }
    let spellings = ["httpUrl", "serverUrl", "url"];
    let Some(member) = spellings.into_iter().find(|member| object.given(member).is_some()) else {
        return Err("it has no \"url\"; write the address of its MCP endpoint".into());
    };
    let url: String = object.member(member, "text")?.unwrap_or_default();
    if holds_variable(&url) {
        return Err(format!("its \"{member}\" holds a variable; write its value there"));
    }
    Ok(url)
}

/// What only Keyway writes: its entries are named by their slugs.
fn keyway(slug: &str, object: &Object) -> Result<NewConnector, String> {
    let Some(text) = object.given("keyway") else { return Ok(NewConnector::default()) };
    let keyway: Keyway = serde_json::from_str(text.get())
        .map_err(|error| format!("its member \"keyway\" is not as `export` writes it: {error}"))?;
    Ok(NewConnector {
        name: keyway.name,
        slug: Some(slug.to_owned()),
        auth_type: keyway.auth_type,
        oauth: keyway.oauth.map(NewOAuth::from),
        pinned_protocol_version: keyway.pinned_protocol_version,
        read_only: keyway.read_only,
        ..NewConnector::default()
    })
}

/// Whether the value is left to somebody else to fill in: `${API_KEY}`, `${env:KEY}`, `${input:key}`.
fn varies(value: &SecretString) -> bool {
    holds_variable(value.expose_secret())
}

fn holds_variable(text: &str) -> bool {
    text.split_once("${").is_some_and(|(_, behind)| behind.contains('}'))
}

impl Object {
    fn given(&self, member: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(name, value)| name == member && value.get() != "null");
        found.map(|(_, value)| &**value)
    }

    fn member<T: DeserializeOwned>(&self, member: &str, kind: &str) -> Result<Option<T>, String> {
        let Some(value) = self.given(member) else { return Ok(None) };
        // The reason would quote the value, which may be a secret.
        let read = serde_json::from_str(value.get());
        read.map(Some).map_err(|_| format!("its \"{member}\" must be {kind}"))
    }
}
