//! Tools as hosts see them, made of what servers say of theirs.

use keyway_model::Connector;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::names;

/// A tool as hosts see it.
#[derive(Debug, Serialize)]
pub struct Tool {
    /// The name among the user's tools: `{slug}__{tool}`.
    pub name: String,
    /// The same for model APIs: at most 64 characters of `[A-Za-z0-9_-]`.
    pub name_for_models: String,
    /// The connector's slug.
    pub connector: String,
    /// The name at the server.
    pub tool: String,
    /// The server's title; foreign text.
    pub title: Option<String>,
    /// The server's description; foreign text.
    pub description: Option<String>,
    /// The JSON Schema of its arguments, raw.
    pub input_schema: Option<Box<RawValue>>,
    /// The server's annotations, raw.
    pub annotations: Option<Box<RawValue>>,
    /// `read` where the server says that it only reads, else `write`.
    pub access: &'static str,
    /// Whether the list is older than it should be.
    pub stale: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    name: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    input_schema: Option<Box<RawValue>>,
    #[serde(default)]
    annotations: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotations {
    #[serde(default)]
    read_only_hint: bool,
    #[serde(default)]
    destructive_hint: bool,
}

/// Describes the tools; a descriptor that is not one is left out.
pub(super) fn describe(connector: &Connector, tools: &[Box<RawValue>], stale: bool) -> Vec<Tool> {
    let read = tools.iter().filter_map(|raw| serde_json::from_str::<Descriptor>(raw.get()).ok());
    read.map(|descriptor| {
        let hints = descriptor.annotations.as_deref().map(RawValue::get);
        let hints: Annotations =
            hints.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Tool {
            name: names::qualified(&connector.slug, &descriptor.name),
            name_for_models: names::for_models(&connector.slug, &descriptor.name),
            connector: connector.slug.to_string(),
            tool: descriptor.name,
            title: descriptor.title,
            description: descriptor.description,
            input_schema: descriptor.input_schema,
            annotations: descriptor.annotations,
            access: if hints.read_only_hint && !hints.destructive_hint { "read" } else { "write" },
            stale,
        }
    })
    .collect()
}
