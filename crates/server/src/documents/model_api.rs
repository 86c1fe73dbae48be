//! What the model APIs of OpenAI and Anthropic ask of a tool besides its name. One tool that they refuse
//! makes them refuse the whole request, so what servers send is brought into the form both take.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The longest description that OpenAI's API takes, in characters.
const LONGEST_DESCRIPTION: usize = 1024;
/// What neither API takes beside the `type` of the whole schema.
const NOT_AT_THE_TOP: [&str; 5] = ["allOf", "anyOf", "enum", "not", "oneOf"];

type Members = BTreeMap<String, Box<RawValue>>;

/// The description as OpenAI's API takes it: cut where it is too long.
pub(super) fn short_description(text: String) -> String {
    match text.char_indices().nth(LONGEST_DESCRIPTION - 1) {
        Some((end, last)) if end + last.len_utf8() < text.len() => format!("{}…", &text[..end]),
        _ => text,
    }
}

/// The schema as both APIs take it: of `type` object, with `properties`, and without alternatives at its
/// top, whose properties are taken over. The MCP server still holds arguments to its own schema. What
/// needs no change keeps every byte.
pub(super) fn schema(raw: Option<Box<RawValue>>) -> Box<RawValue> {
    let members = raw.as_deref().and_then(|raw| serde_json::from_str::<Members>(raw.get()).ok());
    match (raw, members) {
        (Some(raw), Some(members)) if is_taken(&members) => raw,
        (_, members) => serde_json::value::to_raw_value(&mended(members.unwrap_or_default()))
            .unwrap_or_default(),
    }
}

fn is_taken(members: &Members) -> bool {
    let is_object = members.get("type").is_some_and(|kind| kind.get() == r#""object""#);
    let plain = !NOT_AT_THE_TOP.iter().any(|keyword| members.contains_key(*keyword));
    is_object && plain && members.get("properties").is_some_and(|raw| raw.get().starts_with('{'))
}

fn mended(mut members: Members) -> Members {
    let mut properties = properties_of(members.get("properties").map(AsRef::as_ref));
    for keyword in NOT_AT_THE_TOP {
        let removed = members.remove(keyword).filter(|_| keyword.ends_with("Of"));
        for branch in removed.as_deref().map(branches).unwrap_or_default() {
            for (name, schema) in properties_of(branch.get("properties").map(AsRef::as_ref)) {
                properties.entry(name).or_insert(schema);
            }
        }
    }
    let object = serde_json::value::to_raw_value("object").unwrap_or_default();
    let properties = serde_json::value::to_raw_value(&properties).unwrap_or_default();
    members.insert("type".to_owned(), object);
    members.insert("properties".to_owned(), properties);
    members
}

fn properties_of(raw: Option<&RawValue>) -> Members {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// The alternatives that are schemas with members.
fn branches(raw: &RawValue) -> Vec<Members> {
    let all: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    all.iter().filter_map(|branch| serde_json::from_str(branch.get()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &str) -> String {
        schema(Some(RawValue::from_string(text.to_owned()).unwrap())).get().to_owned()
    }

    #[test]
    fn a_schema_that_is_taken_keeps_every_byte() {
        let text = r#"{"x-big":12345678901234567890123, "properties":{},"type":"object"}"#;
        assert_eq!(sent(text), text);
    }

    #[test]
    fn a_schema_says_that_it_is_an_object_with_properties() {
        let plain = r#"{"properties":{},"type":"object"}"#;
        assert_eq!(schema(None).get(), plain);
        for text in ["{}", "true", "null", "[]", r#"{"type":"object"}"#] {
            assert_eq!(sent(text), plain, "{text}");
        }
        let nullable = r#"{"type":["object","null"],"properties":{"n":{"const":1e400}}}"#;
        assert_eq!(sent(nullable), r#"{"properties":{"n":{"const":1e400}},"type":"object"}"#);
    }

    #[test]
    fn alternatives_at_the_top_become_properties() {
        let text = r#"{"type":"object","required":["q"],"properties":{"q":{"type":"string"}},
            "oneOf":[{"required":["id"],"properties":{"id":{"type":"integer"},"q":{}}},true],
            "not":{"required":["x"]}}"#;
        let expected = r#"{"properties":{"id":{"type":"integer"},"q":{"type":"string"}},"required":["q"],"type":"object"}"#;
        assert_eq!(sent(text), expected);
    }

    #[test]
    fn a_description_is_cut_between_characters() {
        let fits = "ä".repeat(1024);
        assert_eq!(short_description(fits.clone()), fits);
        let cut = short_description("ä".repeat(1025));
        assert_eq!(cut.chars().count(), 1024);
        assert!(cut.ends_with('…'));
    }
}
