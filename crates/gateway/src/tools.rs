//! The tools of a user's connectors, for hosts with a tool loop of their own: listed, called, tested.
//! Descriptors and results pass as raw values.

mod call;
mod change;
mod contact;
mod descriptor;

use std::time::Duration;

use keyway_connectors::{
    Error as UseCaseError,
    access_token::{Credential, Gate},
    contact::{Listing, Pages},
    registry,
};
use keyway_model::{
    Caller, Connector, ConnectorId, ConnectorKey, ConnectorState, Health, HealthStatus, Timestamp,
};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use self::descriptor::describe;
pub use self::{
    call::{ToolCall, call},
    change::{ToolPatch, change},
    contact::{TestReport, test},
    descriptor::{ChangedMember, Tool, ToolChange, Warning},
};
use crate::{
    attention::{Attention, attention},
    client::{Done, Task, perform},
    error::{Error, Result},
    gateway::Gateway,
    policy, waiting,
};

/// How long a stored list is good without asking again.
const FRESH: Duration = Duration::from_secs(300);

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

/// The tools of all of the caller's connectors that are switched on. One that is slow, down or signed
/// out does not hold up the others.
pub async fn list_all(gateway: &Gateway, caller: &Caller) -> Result<AllTools> {
    let views = registry::list(&gateway.cx, caller).await?;
    let on = views.into_iter().map(|view| view.connector).filter(|connector| connector.enabled);
    let enough = CancellationToken::new();
    let lists = on.map(|connector| async {
        let listed = list_in_time(gateway, caller, &connector, &enough).await;
        (connector, listed)
    });
    let lists = waiting::gather(lists, &enough, |(_, listed)| listed.is_ok()).await;
    let mut all = AllTools { tools: Vec::new(), unavailable: Vec::new() };
    for (connector, listed) in lists {
        match listed {
            Ok(listed) => {
                let admitted = |tool: &Tool| {
                    policy::admits_name(&connector, &tool.tool, tool.access == "write")
                };
                all.tools.extend(listed.tools.into_iter().filter(admitted));
            }
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
    let mut listed = list(gateway, caller, &connector).await?;
    mark_changes(gateway, &connector, &mut listed.tools).await?;
    Ok(listed)
}

/// Says of each tool what changed since a person looked at it.
async fn mark_changes(gateway: &Gateway, connector: &Connector, tools: &mut [Tool]) -> Result<()> {
    let changed =
        gateway.cx.database.changed_tool_descriptors(&connector.user_id, connector.id).await;
    for seen in changed.map_err(UseCaseError::from)? {
        if let Some(tool) = tools.iter_mut().find(|tool| tool.tool == seen.tool) {
            tool.changed = Some(ToolChange::of(&seen));
        }
    }
    Ok(())
}

/// The stored list where it is fresh, else what the server says, else the stored list as a stale one.
async fn list(
    gateway: &Gateway,
    caller: &Caller,
    connector: &Connector,
) -> Result<ToolsOfConnector> {
    let stored = stored(gateway, connector).await?;
    if let Some(fresh) = stored.as_ref().filter(|stored| stored.is_fresh(gateway, connector)) {
        return Ok(fresh.shown(connector, false));
    }
    let fetched = fetch(gateway, caller, connector.id, Gate::Call).await;
    shown(gateway, connector, fetched, stored)
}

/// The same, but what the server says only if it comes in time.
async fn list_in_time(
    gateway: &Gateway,
    caller: &Caller,
    connector: &Connector,
    enough: &CancellationToken,
) -> Result<ToolsOfConnector> {
    let stored = stored(gateway, connector).await?;
    if let Some(fresh) = stored.as_ref().filter(|stored| stored.is_fresh(gateway, connector)) {
        return Ok(fresh.shown(connector, false));
    }
    let trusted = gateway.catalogue.patience(connector);
    let patience = if stored.is_some() { waiting::GRACE } else { trusted };
    let (cloned, caller, id) = (gateway.clone(), caller.clone(), connector.id);
    let fetching = async move { fetch(&cloned, &caller, id, Gate::Call).await };
    // What comes late is written down by then, which is all that is wanted of it.
    let fetched = waiting::in_time(gateway, connector, (patience, enough), fetching, drop).await;
    let timeout = || Err(Error::UpstreamTimeout { connector: connector.reference() });
    shown(gateway, connector, fetched.unwrap_or_else(timeout), stored)
}

/// What the server said, or the stored list where it could not be asked.
fn shown(
    gateway: &Gateway,
    connector: &Connector,
    fetched: Result<(Listing, Pages)>,
    stored: Option<Stored>,
) -> Result<ToolsOfConnector> {
    match (fetched, stored) {
        (Ok((listing, _)), _) => {
            let tools = describe(connector, &listing.tools, false);
            Ok(ToolsOfConnector { tools, fresh_at: gateway.cx.clock.now() })
        }
        (Err(error), Some(stored)) if is_passing(&error) => Ok(stored.shown(connector, true)),
        (Err(error), _) => Err(error),
    }
}

/// The tools as they were listed last.
struct Stored {
    tools: Vec<Box<RawValue>>,
    fetched_at: Timestamp,
}

impl Stored {
    fn is_fresh(&self, gateway: &Gateway, connector: &Connector) -> bool {
        let age = gateway.cx.clock.now().since(self.fetched_at);
        connector.state == ConnectorState::Ready && age < FRESH
    }

    fn shown(&self, connector: &Connector, stale: bool) -> ToolsOfConnector {
        let tools = describe(connector, &self.tools, stale);
        ToolsOfConnector { tools, fresh_at: self.fetched_at }
    }
}

async fn stored(gateway: &Gateway, connector: &Connector) -> Result<Option<Stored>> {
    let stored = gateway.cx.database.tool_list(&connector.user_id, connector.id).await;
    Ok(stored.map_err(UseCaseError::from)?.and_then(|stored| {
        let tools = serde_json::from_str(&stored.tools_json).ok()?;
        Some(Stored { tools, fetched_at: stored.fetched_at })
    }))
}

/// Whether the error says nothing about the list itself.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::UpstreamUnreachable { .. }
            | Error::UpstreamTimeout { .. }
            | Error::UpstreamError { .. }
            | Error::Connectors(UseCaseError::RefreshUnavailable { .. })
    )
}

/// Lists the connector's tools once more where the stored list is older than `fresh`. What the server
/// says is written down; a server that says nothing changes nothing.
pub(crate) async fn list_again(
    gateway: &Gateway,
    caller: &Caller,
    connector: &Connector,
    fresh: Duration,
) {
    let cx = &gateway.cx;
    let stored = cx.database.tool_list(&connector.user_id, connector.id).await;
    let age = stored.ok().flatten().map(|stored| cx.clock.now().since(stored.fetched_at));
    if age.is_none_or(|age| age >= fresh)
        && let Err(error) = fetch(gateway, caller, connector.id, Gate::Call).await
    {
        tracing::debug!(%error, "the tools could not be listed again");
    }
}

/// Asks the server for its tools, and writes down what it said.
pub(crate) async fn fetch(
    gateway: &Gateway,
    caller: &Caller,
    connector: ConnectorId,
    gate: Gate,
) -> Result<(Listing, Pages)> {
    let key = ConnectorKey::Id(connector);
    let nobody = gateway.nobody();
    let (done, credential) = perform(gateway, caller, &key, gate, &nobody, Task::Tools).await?;
    let Done::Tools(listing, pages) = done else { return Err(Error::ToolNotFound) };
    record(gateway, &credential, &listing).await?;
    Ok((listing, pages))
}

async fn record(gateway: &Gateway, credential: &Credential, listing: &Listing) -> Result<()> {
    let cx = &gateway.cx;
    let (user, id, now) = (&credential.user_id, credential.connector.id, cx.clock.now());
    let json = serde_json::to_string(&listing.tools)
        .map_err(|error| UseCaseError::Internal(error.to_string()))?;
    let health = Health { status: HealthStatus::Ok, checked_at: Some(now), detail: None };
    let count = i64::try_from(listing.tools.len()).ok();
    let descriptors = policy::seen(&listing.tools);
    let written = async {
        let (database, revision) = (&cx.database, credential.revision);
        database.record_tool_descriptors(user, id, revision, &descriptors, now).await?;
        cx.database.save_tool_list(user, id, revision, &json, now).await?;
        cx.database.record_contact(user, id, &health, listing.era.version(), count).await
    };
    written.await.map_err(UseCaseError::from)?;
    Ok(())
}
