//! Which parameters of a server's tools the stateless wire repeats as headers (MCP 2026-07-28, custom
//! headers).

use std::collections::HashMap;

use keyway_connectors::upstream::HeaderParameters;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The annotated parameters of tools, by the tool's name; a tool without any is not here.
#[derive(Default)]
pub(crate) struct ToolParameters(HashMap<String, HeaderParameters>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotated {
    name: String,
    input_schema: Value,
}

impl ToolParameters {
    /// Reads them from the descriptors of the tools, raw.
    pub(crate) fn of(tools: &[Box<RawValue>]) -> Self {
        Self(tools.iter().filter_map(|tool| annotated(tool)).collect())
    }

    /// Those of one tool.
    pub(crate) fn of_tool(&self, tool: &str) -> Option<&HeaderParameters> {
        self.0.get(tool)
    }
}

fn annotated(tool: &RawValue) -> Option<(String, HeaderParameters)> {
    let tool: Annotated = serde_json::from_str(tool.get()).ok()?;
    let parameters = HeaderParameters::of_schema(&tool.input_schema).ok()?;
    (!parameters.is_empty()).then_some((tool.name, parameters))
}
