//! The test of a connector: a real contact, whose outcome the row keeps.

use keyway_connectors::{Error as UseCaseError, access_token::Gate, registry};
use keyway_model::{Caller, Connector, ConnectorKey, ConnectorState, Health, HealthStatus};

use super::{Tool, descriptor::describe, fetch, mark_changes};
use crate::{
    error::{Error, Result},
    gateway::Gateway,
};

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

/// Contacts the connector's server for real: updates health, tools and version, renews the token, marks
/// the state as a call would, and heals `reauth_required` when it succeeds.
pub async fn test(gateway: &Gateway, caller: &Caller, key: &ConnectorKey) -> Result<TestReport> {
    let cx = &gateway.cx;
    let connector = registry::find(cx, caller, key).await?.connector;
    match fetch(gateway, caller, connector.id, Gate::Test).await {
        Ok((listing, _)) => {
            if connector.state == ConnectorState::ReauthRequired {
                let (user, state) = (&connector.user_id, ConnectorState::Ready);
                let healed = cx.database.set_state(user, connector.id, state, None, &[]).await;
                healed.map_err(UseCaseError::from)?;
                cx.credentials.forget(connector.id);
            }
            let protocol_version = listing.era.version().map(str::to_owned);
            let mut tools = describe(&connector, &listing.tools, false);
            mark_changes(gateway, &connector, &mut tools).await?;
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
