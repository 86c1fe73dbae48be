//! The tools of a user's connectors, for hosts with a tool loop of their own: listed, called, tested.
//! Descriptors and results pass as raw values.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use keyway_connectors::{Error as UseCaseError, access_token::Gate, contact::Listing, registry};
use keyway_model::{
    Caller, Connector, ConnectorId, ConnectorKey, ConnectorState, Health, HealthStatus, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    activity::CallEnded,
    attention::{Attention, attention},
    client::{CallOfTool, Done, Task, perform},
    error::{Error, Result},
    gateway::Gateway,
    names,
};

/// How long a stored list is good without asking again.
const FRESH: Duration = Duration::from_secs(300);
/// How long one connector may hold up the list of all.
const DEADLINE: Duration = Duration::from_secs(12);
const AT_ONCE: usize = 16;
/// How servers answer a call of a tool that they do not have (JSON-RPC 2.0 §5.1).
const INVALID_PARAMS: i64 = -32602;
const METHOD_NOT_FOUND: i64 = -32601;

/// A tool as hosts see it.
#[derive(Debug, Serialize)]
pub struct Tool {
    /// The name among the user's tools: `{slug}__{tool}`.
    pub name: String,
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
}

/// A connector whose tools are not there.
#[derive(Debug)]
pub struct Unavailable {
    /// The connector's slug.
    pub connector: String,
    /// Why.
    pub error: Error,
    /// Where a person can help.
    pub attention: Option<Attention>,
}

/// The tools of all of the user's connectors.
#[derive(Debug)]
pub struct AllTools {
    /// The tools, by connector and in the server's order.
    pub tools: Vec<Tool>,
    /// The connectors that have none to show.
    pub unavailable: Vec<Unavailable>,
}

/// The tools of one connector.
#[derive(Debug)]
pub struct ToolsOfConnector {
    /// The tools, in the server's order.
    pub tools: Vec<Tool>,
    /// When they were listed.
    pub fresh_at: Timestamp,
}

/// What a test found.
#[derive(Debug)]
pub enum TestReport {
    /// The connector works.
    Works {
        /// Its tools.
        tools: Vec<Tool>,
        /// The version spoken.
        protocol_version: Option<String>,
    },
    /// It does not.
    Fails(Error),
}

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
}

impl ToolCall {
    /// The connector and the tool behind a name of [`list_all`].
    pub fn split_name(name: &str) -> Result<(ConnectorKey, String)> {
        let (slug, tool) = names::split(name).ok_or(Error::ToolNotFound)?;
        Ok((ConnectorKey::Slug(slug), tool.to_owned()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    name: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    input_schema: Option<Box<RawValue>>,
    #[serde(default)]
    annotations: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotations {
    #[serde(default)]
    read_only_hint: bool,
    #[serde(default)]
    destructive_hint: bool,
}

/// Describes the tools; a descriptor that is not one is left out.
fn describe(connector: &Connector, tools: &[Box<RawValue>], stale: bool) -> Vec<Tool> {
    let read = tools.iter().filter_map(|raw| serde_json::from_str::<Descriptor>(raw.get()).ok());
    read.map(|descriptor| {
        let hints = descriptor.annotations.as_deref().map(RawValue::get);
        let hints: Annotations =
            hints.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Tool {
            name: names::qualified(&connector.slug, &descriptor.name),
            connector: connector.slug.to_string(),
            tool: descriptor.name,
            title: descriptor.title,
            description: descriptor.description,
            input_schema: descriptor.input_schema,
            annotations: descriptor.annotations,
            access: if hints.read_only_hint && !hints.destructive_hint { "read" } else { "write" },
            stale,
        }
    })
    .collect()
}

/// The tools of all of the caller's connectors that are switched on. One that is slow, down or signed
/// out does not hold up the others.
pub async fn list_all(gateway: &Gateway, caller: &Caller) -> Result<AllTools> {
    let views = registry::list(&gateway.cx, caller).await?;
    let on = views.into_iter().map(|view| view.connector).filter(|connector| connector.enabled);
    let lists = stream::iter(on.map(|connector| async move {
        let listed = tokio::time::timeout(DEADLINE, list(gateway, caller, &connector)).await;
        let timeout = Error::UpstreamTimeout { connector: connector.reference() };
        let listed = listed.unwrap_or(Err(timeout));
        (connector, listed)
    }));
    let mut lists = lists.buffered(AT_ONCE);
    let mut all = AllTools { tools: Vec::new(), unavailable: Vec::new() };
    while let Some((connector, listed)) = lists.next().await {
        match listed {
            Ok(mut listed) => all.tools.append(&mut listed.tools),
            Err(error) => all.unavailable.push(Unavailable {
                connector: connector.slug.to_string(),
                attention: match &error {
                    Error::Connectors(cause) => attention(gateway, cause),
                    _ => None,
                },
                error,
            }),
        }
    }
    Ok(all)
}

/// The tools of one of the caller's connectors.
pub async fn of_connector(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
) -> Result<ToolsOfConnector> {
    let connector = registry::find(&gateway.cx, caller, key).await?.connector;
    if !connector.enabled {
        return Err(UseCaseError::Disabled(connector.reference()).into());
    }
    list(gateway, caller, &connector).await
}

/// The stored list where it is fresh, else what the server says, else the stored list as a stale one.
async fn list(
    gateway: &Gateway,
    caller: &Caller,
    connector: &Connector,
) -> Result<ToolsOfConnector> {
    let cx = &gateway.cx;
    let stored = cx.database.tool_list(&caller.user, connector.id).await;
    let stored = stored.map_err(UseCaseError::from)?;
    let now = cx.clock.now();
    let parsed = stored.and_then(|stored| {
        let tools: Vec<Box<RawValue>> = serde_json::from_str(&stored.tools_json).ok()?;
        Some((tools, stored.fetched_at))
    });
    if let Some((tools, fetched_at)) = &parsed
        && connector.state == ConnectorState::Ready
        && now.since(*fetched_at) < FRESH
    {
        let tools = describe(connector, tools, false);
        return Ok(ToolsOfConnector { tools, fresh_at: *fetched_at });
    }
    match fetch(gateway, caller, connector.id, Gate::Call).await {
        Ok((listing, _)) => {
            let tools = describe(connector, &listing.tools, false);
            Ok(ToolsOfConnector { tools, fresh_at: now })
        }
        Err(error) => match (parsed, is_passing(&error)) {
            (Some((tools, fresh_at)), true) => {
                Ok(ToolsOfConnector { tools: describe(connector, &tools, true), fresh_at })
            }
            _ => Err(error),
        },
    }
}

/// Whether the error says nothing about the list itself.
fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::UpstreamUnreachable { .. }
            | Error::UpstreamTimeout { .. }
            | Error::UpstreamError { .. }
            | Error::Connectors(UseCaseError::RefreshUnavailable { .. })
    )
}

/// Asks the server for its tools, and writes down what it said.
async fn fetch(
    gateway: &Gateway,
    caller: &Caller,
    connector: ConnectorId,
    gate: Gate,
) -> Result<(Listing, Connector)> {
    let key = ConnectorKey::Id(connector);
    let (done, credential) = perform(gateway, caller, &key, gate, Task::List).await?;
    let Done::Listed(listing) = done else { return Err(Error::ToolNotFound) };
    record(gateway, &credential.connector, &listing).await?;
    Ok((listing, credential.connector.clone()))
}

async fn record(gateway: &Gateway, connector: &Connector, listing: &Listing) -> Result<()> {
    let cx = &gateway.cx;
    let (user, id, now) = (&connector.user_id, connector.id, cx.clock.now());
    let json = serde_json::to_string(&listing.tools)
        .map_err(|error| UseCaseError::Internal(error.to_string()))?;
    let health = Health { status: HealthStatus::Ok, checked_at: Some(now), detail: None };
    let count = i64::try_from(listing.tools.len()).ok();
    let written = async {
        cx.database.save_tool_list(user, id, connector.revision, &json, now).await?;
        cx.database.record_contact(user, id, &health, listing.era.version(), count).await
    };
    written.await.map_err(UseCaseError::from)?;
    Ok(())
}

/// Calls a tool and hands back its result, byte for byte.
///
/// # Errors
/// [`Error::ToolNotFound`] where the name leads nowhere; everything a call can meet.
pub async fn call(gateway: &Gateway, caller: &Caller, call: ToolCall) -> Result<Box<RawValue>> {
    let tool = original_name(gateway, caller, &call).await?;
    let begun = gateway.cx.clock.now();
    let wanted = CallOfTool {
        tool: &tool,
        arguments: &call.arguments,
        input_responses: call.input_responses.as_deref(),
        request_state: call.request_state.as_deref(),
    };
    let task = Task::Call(&wanted);
    let done = perform(gateway, caller, &call.connector, Gate::Call, task).await;
    let outcome = match &done {
        Ok(_) => "ok",
        Err(Error::Connectors(_)) => "refused",
        Err(_) => "upstream_failed",
    };
    metrics::counter!("keyway_tool_calls_total", "outcome" => outcome).increment(1);
    let result = match &done {
        Ok((Done::Called(result), credential)) => Some((&**credential, result.get().len())),
        _ => None,
    };
    let ended =
        CallEnded { caller, connector: &call.connector, tool: &tool, begun, outcome, result };
    ended.record(gateway).await;
    match done {
        Ok((Done::Called(result), _)) => Ok(result),
        Ok((Done::Listed(_), _)) => Err(Error::ToolNotFound),
        Err(Error::UpstreamRefused { code: INVALID_PARAMS | METHOD_NOT_FOUND, .. })
            if !is_listed(gateway, caller, &call.connector, &tool).await =>
        {
            Err(Error::ToolNotFound)
        }
        Err(error) => Err(error),
    }
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
    let wanted = format!("{slug}__{}", call.tool);
    let listed = of_connector(gateway, caller, &call.connector).await?;
    let found = listed.tools.into_iter().find(|tool| tool.name == wanted || tool.tool == call.tool);
    Ok(found.map_or_else(|| call.tool.clone(), |tool| tool.tool))
}

/// Contacts the connector's server for real: updates health, tools and version, renews the token, marks
/// the state as a call would, and heals `reauth_required` when it succeeds.
pub async fn test(gateway: &Gateway, caller: &Caller, key: &ConnectorKey) -> Result<TestReport> {
    let cx = &gateway.cx;
    let connector = registry::find(cx, caller, key).await?.connector;
    match fetch(gateway, caller, connector.id, Gate::Test).await {
        Ok((listing, connector)) => {
            if connector.state == ConnectorState::ReauthRequired {
                let (user, state) = (&connector.user_id, ConnectorState::Ready);
                let healed = cx.database.set_state(user, connector.id, state, None, &[]).await;
                healed.map_err(UseCaseError::from)?;
                cx.credentials.forget(connector.id);
            }
            let protocol_version = listing.era.version().map(str::to_owned);
            let tools = describe(&connector, &listing.tools, false);
            Ok(TestReport::Works { tools, protocol_version })
        }
        Err(Error::Connectors(
            error @ (UseCaseError::NotFound | UseCaseError::Disabled(_) | UseCaseError::Storage(_)),
        )) => Err(error.into()),
        Err(error) => {
            record_failure(gateway, &connector, &error).await?;
            Ok(TestReport::Fails(error))
        }
    }
}

/// Writes down how a contact that failed went; an error that came without one says nothing of it.
async fn record_failure(gateway: &Gateway, connector: &Connector, error: &Error) -> Result<()> {
    let (status, detail) = match error {
        Error::UpstreamUnreachable { .. } | Error::UpstreamTimeout { .. } => {
            (HealthStatus::Unreachable, Some(error.to_string()))
        }
        Error::UpstreamError { .. } | Error::UpstreamRefused { .. } => {
            (HealthStatus::UpstreamError, Some(error.to_string()))
        }
        _ => return Ok(()),
    };
    let cx = &gateway.cx;
    let health = Health { status, checked_at: Some(cx.clock.now()), detail };
    let (user, id) = (&connector.user_id, connector.id);
    let written = cx.database.record_contact(user, id, &health, None, None).await;
    written.map_err(UseCaseError::from)?;
    Ok(())
}
