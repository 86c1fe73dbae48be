//! The tools of one connector as they are listed, called and tested. Schemas and results pass as raw JSON, so that nothing that a
//! server says is lost.

use keyway_gateway::tools::{
    TestReport as Tested, Tool as GatewayTool, ToolCall, ToolChange as GatewayChange, ToolPatch,
    ToolsOfConnector, Warning,
};
use keyway_model::{Timestamp, ToolMode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::schema;
use crate::error::Problem;

/// The tools of one connector.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tools {
    tools: Vec<Tool>,
    /// When they were listed.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    fresh_at: Option<Timestamp>,
}

/// A tool of one connector.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tool {
    /// Its name at the server.
    name: String,
    #[schema(required = true)]
    title: Option<String>,
    #[schema(required = true)]
    description: Option<String>,
    /// The JSON Schema of its arguments, as the server sent it.
    #[schema(value_type = Value, required = true)]
    input_schema: Option<Box<RawValue>>,
    /// Its annotations, as the server sent them.
    #[schema(value_type = Value, required = true)]
    annotations: Option<Box<RawValue>>,
    /// Whether it only reads, as the server says.
    #[schema(value_type = Access)]
    access: &'static str,
    /// Whether it may be called.
    #[schema(schema_with = schema::tool_mode)]
    mode: ToolMode,
    /// What is odd about it.
    #[schema(value_type = Vec<ToolWarning>)]
    warnings: Vec<Warning>,
    /// What changed since a person looked at it; null where nothing did.
    #[schema(required = true)]
    changed: Option<ToolChange>,
}

/// Whether a tool only reads.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the gateway says")]
pub(crate) enum Access {
    Read,
    Write,
}

/// What is odd about a tool: `hidden_characters` that a person does not see and a model reads, in its name,
/// its texts or its schema; or texts that were `shortened`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the gateway says")]
pub(crate) enum ToolWarning {
    HiddenCharacters,
    Shortened,
}

/// What changed of a tool since a person looked at it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolChange {
    /// Names the descriptor as it is now, for `accept_change`.
    descriptor: String,
    /// When the change was first seen.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    at: Option<Timestamp>,
    /// The members that changed; none where the difference is beyond what is kept of very long ones.
    members: Vec<ChangedMember>,
}

/// A member of a tool's descriptor that changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangedMember {
    #[schema(value_type = MemberName)]
    member: &'static str,
    /// As it was: a text as it is, anything else as JSON text; null where there was none.
    #[schema(required = true)]
    before: Option<String>,
    /// As it is now; null where there is none.
    #[schema(required = true)]
    after: Option<String>,
}

/// The members of a descriptor that are watched.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the gateway says")]
pub(crate) enum MemberName {
    Title,
    Description,
    InputSchema,
    OutputSchema,
    Annotations,
}

/// A change of how a tool may be called; what is not mentioned stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ToolPatch)]
pub(crate) struct ChangeTool {
    /// How it may be called. Setting it forgets what was decided about calls of the tool.
    #[serde(default)]
    #[schema(schema_with = schema::tool_mode)]
    mode: Option<ToolMode>,
    /// A person looked at the changed tool: the `changed.descriptor` that they saw. 412 where the tool has
    /// changed again since.
    #[serde(default)]
    #[schema(nullable = false)]
    accept_change: Option<String>,
}

/// A call of a tool: `connector` and `tool`, or the `name` of the list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallTool {
    /// The connector's id or slug.
    #[serde(default)]
    connector: Option<String>,
    /// The tool's name at the server.
    #[serde(default)]
    tool: Option<String>,
    /// The `name` of a listed tool, in any of the list's formats.
    #[serde(default)]
    name: Option<String>,
    /// The arguments, an object.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    arguments: Option<Box<RawValue>>,
    /// The answers to the `inputRequests` of an `input_required` result, under the same keys.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    input_responses: Option<Box<RawValue>>,
    /// The `requestState` of that result, as it came.
    #[serde(default)]
    request_state: Option<String>,
    /// The approval that a person gave, after `approval_needed`.
    #[serde(default)]
    #[schema(nullable = false)]
    approval_id: Option<String>,
}

/// What a real contact with a connector's server showed.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct TestReport {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tools: Option<Vec<Tool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    protocol_version: Option<String>,
    /// The stable code of what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    code: Option<&'static str>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

impl From<GatewayTool> for Tool {
    fn from(tool: GatewayTool) -> Self {
        Self {
            name: tool.tool,
            title: tool.title,
            description: tool.description,
            input_schema: tool.input_schema,
            annotations: tool.annotations,
            access: tool.access,
            mode: tool.mode,
            warnings: tool.warnings,
            changed: tool.changed.map(ToolChange::from),
        }
    }
}

impl From<GatewayChange> for ToolChange {
    fn from(change: GatewayChange) -> Self {
        let members = change.members.into_iter().map(|member| ChangedMember {
            member: member.member,
            before: member.before,
            after: member.after,
        });
        Self { descriptor: change.descriptor, at: change.at, members: members.collect() }
    }
}

impl From<ChangeTool> for ToolPatch {
    fn from(body: ChangeTool) -> Self {
        Self { mode: body.mode, accept_change: body.accept_change }
    }
}

impl From<ToolsOfConnector> for Tools {
    fn from(listed: ToolsOfConnector) -> Self {
        let tools = listed.tools.into_iter().map(Tool::from).collect();
        Self { tools, fresh_at: Some(listed.fresh_at) }
    }
}

impl From<Tested> for TestReport {
    fn from(tested: Tested) -> Self {
        match tested {
            Tested::Works { tools, protocol_version } => Self {
                ok: true,
                tools: Some(tools.into_iter().map(Tool::from).collect()),
                protocol_version,
                ..Self::default()
            },
            Tested::Fails(error) => {
                let problem = Problem::from(error);
                let (code, detail) = (problem.code().as_str(), problem.detail().to_owned());
                Self { code: Some(code), detail: Some(detail), ..Self::default() }
            }
        }
    }
}

impl TryFrom<CallTool> for ToolCall {
    type Error = Problem;

    fn try_from(body: CallTool) -> Result<Self, Problem> {
        let arguments = match body.arguments {
            Some(arguments) if arguments.get().starts_with('{') => arguments,
            Some(_) => return Err(Problem::invalid("arguments must be an object")),
            None => RawValue::from_string("{}".to_owned()).map_err(Problem::internal)?,
        };
        let input_responses = body.input_responses;
        if input_responses.as_deref().is_some_and(|raw| !raw.get().starts_with('{')) {
            return Err(Problem::invalid("input_responses must be an object"));
        }
        let (connector, tool) = match (body.connector, body.tool, body.name) {
            (Some(connector), Some(tool), None) => {
                let connector = connector.parse();
                let unknown = |_| Problem::not_found("there is no such connector");
                (connector.map_err(unknown)?, tool)
            }
            (None, None, Some(name)) => Self::split_name(&name)?,
            _ => {
                let text = "name the tool by connector and tool, or by name alone";
                return Err(Problem::invalid(text));
            }
        };
        let approval_id = body.approval_id.as_deref().map(str::parse).transpose();
        let approval_id =
            approval_id.map_err(|_| Problem::invalid("approval_id is none that was given out"))?;
        let request_state = body.request_state;
        Ok(Self { connector, tool, arguments, input_responses, request_state, approval_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn call(body: &str) -> Result<ToolCall, Code> {
        let body: CallTool = serde_json::from_str(body).unwrap();
        ToolCall::try_from(body).map_err(|problem| problem.code())
    }

    #[test]
    fn a_tool_is_named_in_one_of_two_ways() {
        let both = r#"{"connector": "notes", "tool": "a", "name": "notes__a"}"#;
        assert_eq!(call(both).err(), Some(Code::InvalidRequest));
        assert_eq!(call(r#"{"connector": "notes"}"#).err(), Some(Code::InvalidRequest));
        assert_eq!(call(r#"{"name": "nothing"}"#).err(), Some(Code::ToolNotFound));
        assert_eq!(call(r#"{"name": "notes__a"}"#).unwrap().tool, "a");
    }

    #[test]
    fn arguments_keep_every_byte_and_are_an_object() {
        let big = r#"{"connector":"notes","tool":"a","arguments":{"n":12345678901234567890123}}"#;
        assert_eq!(call(big).unwrap().arguments.get(), r#"{"n":12345678901234567890123}"#);
        assert_eq!(call(r#"{"connector":"notes","tool":"a"}"#).unwrap().arguments.get(), "{}");
        let list = r#"{"connector":"notes","tool":"a","arguments":[1]}"#;
        assert_eq!(call(list).err(), Some(Code::InvalidRequest));
    }
}
