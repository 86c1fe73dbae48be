//! A change of a connector: what it leads to is planned first and then written at once.

use keyway_model::{
    Action, AuthType, Caller, Connector, ConnectorKey, ConnectorState, StateReason,
};
use keyway_oauth::resource;
use keyway_storage::{ChangedConnector, ConnectorUpdate, HeaderEdit, SecretEdit};
use secrecy::SecretString;
use url::Url;

use super::{
    ConnectorPatch, ConnectorView, conflict, connector, first_state,
    oauth::{Held, secret_edits, settings},
    parse_slug, view,
};
use crate::{
    audit,
    context::Context,
    error::{Error, Result},
    revocations, validate,
};

/// How often a change is planned anew.
const MOST_TRIES: usize = 20;

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
    let fields = patch.named_fields();
    let changed = write(cx, caller, key, if_match, patch).await?;
    revocations::grant_dropped(cx, changed.dropped_grant.as_ref());
    let told = audit::activity_of(cx, caller, Action::ConnectorChanged, "ok");
    audit::record(cx, told.of(&changed.connector).detail(&fields));
    view(cx, changed.connector).await
}

/// Plans on the row as it is and writes, if it is still so; planned anew where somebody else's change
/// came in between, unless the caller made that a condition.
async fn write(
    cx: &Context,
    caller: &Caller,
    key: &ConnectorKey,
    if_match: Option<i64>,
    patch: ConnectorPatch,
) -> Result<ChangedConnector> {
    for _ in 0..MOST_TRIES {
        let old = connector(cx, caller, key).await?;
        if if_match.is_some_and(|revision| revision != old.revision) {
            return Err(Error::Stale);
        }
        let update = plan(cx, &old, patch.clone()).await?;
        let (user, database) = (&caller.user, &cx.database);
        let changed = database.update_connector(user, old.id, old.revision, &update).await;
        cx.credentials.forget(old.id);
        if let Some(changed) = changed.map_err(conflict)? {
            return Ok(changed);
        }
    }
    Err(Error::Conflict("others are changing this connector all the time; try again".into()))
}

impl ConnectorPatch {
    /// The names of the fields that are to change, without what is in them.
    fn named_fields(&self) -> String {
        let fields = [
            ("name", self.name.is_some()),
            ("slug", self.slug.is_some()),
            ("url", self.url.is_some()),
            ("auth_type", self.auth_type.is_some()),
            ("headers", !self.headers.is_empty()),
            ("oauth", self.oauth.is_some()),
            ("pinned_protocol_version", self.pinned_protocol_version.is_some()),
            ("enabled", self.enabled.is_some()),
            ("read_only", self.read_only.is_some()),
        ];
        let named: Vec<_> = fields.into_iter().filter_map(|(n, is)| is.then_some(n)).collect();
        named.join(", ")
    }
}

async fn plan(cx: &Context, old: &Connector, patch: ConnectorPatch) -> Result<ConnectorUpdate> {
    let url = patch.url.clone().unwrap_or_else(|| old.url.clone());
    let auth_type = patch.auth_type.unwrap_or(old.auth_type);
    let new_url = cx.egress.on_behalf_of(&url).admit(&url)?;
    let retyped = auth_type != old.auth_type;
    let moved = Url::parse(&old.url).map_or(true, |old| old.origin() != new_url.origin());
    let outgrown = url != old.url && !grant_covers(cx, old, &url).await?;
    let headers = header_edits(&patch.headers, auth_type)?;
    let held = if patch.oauth.is_some() { Held::by(cx, old).await? } else { Held::default() };
    let oauth = settings(cx, &url, patch.oauth.as_ref(), old.oauth.clone(), held)?;
    // Other credentials of a grant without a person are other tokens, and nobody is asked for them.
    let replaced = patch.oauth.is_some() || outgrown;
    let refetched = auth_type == AuthType::OAuth
        && (oauth.grant != old.oauth.grant || (oauth.grant.is_unattended() && replaced));
    let (state, state_reason) = if retyped || refetched {
        (first_state(auth_type), None)
    } else if outgrown {
        (ConnectorState::ReauthRequired, Some(StateReason::UrlChanged))
    } else if old.state_reason == Some(StateReason::HeadersRejected)
        && (moved || !headers.is_empty())
    {
        (ConnectorState::Ready, None)
    } else {
        (old.state, old.state_reason)
    };
    Ok(ConnectorUpdate {
        name: patch.name.as_deref().map_or(Ok(old.name.clone()), validate::name)?,
        slug: patch.slug.as_deref().map_or(Ok(old.slug.clone()), parse_slug)?,
        auth_type,
        oauth,
        enabled: patch.enabled.unwrap_or(old.enabled),
        pinned_protocol_version: match patch.pinned_protocol_version {
            Some(pin) => pin.as_deref().map(validate::protocol_version).transpose()?,
            None => old.pinned_protocol_version.clone(),
        },
        read_only: patch.read_only.unwrap_or(old.read_only),
        state,
        state_reason,
        required_scopes: if state == old.state { old.required_scopes.clone() } else { Vec::new() },
        headers,
        drop_headers: moved || retyped,
        grant_secrets: secret_edits(patch.oauth.as_ref(), moved),
        client_secret: match patch.oauth.and_then(|oauth| oauth.client_secret) {
            Some(secret) if !validate::is_mask(&secret) => SecretEdit::Set(secret),
            _ if moved => SecretEdit::Remove,
            _ => SecretEdit::Keep,
        },
        drop_grant: outgrown || retyped || refetched,
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
