//! The user's connectors: made, read, changed, deleted.

mod change;
mod oauth;

use keyway_model::{
    Action, AuthType, Caller, Connector, ConnectorId, ConnectorKey, ConnectorState, GrantType,
    Health, HealthStatus, OAuthSettings, Slug, Timestamp, ToolModes,
};
use keyway_storage::GrantFacts;
use secrecy::SecretString;
use url::Url;

pub use self::change::change;
use self::oauth::{Held, settings};
use crate::{
    audit,
    context::Context,
    error::{Error, Result},
    probe::{self, ProbeOutcome},
    revocations, validate,
};

/// How often a free slug is looked for.
const MOST_NUMBERS: u32 = 100;

/// A connector as it is asked for.
#[derive(Clone, Default)]
pub struct NewConnector {
    /// The MCP endpoint.
    pub url: String,
    /// The shown name; else the URL suggests one.
    pub name: Option<String>,
    /// The slug; else the name suggests one.
    pub slug: Option<String>,
    /// How requests are authenticated; else headers if there are any, else a probe decides.
    pub auth_type: Option<AuthType>,
    /// Static headers.
    pub headers: Vec<(String, SecretString)>,
    /// OAuth settings typed in.
    pub oauth: Option<NewOAuth>,
    /// The only protocol version to speak.
    pub pinned_protocol_version: Option<String>,
    /// The switch; on unless said otherwise.
    pub enabled: Option<bool>,
    /// Whether tools that may write are refused.
    pub read_only: bool,
}

/// OAuth settings as they are typed in.
#[derive(Clone, Default)]
pub struct NewOAuth {
    /// The grant; `authorization_code` unless said otherwise.
    pub grant: Option<GrantType>,
    /// A client registered by hand.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<SecretString>,
    /// How it authenticates.
    pub token_endpoint_auth_method: Option<String>,
    /// Scopes to ask for.
    pub scopes: Option<Vec<String>>,
    /// The client's private key, PEM (PKCS #8).
    pub private_key: Option<SecretString>,
    /// With which algorithm it signs.
    pub signing_algorithm: Option<String>,
    /// The workload's assertion.
    pub assertion: Option<SecretString>,
    /// The issuer of the enterprise's identity provider.
    pub idp_issuer: Option<String>,
    /// Keyway's client there.
    pub idp_client_id: Option<String>,
    /// Where id tokens are exchanged there.
    pub idp_token_endpoint: Option<String>,
    /// The person's id token of that provider.
    pub idp_id_token: Option<SecretString>,
}

/// A change; what is `None` stays.
#[derive(Clone, Default)]
pub struct ConnectorPatch {
    /// The shown name.
    pub name: Option<String>,
    /// The slug.
    pub slug: Option<String>,
    /// The MCP endpoint.
    pub url: Option<String>,
    /// How requests are authenticated.
    pub auth_type: Option<AuthType>,
    /// Headers to replace, or to delete where there is no value; others stay.
    pub headers: Vec<(String, Option<SecretString>)>,
    /// OAuth settings.
    pub oauth: Option<NewOAuth>,
    /// The only protocol version to speak; `Some(None)` lifts the pin.
    pub pinned_protocol_version: Option<Option<String>>,
    /// The switch.
    pub enabled: Option<bool>,
    /// Whether tools that may write are refused.
    pub read_only: Option<bool>,
}

/// A connector with what is known of its grant.
#[derive(Clone, Debug)]
pub struct ConnectorView {
    /// The row.
    pub connector: Connector,
    /// The grant, without its secrets.
    pub grant: Option<GrantFacts>,
}

/// Makes a connector.
///
/// # Errors
/// [`Error::UrlInvalid`], [`Error::EgressRefused`], [`Error::HeaderInvalid`],
/// [`Error::InvalidRequest`], [`Error::Conflict`] for a slug that is taken.
pub async fn create(cx: &Context, caller: &Caller, new: NewConnector) -> Result<ConnectorView> {
    create_at(cx, caller, new, cx.clock.now()).await
}

/// [`create`] with the instant at which it was made: by these connectors are listed.
pub(crate) async fn create_at(
    cx: &Context,
    caller: &Caller,
    new: NewConnector,
    made_at: Timestamp,
) -> Result<ConnectorView> {
    if caller.connectors.is_some() {
        let text = "this session is limited to chosen connectors and cannot add one";
        return Err(Error::InvalidRequest(text.into()));
    }
    let url = cx.egress.on_behalf_of(&new.url).admit(&new.url)?;
    let (before, held) = (OAuthSettings::default(), Held::default());
    let oauth = settings(cx, &new.url, new.oauth.as_ref(), before, held)?;
    let pinned = new.pinned_protocol_version.as_deref().map(validate::protocol_version);
    let pinned = pinned.transpose()?;
    let auth_type = match new.auth_type {
        Some(auth_type) => auth_type,
        None if !new.headers.is_empty() => AuthType::Headers,
        None if oauth.client_id.is_some() || oauth.grant.is_unattended() => AuthType::OAuth,
        None => guess_auth_type(cx, &new.url, pinned.as_deref()).await?,
    };
    validate::headers(&new.headers, auth_type)?;
    let id = ConnectorId::new(made_at, &cx.random);
    let connector = row((id, made_at), caller, &new, &url, auth_type, oauth)?;
    let secret = new.oauth.as_ref().and_then(|oauth| oauth.client_secret.as_ref());
    let connector = insert(cx, connector, &new, secret).await?;
    let created = audit::activity_of(cx, caller, Action::ConnectorCreated, "ok");
    audit::record(cx, created.of(&connector));
    Ok(ConnectorView { connector, grant: None })
}

async fn guess_auth_type(cx: &Context, url: &str, pinned: Option<&str>) -> Result<AuthType> {
    let report = probe::probe(&cx.egress, &cx.settings, url, Vec::new(), pinned).await?;
    match report.outcome {
        ProbeOutcome::OAuth | ProbeOutcome::ClientNeeded => Ok(AuthType::OAuth),
        ProbeOutcome::Blocked => Err(Error::EgressRefused(report.blocked_because())),
        _ => Ok(AuthType::Headers),
    }
}

fn row(
    (id, made_at): (ConnectorId, Timestamp),
    caller: &Caller,
    new: &NewConnector,
    url: &Url,
    auth_type: AuthType,
    oauth: OAuthSettings,
) -> Result<Connector> {
    let name = match &new.name {
        Some(name) => validate::name(name)?,
        None => validate::name_of(url),
    };
    let pinned = new.pinned_protocol_version.as_deref().map(validate::protocol_version);
    Ok(Connector {
        id,
        user_id: caller.user.clone(),
        slug: match &new.slug {
            Some(slug) => parse_slug(slug)?,
            None => Slug::suggested_by(&name),
        },
        name,
        url: new.url.clone(),
        auth_type,
        header_names: new.headers.iter().map(|(name, _)| name.clone()).collect(),
        oauth,
        enabled: new.enabled.unwrap_or(true),
        state: first_state(auth_type),
        state_reason: None,
        required_scopes: Vec::new(),
        health: Health { status: HealthStatus::Unknown, checked_at: None, detail: None },
        pinned_protocol_version: pinned.transpose()?,
        protocol_version: None,
        tool_count: None,
        read_only: new.read_only,
        tool_modes: ToolModes::default(),
        revision: 1,
        created_at: made_at,
        updated_at: made_at,
    })
}

fn first_state(auth_type: AuthType) -> ConnectorState {
    match auth_type {
        AuthType::Headers => ConnectorState::Ready,
        AuthType::OAuth => ConnectorState::SignInRequired,
    }
}

fn parse_slug(text: &str) -> Result<Slug> {
    text.parse().map_err(|error: keyway_model::connector::InvalidSlug| {
        Error::InvalidRequest(error.to_string())
    })
}

/// Inserts the row; a slug that was only suggested gets a number where it is taken.
async fn insert(
    cx: &Context,
    mut connector: Connector,
    new: &NewConnector,
    secret: Option<&SecretString>,
) -> Result<Connector> {
    let suggested = connector.slug.clone();
    let grant_secrets = new.oauth.as_ref().map(NewOAuth::grant_secrets).unwrap_or_default();
    for number in 2..MOST_NUMBERS {
        let inserted =
            cx.database.insert_connector(&connector, &new.headers, secret, &grant_secrets).await;
        match inserted {
            Ok(()) => return Ok(connector),
            Err(keyway_storage::Error::Conflict(_)) if new.slug.is_none() => {
                connector.slug = suggested.numbered(number);
            }
            Err(error) => return Err(conflict(error)),
        }
    }
    Err(Error::Conflict(format!("no free slug like {suggested}; choose one")))
}

fn conflict(error: keyway_storage::Error) -> Error {
    match error {
        keyway_storage::Error::Conflict(_) => {
            Error::Conflict("another connector of yours has this slug; choose another".into())
        }
        error => error.into(),
    }
}

/// The caller's connectors.
pub async fn list(cx: &Context, caller: &Caller) -> Result<Vec<ConnectorView>> {
    let connectors = cx.database.connectors_of(&caller.user).await?;
    let mut grants = cx.database.grant_facts_of(&caller.user).await?;
    let own = connectors.into_iter().filter(|connector| caller.may_use(connector.id));
    Ok(own
        .map(|connector| ConnectorView { grant: grants.remove(&connector.id), connector })
        .collect())
}

/// One of the caller's connectors.
pub async fn find(cx: &Context, caller: &Caller, key: &ConnectorKey) -> Result<ConnectorView> {
    view(cx, connector(cx, caller, key).await?).await
}

/// The row alone.
pub(crate) async fn connector(
    cx: &Context,
    caller: &Caller,
    key: &ConnectorKey,
) -> Result<Connector> {
    let found = cx.database.connector(&caller.user, key).await?;
    found.filter(|found| caller.may_use(found.id)).ok_or(Error::NotFound)
}

async fn view(cx: &Context, connector: Connector) -> Result<ConnectorView> {
    let mut grants = cx.database.grant_facts_of(&connector.user_id).await?;
    Ok(ConnectorView { grant: grants.remove(&connector.id), connector })
}

/// Deletes a connector with every sealed byte of it. Its tokens are revoked where the server offers it;
/// the deletion never waits for that.
pub async fn delete(cx: &Context, caller: &Caller, key: &ConnectorKey) -> Result<()> {
    let connector = connector(cx, caller, key).await?;
    let deleted = cx.database.delete_connector(&caller.user, connector.id).await?;
    cx.credentials.forget(connector.id);
    revocations::grant_dropped(cx, deleted.ok_or(Error::NotFound)?.as_ref());
    let deleted = audit::activity_of(cx, caller, Action::ConnectorDeleted, "ok");
    audit::record(cx, deleted.of(&connector));
    Ok(())
}
