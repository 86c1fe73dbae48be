//! A change of a connector: what it leads to is planned first and then written at once.

use keyway_model::{AuthType, Caller, Connector, ConnectorKey, ConnectorState, StateReason};
use keyway_oauth::resource;
use keyway_storage::{ConnectorUpdate, HeaderEdit, SecretEdit};
use secrecy::SecretString;
use url::Url;

use super::{
    ConnectorPatch, ConnectorView, conflict, connector, first_state, parse_slug, settings, view,
};
use crate::{
    context::Context,
    error::{Error, Result},
    sign_out, validate,
};

/// Changes a connector. `if_match` is the revision the change is based on.
///
/// # Errors
/// As [`create`](super::create), and [`Error::Stale`] where the row is at another revision.
pub async fn change(
    cx: &Context,
    caller: &Caller,
    key: &ConnectorKey,
    if_match: Option<i64>,
    patch: ConnectorPatch,
) -> Result<ConnectorView> {
    let old = connector(cx, caller, key).await?;
    if if_match.is_some_and(|revision| revision != old.revision) {
        return Err(Error::Stale);
    }
    let update = plan(cx, &old, patch).await?;
    let changed = cx.database.update_connector(&caller.user, old.id, old.revision, &update).await;
    cx.credentials.forget(old.id);
    let changed = changed.map_err(conflict)?.ok_or(Error::Stale)?;
    if let Some(grant) = changed.dropped_grant {
        sign_out::revoke_detached(cx, &old.url, grant);
    }
    view(cx, changed.connector).await
}

async fn plan(cx: &Context, old: &Connector, patch: ConnectorPatch) -> Result<ConnectorUpdate> {
    let url = patch.url.clone().unwrap_or_else(|| old.url.clone());
    let auth_type = patch.auth_type.unwrap_or(old.auth_type);
    let new_url = cx.egress.on_behalf_of(&url).admit(&url)?;
    let retyped = auth_type != old.auth_type;
    let moved = Url::parse(&old.url).map_or(true, |old| old.origin() != new_url.origin());
    let outgrown = url != old.url && !grant_covers(cx, old, &url).await?;
    let headers = header_edits(&patch.headers, auth_type)?;
    let (state, state_reason) = if retyped {
        (first_state(auth_type), None)
    } else if outgrown {
        (ConnectorState::ReauthRequired, Some(StateReason::UrlChanged))
    } else if old.state_reason == Some(StateReason::HeadersRejected) && !headers.is_empty() {
        (ConnectorState::Ready, None)
    } else {
        (old.state, old.state_reason)
    };
    Ok(ConnectorUpdate {
        name: patch.name.as_deref().map_or(Ok(old.name.clone()), validate::name)?,
        slug: patch.slug.as_deref().map_or(Ok(old.slug.clone()), parse_slug)?,
        auth_type,
        oauth: settings(patch.oauth.as_ref(), old.oauth.clone())?,
        enabled: patch.enabled.unwrap_or(old.enabled),
        pinned_protocol_version: match patch.pinned_protocol_version {
            Some(pin) => pin.as_deref().map(validate::protocol_version).transpose()?,
            None => old.pinned_protocol_version.clone(),
        },
        read_only: old.read_only,
        state,
        state_reason,
        required_scopes: if state == old.state { old.required_scopes.clone() } else { Vec::new() },
        headers,
        drop_headers: moved || retyped,
        client_secret: match patch.oauth.and_then(|oauth| oauth.client_secret) {
            Some(secret) if !validate::is_mask(&secret) => SecretEdit::Set(secret),
            _ if moved => SecretEdit::Remove,
            _ => SecretEdit::Keep,
        },
        drop_grant: outgrown || retyped,
        url,
    })
}

/// Whether the grant, if there is one, was issued for what is at the new URL: the recorded resource must
/// have its origin and be a prefix of its path.
async fn grant_covers(cx: &Context, old: &Connector, url: &str) -> Result<bool> {
    let grants = cx.database.grant_facts_of(&old.user_id).await?;
    let resource = grants.get(&old.id).map(|grant| grant.resource.as_deref());
    Ok(resource.is_none_or(|resource| resource.is_some_and(|of| resource::covers(of, url))))
}

fn header_edits(
    edits: &[(String, Option<SecretString>)],
    auth_type: AuthType,
) -> Result<Vec<HeaderEdit>> {
    let set: Vec<(String, SecretString)> = edits
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
        .filter(|(_, value)| !validate::is_mask(value))
        .collect();
    validate::headers(&set, auth_type)?;
    let removed = edits.iter().filter(|(_, value)| value.is_none());
    let removed = removed.map(|(name, _)| HeaderEdit::Remove(name.clone()));
    Ok(removed.chain(set.into_iter().map(|(name, value)| HeaderEdit::Set(name, value))).collect())
}
