//! The user's connectors: made, read, changed, deleted.

mod change;

use keyway_model::{
    AuthType, Caller, Connector, ConnectorId, ConnectorKey, ConnectorState, GrantType, Health,
    HealthStatus, OAuthSettings, Slug,
};
use keyway_storage::GrantFacts;
use secrecy::SecretString;
use url::Url;

pub use self::change::change;
use crate::{
    context::Context,
    error::{Error, Result},
    probe::{self, ProbeOutcome},
    sign_out, validate,
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
}

/// OAuth settings as they are typed in.
#[derive(Clone, Default)]
pub struct NewOAuth {
    /// The grant; `authorization_code` is the one there is.
    pub grant: Option<GrantType>,
    /// A client registered by hand.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<SecretString>,
    /// How it authenticates.
    pub token_endpoint_auth_method: Option<String>,
    /// Scopes to ask for.
    pub scopes: Option<Vec<String>>,
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
    if caller.connectors.is_some() {
        let text = "this session is limited to chosen connectors and cannot add one";
        return Err(Error::InvalidRequest(text.into()));
    }
    let url = cx.egress.on_behalf_of(&new.url).admit(&new.url)?;
    let oauth = settings(new.oauth.as_ref(), OAuthSettings::default())?;
    let auth_type = match new.auth_type {
        Some(auth_type) => auth_type,
        None if !new.headers.is_empty() => AuthType::Headers,
        None if oauth.client_id.is_some() => AuthType::OAuth,
        None => guess_auth_type(cx, &new.url).await?,
    };
    validate::headers(&new.headers, auth_type)?;
    let connector = row(cx, caller, &new, &url, auth_type, oauth)?;
    let secret = new.oauth.as_ref().and_then(|oauth| oauth.client_secret.as_ref());
    let connector = insert(cx, connector, &new, secret).await?;
    Ok(ConnectorView { connector, grant: None })
}

async fn guess_auth_type(cx: &Context, url: &str) -> Result<AuthType> {
    let report = probe::probe(cx, url, Vec::new()).await?;
    match report.outcome {
        ProbeOutcome::OAuth | ProbeOutcome::ClientNeeded => Ok(AuthType::OAuth),
        ProbeOutcome::Blocked => Err(Error::EgressRefused(report.blocked_because())),
        _ => Ok(AuthType::Headers),
    }
}

fn settings(new: Option<&NewOAuth>, old: OAuthSettings) -> Result<OAuthSettings> {
    let Some(new) = new else { return Ok(old) };
    if new.grant.is_some_and(|grant| grant != GrantType::AuthorizationCode) {
        let text = "oauth.grant is authorization_code; the others are not there yet";
        return Err(Error::InvalidRequest(text.into()));
    }
    let method = new.token_endpoint_auth_method.clone();
    let known = ["none", "client_secret_basic", "client_secret_post"];
    if method.as_deref().is_some_and(|method| !known.contains(&method)) {
        let text = format!("oauth.token_endpoint_auth_method is one of {}", known.join(", "));
        return Err(Error::InvalidRequest(text));
    }
    Ok(OAuthSettings {
        grant: old.grant,
        client_id: new.client_id.clone().filter(|id| !id.is_empty()).or(old.client_id),
        token_endpoint_auth_method: method.or(old.token_endpoint_auth_method),
        scopes: new.scopes.clone().unwrap_or(old.scopes),
    })
}

fn row(
    cx: &Context,
    caller: &Caller,
    new: &NewConnector,
    url: &Url,
    auth_type: AuthType,
    oauth: OAuthSettings,
) -> Result<Connector> {
    let now = cx.clock.now();
    let name = match &new.name {
        Some(name) => validate::name(name)?,
        None => validate::name_of(url),
    };
    let pinned = new.pinned_protocol_version.as_deref().map(validate::protocol_version);
    Ok(Connector {
        id: ConnectorId::new(now, &cx.random),
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
        read_only: false,
        revision: 1,
        created_at: now,
        updated_at: now,
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
    for number in 2..MOST_NUMBERS {
        match cx.database.insert_connector(&connector, &new.headers, secret).await {
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
    if let Some(grant) = deleted.ok_or(Error::NotFound)? {
        sign_out::revoke_detached(cx, &connector.url, grant);
    }
    Ok(())
}
