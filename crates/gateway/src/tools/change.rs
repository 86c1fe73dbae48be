//! What a person says about a tool: how it may be called, and that a change of it is fine.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_connectors::{Error as UseCaseError, audit, registry};
use keyway_model::{Action, Caller, Connector, ConnectorKey, ToolMode};
use serde_json::value::RawValue;

use super::{FRESH, Tool, descriptor::describe, list_again, mark_changes};
use crate::{
    error::{Error, Result},
    gateway::Gateway,
    policy::is_name,
};

/// What is to be changed of a tool; what is `None` stays.
#[derive(Debug, Default)]
pub struct ToolPatch {
    /// How it may be called.
    pub mode: Option<ToolMode>,
    /// The changed descriptor that a person looked at, as [`ToolChange`](super::ToolChange) names it.
    pub accept_change: Option<String>,
}

/// Changes how a tool may be called, and takes note that a person looked at a change of it.
///
/// # Errors
/// [`Error::ToolNotFound`] where it was never listed, [`UseCaseError::Stale`] where it has changed again.
pub async fn change(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
    tool: &str,
    patch: ToolPatch,
) -> Result<Tool> {
    let cx = &gateway.cx;
    let mut connector = registry::find(cx, caller, key).await?.connector;
    expect_known(gateway, caller, &connector, tool).await?;
    let (user, id) = (&caller.user, connector.id);
    if let Some(accepted) = patch.accept_change {
        let hash = URL_SAFE_NO_PAD.decode(accepted).unwrap_or_default();
        let accepted = cx.database.accept_tool_descriptor(user, id, tool, &hash).await;
        if !accepted.map_err(UseCaseError::from)? {
            return Err(UseCaseError::Stale.into());
        }
        record(gateway, caller, &connector, tool, "accepted");
    }
    if let Some(mode) = patch.mode {
        let modes = cx.database.set_tool_mode(user, id, tool, mode).await;
        cx.credentials.forget(id);
        connector.tool_modes = modes.map_err(UseCaseError::from)?.ok_or(UseCaseError::NotFound)?;
        record(gateway, caller, &connector, tool, mode.as_str());
    }
    shown(gateway, &connector, tool).await
}

/// A tool is known when it was listed, or has a mode. Where it is not, the server is asked once more.
async fn expect_known(
    gateway: &Gateway,
    caller: &Caller,
    connector: &Connector,
    tool: &str,
) -> Result<()> {
    if !is_name(tool) {
        return Err(Error::ToolNotFound);
    }
    let known = async || {
        let seen = gateway.cx.database.tool_descriptor(&caller.user, connector.id, tool).await;
        seen.map(|seen| seen.is_some() || connector.tool_modes.hold(tool))
    };
    if known().await.map_err(UseCaseError::from)? {
        return Ok(());
    }
    list_again(gateway, caller, connector, FRESH).await;
    let known = known().await.map_err(UseCaseError::from)?;
    known.then_some(()).ok_or(Error::ToolNotFound)
}

fn record(gateway: &Gateway, caller: &Caller, connector: &Connector, tool: &str, outcome: &str) {
    let told = audit::activity_of(&gateway.cx, caller, Action::ToolChanged, outcome);
    audit::record(&gateway.cx, told.of(connector).about(tool));
}

/// The tool as the stored list has it; one that is listed no longer has nothing but a name and a mode.
async fn shown(gateway: &Gateway, connector: &Connector, tool: &str) -> Result<Tool> {
    let stored = gateway.cx.database.tool_list(&connector.user_id, connector.id).await;
    let stored = stored.map_err(UseCaseError::from)?.map(|list| list.tools_json);
    let listed: Vec<Box<RawValue>> =
        stored.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let mut tools = describe(connector, &listed, false);
    mark_changes(gateway, connector, &mut tools).await?;
    if let Some(found) = tools.into_iter().find(|found| found.tool == tool) {
        return Ok(found);
    }
    let bare = serde_json::value::to_raw_value(&serde_json::json!({ "name": tool }));
    let bare = bare.map_err(|error| UseCaseError::Internal(error.to_string()))?;
    describe(connector, &[bare], true).pop().ok_or(Error::ToolNotFound)
}
