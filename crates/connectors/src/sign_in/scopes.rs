//! Which scopes a sign-in asks for, and how often it may ask for more.

use std::{collections::HashSet, time::Duration};

use keyway_model::{Connector, ConnectorState, Grant};
use keyway_oauth::{challenge::BearerChallenge, discovery::Discovered};

use crate::{
    context::Context,
    error::{Error, Result},
};

/// How often a person is asked for the same scopes, and how long that is remembered.
const MOST_STEP_UPS: usize = 3;
const STEP_UP_MEMORY: Duration = Duration::from_secs(3600);
/// The scope by which refresh tokens are asked for (OpenID Connect Core 1.0 §11).
const OFFLINE_ACCESS: &str = "offline_access";

/// The scopes to ask for (MCP 2026-07-28, scope selection): the challenge's, else those the user typed
/// in, else those the protected resource lists; with those that a refused call asked for, and
/// `offline_access` where the server lists it.
pub(super) fn scopes(
    connector: &Connector,
    challenge: Option<&BearerChallenge>,
    discovered: &Discovered,
) -> Vec<String> {
    let mut scopes = scopes_without_a_person(connector, challenge, discovered);
    if discovered.server.lists_scope(OFFLINE_ACCESS)
        && !scopes.iter().any(|scope| scope == OFFLINE_ACCESS)
    {
        scopes.push(OFFLINE_ACCESS.to_owned());
    }
    scopes
}

/// [`scopes`] for a grant that has no refresh token.
pub(crate) fn scopes_without_a_person(
    connector: &Connector,
    challenge: Option<&BearerChallenge>,
    discovered: &Discovered,
) -> Vec<String> {
    let challenged = challenge.map(|challenge| challenge.scope.as_slice()).unwrap_or_default();
    let configured = connector.oauth.scopes.as_slice();
    let listed = discovered.resource_scopes.as_slice();
    let chosen = [challenged, configured, listed].into_iter().find(|scopes| !scopes.is_empty());
    let mut scopes = chosen.unwrap_or_default().to_vec();
    if connector.state == ConnectorState::ScopeRequired {
        scopes.extend_from_slice(&connector.required_scopes);
    }
    let mut seen = HashSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    scopes
}

/// A server that asks for scopes again and again, whatever was granted, is not asked without end (MCP
/// 2026-07-28, step-up authorization).
pub(super) async fn check_step_ups(
    cx: &Context,
    connector: &Connector,
    grant: Option<&Grant>,
) -> Result<()> {
    let Some(grant) = grant.filter(|_| connector.state == ConnectorState::ScopeRequired) else {
        return Ok(());
    };
    let since = cx.clock.now().minus(STEP_UP_MEMORY);
    let user = &connector.user_id;
    let tried = cx.database.scopes_signed_in_for(user, connector.id, since).await?;
    let required = &connector.required_scopes;
    let missing: Vec<_> = required.iter().filter(|scope| !grant.scopes.contains(scope)).collect();
    let for_these = |scopes: &&Vec<String>| missing.iter().all(|scope| scopes.contains(scope));
    if tried.iter().filter(for_these).count() >= MOST_STEP_UPS {
        return Err(Error::ScopeExhausted(connector.reference(), required.clone()));
    }
    Ok(())
}
