//! Tools as hosts see them, made of what servers say of theirs.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_model::{Connector, SeenDescriptor, Timestamp, ToolMode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    names,
    policy::{Listed, has_hidden, has_hidden_within, kept_members, shown},
};

/// How much of a title and of a description is shown, in bytes.
const LONGEST_TITLE: usize = 256;
const LONGEST_DESCRIPTION: usize = 8 * 1024;

/// A tool as hosts see it.
#[derive(Debug)]
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
    /// Whether it may be called.
    pub mode: ToolMode,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
    /// What changed since a person looked at it.
    pub changed: Option<ToolChange>,
}

/// The members whose change is shown, by Keyway's name and by the protocol's.
const WATCHED: &[(&str, &str)] = &[
    ("description", "description"),
    ("title", "title"),
    ("annotations", "annotations"),
    ("input_schema", "inputSchema"),
    ("output_schema", "outputSchema"),
];

/// What is odd about a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Its name, its texts or its schema hold characters that a person does not see and a model reads.
    HiddenCharacters,
    /// Its title or its description is longer than what is shown of it.
    Shortened,
}

/// What changed of a tool since a person looked at it.
#[derive(Debug)]
pub struct ToolChange {
    /// Names the descriptor as it is now, for whoever accepts it.
    pub descriptor: String,
    /// When the change was first seen.
    pub at: Option<Timestamp>,
    /// The members that changed.
    pub members: Vec<ChangedMember>,
}

/// A member of a descriptor that changed: a text as it is, anything else as JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct ChangedMember {
    /// `title`, `description`, `input_schema`, `output_schema` or `annotations`.
    pub member: &'static str,
    /// As it was; `None`: there was none.
    pub before: Option<String>,
    /// As it is; `None`: there is none.
    pub after: Option<String>,
}

/// Describes the tools that are shown; a descriptor that is not one is left out.
pub(super) fn describe(connector: &Connector, tools: &[Box<RawValue>], stale: bool) -> Vec<Tool> {
    shown(tools).map(|(_, listed)| described(connector, &listed, stale)).collect()
}

fn described(connector: &Connector, listed: &Listed<'_>, stale: bool) -> Tool {
    let title = listed.title.and_then(parsed::<String>);
    let description = listed.description.and_then(parsed::<String>);
    let is_longer = |text: &Option<String>, most| text.as_ref().is_some_and(|t| t.len() > most);
    let shortened =
        is_longer(&title, LONGEST_TITLE) || is_longer(&description, LONGEST_DESCRIPTION);
    let hidden = has_hidden(&listed.name)
        || [&title, &description].into_iter().flatten().any(|text| has_hidden(text))
        || [listed.input_schema, listed.annotations].into_iter().flatten().any(has_hidden_within);
    let warnings =
        [(hidden, Warning::HiddenCharacters), (shortened, Warning::Shortened)].into_iter();
    Tool {
        name: names::qualified(&connector.slug, &listed.name),
        name_for_models: names::for_models(&connector.slug, &listed.name),
        connector: connector.slug.to_string(),
        tool: listed.name.clone(),
        title: title.map(|text| cut(text, LONGEST_TITLE)),
        description: description.map(|text| cut(text, LONGEST_DESCRIPTION)),
        input_schema: listed.input_schema.map(ToOwned::to_owned),
        annotations: listed.annotations.map(ToOwned::to_owned),
        access: if listed.writes() { "write" } else { "read" },
        stale,
        mode: connector.tool_modes.of(&listed.name),
        warnings: warnings.filter_map(|(is, warning)| is.then_some(warning)).collect(),
        changed: None,
    }
}

fn parsed<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

impl ToolChange {
    /// The difference between what was looked at and what is listed now.
    pub(super) fn of(seen: &SeenDescriptor) -> Self {
        let (mut before, mut after) = (kept_members(&seen.accepted), kept_members(&seen.current));
        let compared = WATCHED.iter().map(|(member, name)| {
            let (before, after) = (before.remove(*name), after.remove(*name));
            ChangedMember { member, before: before.map(as_shown), after: after.map(as_shown) }
        });
        let members = compared.filter(|member| member.before != member.after).collect();
        let descriptor = URL_SAFE_NO_PAD.encode(&seen.current.hash);
        Self { descriptor, at: seen.changed_at, members }
    }
}

fn as_shown(json: String) -> String {
    serde_json::from_str::<String>(&json).unwrap_or(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::seen;

    fn listed(text: &str) -> SeenDescriptor {
        let raw: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
        let [(tool, accepted), (_, current)] = <[_; 2]>::try_from(
            raw.iter().flat_map(|one| seen(std::slice::from_ref(one))).collect::<Vec<_>>(),
        )
        .unwrap();
        SeenDescriptor { tool, accepted, current, changed_at: None }
    }

    #[test]
    fn a_change_names_what_is_other_than_before() {
        let seen = listed(
            r#"[{"name":"a","title":"t","description":"Reads","inputSchema":{"b":1,"a":2}},
                {"name":"a","title":"t","description":"Reads\nall","inputSchema":{"a":2,"b":1},"annotations":{}}]"#,
        );
        let change = ToolChange::of(&seen);
        let text = |text: &str| Some(text.to_owned());
        let member = |member, before, after| ChangedMember { member, before, after };
        let expected = [
            member("description", text("Reads"), text("Reads\nall")),
            member("annotations", None, text("{}")),
        ];
        assert_eq!(change.members, expected);
    }
}
