//! What a person decides about calls that wait.

use keyway_connectors::{Error as UseCaseError, audit, registry};
use keyway_model::{Action, Activity, Approval, ApprovalId, Caller, ConnectorRef, Decision};

use super::held::WAIT;
use crate::{error::Result, gateway::Gateway};

/// A call that waits, with its connector.
#[derive(Debug)]
pub struct WaitingCall {
    /// The call.
    pub approval: Approval,
    /// Its connector.
    pub connector: ConnectorRef,
    /// The name that the connector is shown by.
    pub connector_name: String,
}

/// The caller's calls that wait for a person, the oldest first.
pub async fn waiting(gateway: &Gateway, caller: &Caller) -> Result<Vec<WaitingCall>> {
    let cx = &gateway.cx;
    let waiting = cx.database.waiting_approvals(&caller.user, cx.clock.now()).await;
    let waiting = waiting.map_err(UseCaseError::from)?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let connectors = registry::list(cx, caller).await?;
    let with_connector = |approval: Approval| {
        let view = connectors.iter().find(|view| {
            let connector = &view.connector;
            connector.id == approval.call.connector_id
                && connector.revision == approval.call.revision
        })?;
        let connector = view.connector.reference();
        Some(WaitingCall { approval, connector, connector_name: view.connector.name.clone() })
    };
    Ok(waiting.into_iter().filter_map(with_connector).collect())
}

/// Writes down what the caller, a person, decides about a call. Each is decided once.
///
/// # Errors
/// [`UseCaseError::NotFound`], [`UseCaseError::Conflict`] where it was decided before or is over.
pub async fn decide(
    gateway: &Gateway,
    caller: &Caller,
    id: ApprovalId,
    decision: Decision,
) -> Result<()> {
    let cx = &gateway.cx;
    let found = cx.database.approval(&caller.user, id).await.map_err(UseCaseError::from)?;
    let found = found.filter(|found| caller.may_use(found.call.connector_id));
    let approval = found.ok_or(UseCaseError::NotFound)?;
    let now = cx.clock.now();
    let decided = cx.database.decide_approval(&approval, decision, now, now.plus(WAIT)).await;
    if !decided.map_err(UseCaseError::from)? {
        let text = "this was decided before, or nobody decided in time; call the tool again";
        return Err(UseCaseError::Conflict(text.into()).into());
    }
    let told = audit::activity_of(cx, caller, Action::CallDecided, decision.as_str());
    let connector_id = Some(approval.call.connector_id);
    audit::record(cx, Activity { connector_id, ..told.about(&approval.call.tool) });
    Ok(())
}
