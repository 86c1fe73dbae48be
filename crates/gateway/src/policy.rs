//! Tool policy: a tool can be switched off or wait for a person, a connector can be read-only. It holds
//! at every door, and costs nothing where a connector has none.

pub mod approvals;
mod canonical;
mod descriptor;
mod held;
mod hidden;
mod listing;
mod message;
mod named;
mod passage;
mod refusal;
mod rounds;

use std::sync::OnceLock;

use futures_util::future::BoxFuture;
use keyway_connectors::{Error as UseCaseError, access_token::Credential, upstream::RawObject};
use keyway_model::{
    ApprovalId, ApprovedCall, Caller, Connector, ConnectorId, ConnectorKey, ToolMode, UserId,
};
use serde_json::value::RawValue;

pub(crate) use self::{
    descriptor::{Listed, is_name, kept_members, seen, shown},
    hidden::{has_hidden, has_hidden_within},
    passage::Passage,
    refusal::{answer, refusal},
};
use crate::{
    error::{Error, Result},
    gateway::Gateway,
};

/// Whether the policy of the connector lets this descriptor into a list of tools. What is switched off
/// is not there, and on a read-only connector only what says that it reads; a descriptor that is none is
/// let in only where there is no policy.
pub fn admits_listing(connector: &Connector, raw_tool: &RawValue) -> bool {
    if !connector.has_tool_policy() {
        return true;
    }
    let Some(listed) = Listed::read(raw_tool) else { return false };
    admits_name(connector, &listed.name, listed.writes())
}

/// [`admits_listing`] for a tool of which this is known.
pub(crate) fn admits_name(connector: &Connector, tool: &str, writes: bool) -> bool {
    connector.tool_modes.of(tool) != ToolMode::Off && !(connector.read_only && writes)
}

/// The policy's view of one call of a tool, through all the tries that it takes to send it: an approval
/// for once is used up by the first and holds for the others.
pub struct Admission<'a> {
    caller: &'a Caller,
    named: Option<ApprovalId>,
    /// The state of the server's that the call goes on from.
    state: Option<Box<RawValue>>,
    approved: OnceLock<Approved>,
}

/// What was approved.
struct Approved {
    call: ApprovedCall,
    /// The approval, where it is for once.
    once: Option<ApprovalId>,
}

impl<'a> Admission<'a> {
    /// A call of the caller's, who may name an approval.
    pub fn new(caller: &'a Caller, named: Option<ApprovalId>) -> Self {
        Self { caller, named, state: None, approved: OnceLock::new() }
    }

    /// The same with the parameters of `tools/call`: it may go on from a state of the server's.
    #[must_use]
    pub(crate) fn with_state_of(self, params: &RawObject) -> Self {
        Self { state: params.get("requestState").map(ToOwned::to_owned), ..self }
    }

    /// A call of the caller's with the parameters of `tools/call`, whose `_meta` may name an approval.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where what it names is no id.
    pub(crate) fn of_params(caller: &'a Caller, params: &RawObject) -> Result<Self> {
        Ok(Self::new(caller, named::named(params.get("_meta"))?).with_state_of(params))
    }

    /// Whether the call may be sent now. It is to be asked right before it is sent: the policy is the one
    /// of this moment, not of when the call came in. Without a policy and with the connector in use it
    /// costs no query.
    ///
    /// # Errors
    /// [`Error::ToolOff`], [`Error::ReadOnly`], [`Error::ApprovalNeeded`].
    pub async fn check(
        &self,
        gateway: &Gateway,
        user: &UserId,
        connector: ConnectorId,
        tool: &str,
        arguments: &RawValue,
    ) -> Result<()> {
        let cx = &gateway.cx;
        if let Some(held) = cx.credentials.held(user, connector) {
            let Some(connector) = held.with_policy.as_deref() else { return Ok(()) };
            return self.check_with(gateway, connector, tool, arguments).await;
        }
        let found = cx.database.connector(user, &ConnectorKey::Id(connector)).await;
        let found = found.map_err(UseCaseError::from)?.ok_or(UseCaseError::NotFound)?;
        if !found.enabled {
            return Err(UseCaseError::Disabled(found.reference()).into());
        }
        self.check_with(gateway, &found, tool, arguments).await
    }

    /// [`Admission::check`] with the parameters of `tools/call`.
    pub(crate) async fn check_params(
        &self,
        gateway: &Gateway,
        credential: &Credential,
        params: &RawObject,
    ) -> Result<()> {
        let unclear = || Error::InvalidRequest("a call names one tool, by a text".to_owned());
        let has_policy = credential.with_policy.is_some();
        if has_policy && !message::is_clear(params.iter().map(|(name, _)| name)) {
            return Err(unclear());
        }
        let tool = params.text("name").ok_or_else(unclear)?;
        let none = RawValue::from_string("{}".to_owned()).unwrap_or_default();
        let (user, id) = (&credential.user_id, credential.connector.id);
        self.check(gateway, user, id, &tool, params.get("arguments").unwrap_or(&none)).await
    }

    async fn check_with(
        &self,
        gateway: &Gateway,
        connector: &Connector,
        tool: &str,
        arguments: &RawValue,
    ) -> Result<()> {
        if !connector.has_tool_policy() {
            return Ok(());
        }
        let mode = connector.tool_modes.of(tool);
        if mode == ToolMode::Off {
            let (connector, tool) = (connector.reference(), tool.to_owned());
            return Err(Error::ToolOff { connector, tool });
        }
        if mode == ToolMode::Allow && !connector.read_only {
            return Ok(());
        }
        self.check_descriptor(gateway, connector, tool, arguments).await
    }

    /// Boxed, since looking at the descriptor may list the tools, which is another call of the client's.
    fn check_descriptor<'f>(
        &'f self,
        gateway: &'f Gateway,
        connector: &'f Connector,
        tool: &'f str,
        arguments: &'f RawValue,
    ) -> BoxFuture<'f, Result<()>> {
        Box::pin(held::check(self, gateway, connector, tool, arguments))
    }
}
