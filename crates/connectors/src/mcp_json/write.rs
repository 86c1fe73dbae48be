//! Writes the file as most clients read it.

use keyway_model::Slug;
use secrecy::SecretString;
use serde::Serialize;

use super::{
    Keyway, Server,
    members::{Exposed, OAuth},
};
use crate::{
    error::{Error, Result},
    upstream::Members,
};

#[derive(Serialize)]
struct File {
    #[serde(rename = "mcpServers")]
    servers: Members<Object>,
}

#[derive(Serialize)]
struct Object {
    r#type: &'static str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Members<Exposed>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    keyway: Keyway,
}

/// The file with these servers, each named by its slug. Headers without a value are written as variables,
/// which other clients fill in from their environment. It holds the secrets that it is given.
///
/// # Errors
/// [`Error::Internal`] where JSON cannot be written.
pub fn write(servers: Vec<(Slug, Server)>) -> Result<SecretString> {
    let servers = servers.into_iter().map(|(slug, server)| (slug.to_string(), object(server)));
    let file = File { servers: Members(servers.collect()) };
    let text = serde_json::to_string_pretty(&file);
    text.map(SecretString::from).map_err(|error| Error::Internal(error.to_string()))
}

fn object(Server { connector, to_enter }: Server) -> Object {
    let to_enter = to_enter.into_iter().map(|name| {
        let variable = format!("${{{}}}", name.to_ascii_uppercase().replace('-', "_"));
        (name, variable.into())
    });
    let headers = connector.headers.into_iter().chain(to_enter);
    let headers: Vec<_> = headers.map(|(name, value)| (name, Exposed(value))).collect();
    Object {
        r#type: "http",
        url: connector.url,
        headers: (!headers.is_empty()).then_some(Members(headers)),
        disabled: connector.enabled == Some(false),
        keyway: Keyway {
            name: connector.name,
            auth_type: connector.auth_type,
            oauth: connector.oauth.map(OAuth::from),
            pinned_protocol_version: connector.pinned_protocol_version,
            read_only: connector.read_only,
        },
    }
}
