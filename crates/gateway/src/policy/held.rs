//! Calls that hang on the tool's descriptor: of a tool that waits for a person, or on a connector that is
//! read-only.

use std::time::Duration;

use keyway_connectors::Error as UseCaseError;
use keyway_model::{
    ApprovalId, ApprovedCall, AskedCall, Connector, SeenDescriptor, Standing, ToolMode,
};
use serde_json::value::RawValue;

use super::{Admission, Approved, canonical, descriptor, rounds::round};
use crate::{
    error::{Error, Result},
    gateway::Gateway,
    tools,
};

/// How long a person has to decide, and then the caller to call again.
pub(crate) const WAIT: Duration = Duration::from_secs(15 * 60);
/// How old the list may be by which a call of a tool that waits for a person is judged.
const FRESH_TO_ASK: Duration = Duration::from_secs(5);
/// How old it may be where only its word for reading counts.
const FRESH_TO_READ: Duration = Duration::from_secs(300);
/// How much of the arguments a person is shown, in bytes.
const SHOWN: usize = 64 * 1024;

pub(super) async fn check(
    admission: &Admission<'_>,
    gateway: &Gateway,
    connector: &Connector,
    tool: &str,
    arguments: &RawValue,
) -> Result<()> {
    let asks = connector.tool_modes.of(tool) == ToolMode::Ask;
    let freshness = if asks { FRESH_TO_ASK } else { FRESH_TO_READ };
    tools::list_again(gateway, admission.caller, connector, freshness).await;
    let seen = seen(gateway, connector, tool).await?;
    if connector.read_only && seen.as_ref().is_none_or(descriptor::may_write) {
        let (connector, tool) = (connector.reference(), tool.to_owned());
        return Err(Error::ReadOnly { connector, tool });
    }
    if asks { ask(admission, gateway, connector, tool, arguments, seen).await } else { Ok(()) }
}

async fn seen(
    gateway: &Gateway,
    connector: &Connector,
    tool: &str,
) -> Result<Option<SeenDescriptor>> {
    if !descriptor::is_name(tool) {
        return Ok(None);
    }
    let found = gateway.cx.database.tool_descriptor(&connector.user_id, connector.id, tool).await;
    Ok(found.map_err(UseCaseError::from)?)
}

async fn ask(
    admission: &Admission<'_>,
    gateway: &Gateway,
    connector: &Connector,
    tool: &str,
    arguments: &RawValue,
    seen: Option<SeenDescriptor>,
) -> Result<()> {
    let changed = seen.as_ref().is_some_and(SeenDescriptor::is_changed);
    let descriptor_hash = seen.map_or_else(Vec::new, |seen| seen.current.hash);
    let approved = admission.approved.get();
    if !changed && approved.is_some_and(|it| it.call.descriptor_hash == descriptor_hash) {
        return Ok(());
    }
    let cx = &gateway.cx;
    let now = cx.clock.now();
    let call = ApprovedCall {
        user_id: connector.user_id.clone(),
        connector_id: connector.id,
        revision: connector.revision,
        tool: tool.to_owned(),
        arguments_hash: canonical::digest(arguments),
        descriptor_hash,
    };
    let round = admission.state.as_deref().map(|state| round(&call, state));
    let asked = AskedCall {
        call: &call,
        round: round.as_ref(),
        named: admission.named,
        is_held: changed,
        new_id: ApprovalId::new(now, &cx.random),
        arguments: &shown(arguments.get()).into(),
        arguments_size: i64::try_from(arguments.get().len()).unwrap_or(i64::MAX),
        now,
        expires_at: now.plus(WAIT),
    };
    let standing = cx.database.approval_standing(&asked).await.map_err(UseCaseError::from)?;
    // The first try decides; the others are of the same call.
    let admit = |once| {
        let _ = admission.approved.set(Approved { call, once });
        Ok(())
    };
    let (approval_id, denied) = match standing {
        Standing::Approved => return admit(None),
        Standing::ApprovedOnce(id) => return admit(Some(id)),
        Standing::Waiting(id) => (id, false),
        Standing::Denied(id) => (id, true),
    };
    Err(Error::ApprovalNeeded {
        connector: connector.reference(),
        tool: tool.to_owned(),
        approval_id,
        denied,
        changed,
    })
}

/// As much as a person is shown, cut between two characters.
fn shown(text: &str) -> String {
    text[..text.floor_char_boundary(SHOWN)].to_owned()
}
