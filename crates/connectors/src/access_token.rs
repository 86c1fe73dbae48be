//! The credential of a connector, ready to be attached to a request: from the cache where it is fresh,
//! else from the database, renewed first where it is about to end.

mod credentials;

use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicI64};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use keyway_model::{
    AuthType, Caller, Connector, ConnectorKey, ConnectorRef, ConnectorState, Grant, HealthStatus,
    SignInId, StateReason, Timestamp, UserId,
};
use keyway_oauth::challenge::BearerChallenge;
use keyway_storage::StoredCredential;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use self::credentials::{Credentials, follow_changes};
use crate::{
    context::Context,
    dpop::{self, Prover},
    egress::Target,
    error::{Error, Result},
    provider::{DbOAuthProvider, Mode},
    refresh,
};

/// What a call needs of a connector, and nothing else of its row: this is what is held in memory for each one
/// in use.
pub struct Credential {
    /// Whose connector it is.
    pub user_id: UserId,
    /// Which one.
    pub connector: ConnectorRef,
    /// The row's revision when it was read.
    pub revision: i64,
    /// Its URL, admitted and ready to be called.
    pub target: Arc<Target>,
    /// The headers that authenticate: `Authorization`, or the user's own.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
    /// The access token behind them; `None` for a connector with headers.
    pub token: Option<Box<TokenFacts>>,
    /// What proves, with each request, that the token is ours, where it is bound to a key (RFC 9449).
    pub prover: Option<Arc<Prover>>,
    /// The row, where it has a tool policy that is to be asked.
    pub with_policy: Option<Box<Connector>>,
    /// The only protocol version to speak, if the user chose one.
    pub pinned_protocol_version: Option<Box<str>>,
    health: Mutex<HealthStatus>,
    /// In milliseconds since the epoch.
    used_at: AtomicI64,
}

/// What is known of an access token, without the token.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// The grant's generation it belongs to.
    pub generation: i64,
    /// The sign-in it came from.
    pub sign_in_id: SignInId,
    /// When it ends.
    expires_at: Option<Timestamp>,
    /// When it is to be renewed.
    renew_at: Option<Timestamp>,
    /// When it is renewed ahead of that, without a call waiting for it.
    ahead_at: Option<Timestamp>,
}

impl Credential {
    fn new(
        cx: &Context,
        connector: &Connector,
        target: Arc<Target>,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Self {
        Self {
            user_id: connector.user_id.clone(),
            connector: connector.reference(),
            revision: connector.revision,
            target,
            headers: headers.into_boxed_slice(),
            token: None,
            prover: None,
            with_policy: connector.has_tool_policy().then(|| Box::new(connector.clone())),
            pinned_protocol_version: connector.pinned_protocol_version.as_deref().map(Box::from),
            health: Mutex::new(connector.health.status),
            used_at: AtomicI64::new(cx.clock.now().as_millis()),
        }
    }

    /// The row behind it, as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Disabled`].
    pub async fn row(&self, cx: &Context) -> Result<Connector> {
        let found =
            cx.database.connector(&self.user_id, &ConnectorKey::Id(self.connector.id)).await?;
        let row = found.ok_or(Error::NotFound)?;
        if row.enabled { Ok(row) } else { Err(Error::Disabled(row.reference())) }
    }

    /// The headers as a map.
    pub fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        headers
    }

    /// Takes note of how a contact went, and tells whether that is news.
    pub fn is_news(&self, status: HealthStatus) -> bool {
        let mut known = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, status) != status
    }

    /// Whether the access token is past its end.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.token.as_ref().and_then(|token| token.expires_at).is_some_and(|end| now >= end)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.token.as_ref().and_then(|token| token.renew_at).is_some_and(|due| now >= due)
    }

    fn is_due_soon(&self, now: Timestamp) -> bool {
        self.token.as_ref().and_then(|token| token.ahead_at).is_some_and(|soon| now >= soon)
    }
}

/// Whether a connector that is marked as refused may be contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// No: a call is told that a person is needed.
    Call,
    /// Yes: the contact is there to find out.
    Test,
}

/// The credential of the caller's connector. Warm, it costs no query.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Disabled`], [`Error::SignInRequired`], [`Error::ReauthRequired`],
/// [`Error::RefreshUnavailable`], [`Error::EgressRefused`].
pub async fn credential(
    cx: &Context,
    caller: &Caller,
    key: &ConnectorKey,
    gate: Gate,
) -> Result<Arc<Credential>> {
    let now = cx.clock.now();
    let Some(held) = cx.credentials.find(&caller.user, key, now) else {
        return Box::pin(load(cx, caller, key, gate)).await;
    };
    if !caller.may_use(held.connector.id) {
        return Err(Error::NotFound);
    }
    if held.is_due(now) {
        return Box::pin(load(cx, caller, key, gate)).await;
    }
    if let Some(token) = held.token.as_ref().filter(|_| held.is_due_soon(now)) {
        refresh::begin_ahead(cx, &held.user_id, &held.connector, token.generation);
    }
    Ok(held)
}

/// The credential to try once more with after the server refused this one. The row is read again: it may
/// have been changed or switched off since.
pub async fn credential_after_refusal(
    cx: &Context,
    caller: &Caller,
    refused: &Credential,
    challenge: Option<&BearerChallenge>,
) -> Result<Arc<Credential>> {
    let Some(token) = &refused.token else {
        return Err(reject_headers(cx, refused).await?);
    };
    let provider = DbOAuthProvider::new(cx, refused.row(cx).await?, Mode::Use);
    provider.grant_after_refusal(token.generation, challenge).await?;
    cx.credentials.forget(refused.connector.id);
    load(cx, caller, &ConnectorKey::Id(refused.connector.id), Gate::Test).await
}

/// Marks the row, unless it was changed since these headers were read: then they say nothing about it.
async fn reject_headers(cx: &Context, refused: &Credential) -> Result<Error> {
    let (user, id, reason) = (&refused.user_id, refused.connector.id, StateReason::HeadersRejected);
    let current = cx.database.connector(user, &ConnectorKey::Id(id)).await?;
    if current.is_some_and(|current| current.revision == refused.revision) {
        let state = ConnectorState::ReauthRequired;
        cx.database.set_state(user, id, state, Some(reason), &[]).await?;
    }
    cx.credentials.forget(id);
    Ok(Error::ReauthRequired(refused.connector.clone(), reason))
}

async fn load(
    cx: &Context,
    caller: &Caller,
    key: &ConnectorKey,
    gate: Gate,
) -> Result<Arc<Credential>> {
    let changes = cx.credentials.changes();
    let found = cx.database.credential(&caller.user, key).await?;
    let found = found.filter(|found| caller.may_use(found.connector.id)).ok_or(Error::NotFound)?;
    let StoredCredential { connector, headers, grant } = found;
    check_usable(&connector, gate)?;
    let client = cx.egress.on_behalf_of(&connector.url);
    let refused = |refusal| Error::from(refusal).about(connector.reference());
    let url = client.admit(&connector.url).map_err(refused)?;
    let target = cx.credentials.shared(&url, client.target(&url).map_err(refused)?);
    let headers = static_headers(headers?)?;
    let credential = Arc::new(match connector.auth_type {
        AuthType::Headers => Credential::new(cx, &connector, target, headers),
        AuthType::OAuth => {
            let provider = DbOAuthProvider::new(cx, connector, Mode::Use);
            let grant = provider.fresh_grant(grant).await?;
            with_token(cx, provider.connector(), target, headers, &grant)?
        }
    });
    cx.credentials.keep(&credential, key, changes);
    Ok(credential)
}

/// The credential of a connector as it is stored, to look with: nothing is renewed, marked or kept.
///
/// # Errors
/// [`Error::Disabled`], [`Error::SignInRequired`], [`Error::ReauthRequired`].
pub(crate) async fn stored(cx: &Context, connector: &Connector, url: &Url) -> Result<Credential> {
    check_usable(connector, Gate::Test)?;
    let target = Arc::new(cx.egress.on_behalf_of(&connector.url).target(url)?);
    let key = ConnectorKey::Id(connector.id);
    let found = cx.database.credential(&connector.user_id, &key).await?.ok_or(Error::NotFound)?;
    let headers = static_headers(found.headers?)?;
    if connector.auth_type == AuthType::Headers {
        return Ok(Credential::new(cx, connector, target, headers));
    }
    match found.grant {
        Ok(Some(grant)) => with_token(cx, connector, target, headers, &grant),
        Ok(None) => Err(Error::SignInRequired(connector.reference())),
        Err(keyway_storage::Error::Unsealing { .. }) => {
            Err(Error::ReauthRequired(connector.reference(), StateReason::KeyUnavailable))
        }
        Err(error) => Err(error.into()),
    }
}

fn check_usable(connector: &Connector, gate: Gate) -> Result<()> {
    if !connector.enabled {
        return Err(Error::Disabled(connector.reference()));
    }
    match (connector.state, connector.state_reason) {
        (ConnectorState::SignInRequired, _) if connector.oauth.grant.is_unattended() => Ok(()),
        (ConnectorState::SignInRequired, _) => Err(Error::SignInRequired(connector.reference())),
        (ConnectorState::ReauthRequired, reason) if gate == Gate::Call => Err(
            Error::ReauthRequired(connector.reference(), reason.unwrap_or(StateReason::Revoked)),
        ),
        _ => Ok(()),
    }
}

fn static_headers(stored: Vec<(String, SecretString)>) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = Vec::with_capacity(stored.len() + 1);
    for (name, value) in stored {
        let name = HeaderName::try_from(name.as_str());
        let value = HeaderValue::try_from(value.expose_secret());
        let (Ok(name), Ok(mut value)) = (name, value) else {
            return Err(Error::Internal("a stored header is not one".into()));
        };
        value.set_sensitive(true);
        headers.push((name, value));
    }
    Ok(headers)
}

/// The credential with the grant's access token (RFC 6750 §2.1, RFC 9449 §7.1) beside the user's own
/// headers.
fn with_token(
    cx: &Context,
    connector: &Connector,
    target: Arc<Target>,
    mut headers: Vec<(HeaderName, HeaderValue)>,
    grant: &Grant,
) -> Result<Credential> {
    let key = dpop::stored_key(grant.dpop_key.as_ref())?;
    let scheme = if key.is_some() { "DPoP" } else { "Bearer" };
    let text = format!("{scheme} {}", grant.access_token.expose_secret());
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Error::Internal("a stored access token does not fit a header".into()))?;
    value.set_sensitive(true);
    headers.retain(|(name, _)| name != header::AUTHORIZATION);
    headers.push((header::AUTHORIZATION, value));
    let due = grant.renew_at();
    let unattended = connector.oauth.grant.is_unattended();
    let renewable = due.filter(|_| grant.refresh_token.is_some() || unattended);
    let prover = |key| Arc::new(Prover::new(cx, key, grant.access_token.clone()));
    let mut credential = Credential::new(cx, connector, target, headers);
    credential.prover = key.map(prover);
    credential.token = Some(Box::new(TokenFacts {
        generation: grant.generation,
        sign_in_id: grant.sign_in_id,
        expires_at: grant.expires_at,
        renew_at: renewable.or(grant.expires_at),
        ahead_at: renewable.map(|due| due.minus(grant.margin())),
    }));
    Ok(credential)
}
