//! The tools of all of a user's connectors in one list, in Keyway's shape or in those of common model APIs.

use std::collections::HashSet;

use keyway_connectors::context::PublicUrl;
use keyway_gateway::tools::{AllTools, Tool as GatewayTool, Warning};
use keyway_model::ToolMode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{
    model_api, schema,
    tool::{Access, ToolWarning},
};
use crate::error::Problem;

/// The tools of all of the caller's connectors.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolCatalogue {
    tools: Vec<CatalogueTool>,
    /// The connectors whose tools are not there.
    unavailable: Vec<Unavailable>,
}

/// A tool, in the shape that was asked for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum CatalogueTool {
    /// Keyway's own shape.
    Keyway(NamedTool),
    /// As the OpenAI chat completions API takes it; its name has 64 characters of `[A-Za-z0-9_-]` at most.
    OpenAi {
        /// Always `function`.
        r#type: &'static str,
        function: OpenAiFunction,
    },
    /// As the Anthropic messages API takes it; its name has 64 characters of `[A-Za-z0-9_-]` at most.
    Anthropic {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[schema(value_type = Value)]
        input_schema: Box<RawValue>,
    },
}

/// A tool among all of the user's.
#[derive(Serialize, ToSchema)]
pub(crate) struct NamedTool {
    /// `{slug}__{tool}`.
    name: String,
    /// The connector's slug.
    connector: String,
    /// The name at the server.
    tool: String,
    #[schema(required = true)]
    description: Option<String>,
    #[schema(value_type = Value, required = true)]
    input_schema: Option<Box<RawValue>>,
    #[schema(value_type = Access)]
    access: &'static str,
    /// Whether the list is older than it should be.
    stale: bool,
    /// Whether a person is asked before it is called.
    #[schema(schema_with = schema::tool_mode)]
    mode: ToolMode,
    /// What is odd about it.
    #[schema(value_type = Vec<ToolWarning>)]
    warnings: Vec<Warning>,
}

/// A function of the OpenAI chat API.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiFunction {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[schema(value_type = Value)]
    parameters: Box<RawValue>,
}

/// A connector whose tools are not there.
#[derive(Serialize, ToSchema)]
pub(crate) struct Unavailable {
    /// The connector's slug.
    connector: String,
    /// The stable code of the reason.
    code: &'static str,
    /// Where a person can help.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sign_in_url: Option<String>,
}

/// The shape of the listed tools.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// As the OpenAI chat API takes them.
    Openai,
    /// As the Anthropic messages API takes them.
    Anthropic,
}

/// How the tools are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListToolsQuery {
    /// The shape of each tool; Keyway's own where it is absent.
    #[param(inline)]
    pub(crate) format: Option<Format>,
}

impl ToolCatalogue {
    /// The tools in this shape.
    pub(crate) fn new(all: AllTools, format: Option<Format>, public_url: &PublicUrl) -> Self {
        let unavailable = all.unavailable.into_iter().map(|missing| {
            let problem = Problem::from(missing.error);
            Unavailable {
                connector: missing.connector,
                code: problem.code().as_str(),
                sign_in_url: problem.sign_in_url(public_url),
            }
        });
        let mut seen = HashSet::new();
        // Model APIs refuse a request that names a tool twice.
        let fits =
            |tool: &GatewayTool| format.is_none() || seen.insert(tool.name_for_models.clone());
        let tools = all.tools.into_iter().filter(fits);
        let tools = tools.map(|tool| CatalogueTool::new(tool, format)).collect();
        Self { tools, unavailable: unavailable.collect() }
    }
}

impl CatalogueTool {
    fn new(tool: GatewayTool, format: Option<Format>) -> Self {
        let name = tool.name_for_models;
        match format {
            None => Self::Keyway(NamedTool {
                name: tool.name,
                connector: tool.connector,
                tool: tool.tool,
                description: tool.description,
                input_schema: tool.input_schema,
                access: tool.access,
                stale: tool.stale,
                mode: tool.mode,
                warnings: tool.warnings,
            }),
            Some(Format::Openai) => {
                let description = tool.description.map(model_api::short_description);
                let parameters = model_api::schema(tool.input_schema);
                let function = OpenAiFunction { name, description, parameters };
                Self::OpenAi { r#type: "function", function }
            }
            Some(Format::Anthropic) => {
                let input_schema = model_api::schema(tool.input_schema);
                Self::Anthropic { name, description: tool.description, input_schema }
            }
        }
    }
}
