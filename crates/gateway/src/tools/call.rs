//! One call of a tool.

use std::sync::Arc;

use keyway_connectors::{
    access_token::{Credential, Gate},
    upstream::RawObject,
};
use keyway_model::{ApprovalId, Caller, ConnectorKey};
use serde_json::value::RawValue;

use super::of_connector;
use crate::{
    activity::CallEnded,
    client::{Done, Task, Wanted, perform},
    error::{Error, Result, unwritable},
    gateway::Gateway,
    names,
    policy::Admission,
};

/// How servers answer a call of a tool that they do not have (JSON-RPC 2.0 §5.1).
const INVALID_PARAMS: i64 = -32602;
const METHOD_NOT_FOUND: i64 = -32601;

/// A call of a tool.
pub struct ToolCall {
    /// Which connector.
    pub connector: ConnectorKey,
    /// The tool's name at the server, or the part behind `{slug}__`.
    pub tool: String,
    /// The arguments, raw.
    pub arguments: Box<RawValue>,
    /// What the server asked for in an earlier round, raw (MCP 2026-07-28, multi round-trip requests).
    pub input_responses: Option<Box<RawValue>>,
    /// The server's own state of that round, byte for byte.
    pub request_state: Option<String>,
    /// The approval that a person gave.
    pub approval_id: Option<ApprovalId>,
}

impl ToolCall {
    /// The connector and the tool behind a name of [`list_all`](super::list_all), in either form.
    pub fn split_name(name: &str) -> Result<(ConnectorKey, String)> {
        let (slug, tool) = names::split(name).ok_or(Error::ToolNotFound)?;
        Ok((ConnectorKey::Slug(slug), tool.to_owned()))
    }
}

/// Calls a tool and hands back its result, byte for byte.
///
/// # Errors
/// [`Error::ToolNotFound`] where the name leads nowhere; everything a call can meet.
pub async fn call(gateway: &Gateway, caller: &Caller, call: ToolCall) -> Result<Box<RawValue>> {
    let tool = original_name(gateway, caller, &call).await?;
    let begun = gateway.cx.clock.now();
    let done = send(gateway, caller, &call, &tool).await;
    let outcome = match &done {
        Ok(_) => "ok",
        Err(error) if error.is_refusal() => "refused",
        Err(_) => "upstream_failed",
    };
    metrics::counter!("keyway_tool_calls_total", "outcome" => outcome).increment(1);
    let result = match &done {
        Ok((Done::Answered(result), credential)) => Some((&**credential, result.get().len())),
        _ => None,
    };
    let ended =
        CallEnded { caller, connector: &call.connector, tool: &tool, begun, outcome, result };
    ended.record(gateway).await;
    match done {
        Ok((Done::Answered(result), _)) => Ok(result),
        Ok(_) => Err(Error::ToolNotFound),
        Err(Error::UpstreamRefused { code: INVALID_PARAMS | METHOD_NOT_FOUND, .. })
            if !is_listed(gateway, caller, &call.connector, &tool).await =>
        {
            Err(Error::ToolNotFound)
        }
        Err(error) => Err(error),
    }
}

async fn send(
    gateway: &Gateway,
    caller: &Caller,
    call: &ToolCall,
    tool: &str,
) -> Result<(Done, Arc<Credential>)> {
    let mut params = RawObject::default();
    params.write("name", &tool).map_err(unwritable)?;
    params.set("arguments", call.arguments.clone());
    if let Some(responses) = &call.input_responses {
        params.set("inputResponses", responses.clone());
    }
    if let Some(state) = &call.request_state {
        params.write("requestState", state).map_err(unwritable)?;
    }
    let admission = Admission::new(caller, call.approval_id).with_state_of(&params);
    let wanted = Wanted { method: "tools/call", params, name: Some(tool), admission: &admission };
    let nobody = gateway.nobody();
    let task = Task::Ask(&wanted);
    let done = perform(gateway, caller, &call.connector, Gate::Call, &nobody, task).await?;
    if let (Done::Answered(result), _) = &done {
        admission.note_answer(gateway, result).await;
    }
    Ok(done)
}

/// Whether the last list of the connector's tools has this one.
async fn is_listed(gateway: &Gateway, caller: &Caller, key: &ConnectorKey, tool: &str) -> bool {
    let listed = of_connector(gateway, caller, key).await;
    listed.is_ok_and(|listed| listed.tools.iter().any(|known| known.tool == tool))
}

/// The name at the server: a name that was changed to fit beside others' carries a digest, and only the
/// list of tools tells what it stands for.
async fn original_name(gateway: &Gateway, caller: &Caller, call: &ToolCall) -> Result<String> {
    let ConnectorKey::Slug(slug) = &call.connector else { return Ok(call.tool.clone()) };
    if !names::may_be_changed(&call.tool) {
        return Ok(call.tool.clone());
    }
    let listed = of_connector(gateway, caller, &call.connector).await?;
    let tools: Vec<_> = listed.tools.iter().map(|tool| tool.tool.as_str()).collect();
    Ok(names::original(slug, &call.tool, &tools).unwrap_or(&call.tool).to_owned())
}
