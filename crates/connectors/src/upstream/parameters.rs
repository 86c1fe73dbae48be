//! Parameters of a tool that the stateless wire repeats as headers (MCP 2026-07-28, `x-mcp-header`).

use std::collections::HashSet;

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Failure, headers::encoded};

const ANNOTATION: &str = "x-mcp-header";
const PREFIX: &str = "mcp-param-";
/// The largest integer that every JSON reader keeps exactly.
const LARGEST_INTEGER: i64 = (1 << 53) - 1;

/// Why a tool's annotations cannot be used; such a tool is not to be shown.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the parameter {path} has an x-mcp-header that cannot be used: {reason}")]
pub struct InvalidHeaderParameter {
    /// The parameter, by its path.
    pub path: String,
    /// What is wrong.
    pub reason: &'static str,
}

/// The annotated parameters of one tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderParameters(Vec<(HeaderName, Vec<String>)>);

impl HeaderParameters {
    /// Reads the annotations of an input schema.
    ///
    /// # Errors
    /// [`InvalidHeaderParameter`] where one is not a token, is used twice, is on something else than a
    /// string, integer or boolean, or is not reached through `properties` alone.
    pub fn of_schema(schema: &Value) -> Result<Self, InvalidHeaderParameter> {
        let mut found = Self::default();
        let mut reader = Reader { names: HashSet::new(), found: &mut found };
        reader.object(schema, &mut Vec::new())?;
        Ok(found)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the headers.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// The headers for these arguments; a parameter that is absent or null has none.
    pub fn headers(&self, arguments: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let present = self.0.iter().filter_map(|(name, path)| {
            let value = path.iter().try_fold(arguments, |value, step| value.get(step))?;
            Some((name, text(value)?))
        });
        present.map(|(name, text)| Ok((name.clone(), encoded(&text)?))).collect()
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => {
            let integer = number.as_i64().filter(|n| n.abs() <= LARGEST_INTEGER)?;
            Some(integer.to_string())
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

struct Reader<'a> {
    names: HashSet<String>,
    found: &'a mut HeaderParameters,
}

impl Reader<'_> {
    fn object(
        &mut self,
        schema: &Value,
        path: &mut Vec<String>,
    ) -> Result<(), InvalidHeaderParameter> {
        let Value::Object(schema) = schema else { return Ok(()) };
        for (keyword, value) in schema {
            match (keyword.as_str(), value) {
                ("properties", Value::Object(properties)) => self.properties(properties, path)?,
                (ANNOTATION, _) => {}
                (_, value) if is_annotated(value) => {
                    return Err(invalid(path, "it is not reached through properties alone"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn properties(
        &mut self,
        properties: &Map<String, Value>,
        path: &mut Vec<String>,
    ) -> Result<(), InvalidHeaderParameter> {
        for (name, property) in properties {
            path.push(name.clone());
            if let Some(annotation) = property.get(ANNOTATION) {
                self.annotation(annotation, property, path)?;
            }
            self.object(property, path)?;
            path.pop();
        }
        Ok(())
    }

    fn annotation(
        &mut self,
        annotation: &Value,
        property: &Value,
        path: &[String],
    ) -> Result<(), InvalidHeaderParameter> {
        let Some(name) = annotation.as_str().filter(|name| !name.is_empty()) else {
            return Err(invalid(path, "it is empty or no text"));
        };
        let kind = property.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("string" | "integer" | "boolean")) {
            return Err(invalid(path, "only a string, an integer or a boolean can have one"));
        }
        if !self.names.insert(name.to_ascii_lowercase()) {
            return Err(invalid(path, "another parameter has the same"));
        }
        let header = HeaderName::try_from(format!("{PREFIX}{name}"));
        let header = header.map_err(|_| invalid(path, "it is not a token"))?;
        self.found.0.push((header, path.to_vec()));
        Ok(())
    }
}

fn invalid(path: &[String], reason: &'static str) -> InvalidHeaderParameter {
    InvalidHeaderParameter { path: path.join("."), reason }
}

/// Whether an annotation is anywhere within a schema.
fn is_annotated(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            map.iter().any(|(key, value)| key == ANNOTATION || is_annotated(value))
        }
        Value::Array(list) => list.iter().any(is_annotated),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn property(annotation: &Value, kind: &str) -> Value {
        json!({ "properties": { "region": { "type": kind, "x-mcp-header": annotation } } })
    }

    #[test]
    fn annotated_arguments_become_headers() {
        let schema = json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "deep": { "type": "object", "properties": { "n": { "type": "integer", "x-mcp-header": "N" } } },
            "dry": { "type": "boolean", "x-mcp-header": "Dry" },
            "none": { "type": "string", "x-mcp-header": "None" },
        }});
        let parameters = HeaderParameters::of_schema(&schema).unwrap();
        let arguments =
            json!({ "region": "Zürich", "deep": { "n": -7 }, "dry": true, "none": null });
        let mut headers = parameters.headers(&arguments).unwrap();
        headers.sort_by_key(|(name, _)| name.to_string());
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let region = ("mcp-param-region", "=?base64?WsO8cmljaA==?=");
        assert_eq!(headers, [("mcp-param-dry", "true"), ("mcp-param-n", "-7"), region]);
    }

    #[test]
    fn an_annotation_that_cannot_be_used_makes_the_tool_unusable() {
        for schema in [
            property(&json!(""), "string"),
            property(&json!(7), "string"),
            property(&json!("two words"), "string"),
            property(&json!("Bad:Name"), "string"),
            property(&json!("N"), "number"),
            property(&json!("N"), "object"),
            json!({ "properties": { "a": { "type": "string", "x-mcp-header": "X" },
                                    "b": { "type": "string", "x-mcp-header": "x" } } }),
            json!({ "properties": { "a": { "type": "array",
                "items": { "type": "string", "x-mcp-header": "X" } } } }),
            json!({ "oneOf": [property(&json!("X"), "string")] }),
        ] {
            assert!(HeaderParameters::of_schema(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn most_schemas_have_none() {
        let schema =
            json!({ "type": "object", "properties": { "a": { "$ref": "https://x.example/s" } } });
        assert!(HeaderParameters::of_schema(&schema).unwrap().is_empty());
    }
}
