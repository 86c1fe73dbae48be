//! What Keyway answers a server that asks for input when nobody is behind the call.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The operator's decision (`KEYWAY_ELICITATION`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elicitation {
    /// Nobody is here to answer.
    #[default]
    Decline,
    /// The defaults of the schema that is asked for, where they make a complete answer.
    AcceptDefaults,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    requested_schema: Option<RequestedSchema>,
}

#[derive(Deserialize)]
struct RequestedSchema {
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    required: Vec<String>,
}

impl Elicitation {
    /// The result of an `elicitation/create` with these parameters (MCP 2025-11-25, elicitation). Only a
    /// form can be answered; an address to open needs a person.
    pub(super) fn answer(self, params: &str) -> Value {
        let declined = json!({ "action": "decline" });
        if self == Self::Decline {
            return declined;
        }
        let Ok(Asked { mode, requested_schema: Some(schema) }) = serde_json::from_str(params)
        else {
            return declined;
        };
        if mode.is_some_and(|mode| mode != "form") {
            return declined;
        }
        let default = |(name, property): (&String, &Value)| {
            property.get("default").map(|value| (name.clone(), value.clone()))
        };
        let content: Map<String, Value> = schema.properties.iter().filter_map(default).collect();
        if !schema.required.iter().all(|name| content.contains_key(name)) {
            return declined;
        }
        json!({ "action": "accept", "content": content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = r#"{"mode":"form","message":"?","requestedSchema":{"type":"object",
        "properties":{"name":{"type":"string","default":"Ana"},"age":{"type":"integer"}},
        "required":["name"]}}"#;

    #[test]
    fn nobody_declines() {
        assert_eq!(Elicitation::Decline.answer(COMPLETE), json!({ "action": "decline" }));
    }

    #[test]
    fn defaults_are_accepted_where_they_make_a_complete_answer() {
        let answer = Elicitation::AcceptDefaults.answer(COMPLETE);
        assert_eq!(answer, json!({ "action": "accept", "content": { "name": "Ana" } }));
        let incomplete = COMPLETE.replace(r#","default":"Ana""#, "");
        assert_eq!(Elicitation::AcceptDefaults.answer(&incomplete)["action"], "decline");
    }

    #[test]
    fn an_address_to_open_needs_a_person() {
        let url = r#"{"mode":"url","message":"?","url":"https://x.example","requestedSchema":{}}"#;
        assert_eq!(Elicitation::AcceptDefaults.answer(url)["action"], "decline");
        assert_eq!(Elicitation::AcceptDefaults.answer("{}")["action"], "decline");
    }
}
