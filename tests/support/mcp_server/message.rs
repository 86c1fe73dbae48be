//! One JSON-RPC message as it came in, with the parts that must not change kept as raw text.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The parts of a message that the server looks at. What is no JSON-RPC has an empty method.
#[derive(Default, Deserialize)]
pub(super) struct Message {
    pub(super) id: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) method: String,
    #[serde(default)]
    pub(super) params: Params,
    result: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Params {
    pub(super) name: Option<String>,
    pub(super) uri: Option<String>,
    pub(super) cursor: Option<String>,
    pub(super) arguments: Option<Box<RawValue>>,
    pub(super) protocol_version: Option<String>,
    pub(super) input_responses: Option<Value>,
    pub(super) request_state: Option<String>,
    #[serde(rename = "_meta")]
    pub(super) meta: Value,
}

impl Message {
    pub(super) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The id as raw text; `null` for a notification.
    pub(super) fn id(&self) -> &str {
        self.id.as_ref().map_or("null", |id| id.get())
    }

    /// What a message without a method says, raw.
    pub(super) fn answer(&self) -> String {
        let answer = self.result.as_ref().or(self.error.as_ref());
        answer.map_or_else(String::new, |answer| answer.get().to_owned())
    }

    /// The arguments of a tool call as raw text.
    pub(super) fn arguments(&self) -> &str {
        self.params.arguments.as_ref().map_or("{}", |arguments| arguments.get())
    }

    /// One argument of a tool call, decoded.
    pub(super) fn argument(&self, name: &str) -> Value {
        let arguments: Value = serde_json::from_str(self.arguments()).unwrap_or_default();
        arguments[name].clone()
    }

    /// A member of `_meta` under the reserved prefix.
    pub(super) fn meta(&self, name: &str) -> &Value {
        &self.params.meta[format!("io.modelcontextprotocol/{name}")]
    }

    /// What `Mcp-Name` must say.
    pub(super) fn name(&self) -> Option<&str> {
        match self.method.as_str() {
            "tools/call" | "prompts/get" => self.params.name.as_deref(),
            "resources/read" => self.params.uri.as_deref(),
            _ => None,
        }
    }
}
