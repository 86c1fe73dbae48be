//! What a person or a model would fill in: arguments for a tool, content for an elicitation, both made from
//! the JSON Schema that asks for them.

use serde_json::{Map, Value, json};

/// An object with every required property, and every property that has a default. An object that may hold
/// anything becomes `anything`.
pub(crate) fn fill_in(schema: &Value, anything: &Value) -> Value {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let wanted = properties.filter(|(name, property)| {
        required.contains(&name.as_str()) || property.get("default").is_some()
    });
    let filled = wanted.map(|(name, property)| {
        let value = value_for(resolved(property, schema), anything);
        (name.clone(), value)
    });
    Value::Object(filled.collect())
}

/// What to answer the `inputRequests` of an `input_required` result (MCP 2026-07-28, multi round-trip
/// requests): every elicitation is accepted; nothing else was offered.
pub(crate) fn answers(requests: &Map<String, Value>) -> anyhow::Result<Value> {
    let answered = requests.iter().map(|(key, request)| {
        anyhow::ensure!(
            request["method"] == "elicitation/create",
            "the server asks for {}, which Keyway did not offer",
            request["method"]
        );
        let content = all_of(&request["params"]["requestedSchema"]);
        Ok((key.clone(), json!({"action": "accept", "content": content})))
    });
    Ok(Value::Object(answered.collect::<anyhow::Result<_>>()?))
}

/// A value for every property of a form.
fn all_of(schema: &Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let filled = properties.map(|(name, property)| (name.clone(), value_for(property, &json!({}))));
    Value::Object(filled.collect())
}

fn value_for(schema: &Value, anything: &Value) -> Value {
    let first = |name: &str| schema[name].get(0).cloned();
    let given = schema.get("default").or_else(|| schema.get("const")).cloned();
    if let Some(value) = given.or_else(|| first("enum")).or_else(|| first("examples")) {
        return value;
    }
    match schema["type"].as_str() {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("null") => Value::Null,
        Some("object") if schema.get("properties").is_some() => fill_in(schema, anything),
        Some("object") => anything.clone(),
        _ => json!("text"),
    }
}

/// Follows a reference inside the same document; one that leads elsewhere is never followed.
fn resolved<'a>(property: &'a Value, root: &'a Value) -> &'a Value {
    let pointer = property["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(property)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_properties_and_defaults_are_filled_in_and_nothing_else() {
        let schema = json!({
            "required": ["a", "id", "open", "nested"],
            "$defs": {"id": {"type": "string"}},
            "properties": {
                "a": {"type": "number"}, "id": {"$ref": "#/$defs/id"}, "open": {"type": "object"},
                "nested": {"properties": {"b": {"enum": ["x", "y"]}}, "required": ["b"], "type": "object"},
                "default": {"default": 7}, "optional": {"$ref": "http://elsewhere.example/schema"},
            },
        });
        let expected = json!({"a": 1, "id": "text", "open": {"any": 1}, "nested": {"b": "x"},
            "default": 7});
        assert_eq!(fill_in(&schema, &json!({"any": 1})), expected);
    }

    #[test]
    fn elicitations_are_accepted_and_other_requests_are_not_answered() {
        let form = json!({"properties": {"sure": {"type": "boolean"}}});
        let asked =
            json!({"k": {"method": "elicitation/create", "params": {"requestedSchema": form}}});
        let answered = answers(asked.as_object().expect("an object")).expect("answers");
        assert_eq!(answered, json!({"k": {"action": "accept", "content": {"sure": true}}}));
        let other = json!({"k": {"method": "sampling/createMessage"}});
        assert!(answers(other.as_object().expect("an object")).is_err());
    }
}
