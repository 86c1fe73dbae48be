//! The beginning of a sign-in: who asks, what the server wants, as which client, and the address that
//! the browser opens.

use std::{collections::HashSet, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use keyway_model::{
    Action, Activity, AuthType, AuthorizationSession, AuthorizationSessionId, Caller,
    ClientRegistration, Connector, ConnectorKey, ConnectorState, FailureCode, Grant, SessionStatus,
    Timestamp,
};
use keyway_oauth::{
    authorization::{self, AuthorizationRequest},
    challenge::BearerChallenge,
    discovery::{self, Discovered, DiscoveryRequest},
    dpop, pkce,
    state::{self, StatePayload},
};
use sha2::{Digest, Sha256};
use url::Url;

use crate::{
    accounts, audit, clients,
    contact::{Approach, Contact, Found},
    context::Context,
    egress::{EgressClient, Refusal},
    error::{Error, Result},
    provider::{DbOAuthProvider, Mode},
    registry,
    upstream::Upstream,
};

/// How long a person has; second factors take their time.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long each exchange of the first contact may take.
const CONTACT_TIME: Duration = Duration::from_secs(10);
/// How long a look at the metadata may take beside a call.
const LOOK_TIME: Duration = Duration::from_secs(5);
const MOST_PENDING: i64 = 10;
/// How often a person is asked for the same scopes, and how long that is remembered.
const MOST_STEP_UPS: usize = 3;
const STEP_UP_MEMORY: Duration = Duration::from_secs(3600);
/// The scope by which refresh tokens are asked for (OpenID Connect Core 1.0 §11).
const OFFLINE_ACCESS: &str = "offline_access";

/// How a sign-in is begun.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Where the browser goes afterwards, where no popup is used; its origin must be allowed.
    pub return_to: Option<String>,
    /// The origin of the page that is told the outcome.
    pub origin: Option<String>,
    /// Whether to sign in although the grant works.
    pub force: bool,
}

/// What a start led to.
#[derive(Clone, Debug)]
pub enum Started {
    /// A person must open this address.
    Authorize {
        /// Keyway's own launch address.
        authorize_url: String,
        /// The sign-in attempt.
        authorization_session_id: AuthorizationSessionId,
        /// When the attempt ends.
        expires_at: Timestamp,
    },
    /// The grant works already.
    AlreadyAuthorized,
}

/// How far a sign-in attempt has come, as its owner is told.
#[derive(Clone, Debug)]
pub struct SessionReport {
    /// `pending`, `finished`, `failed` or `expired`.
    pub status: &'static str,
    /// What went wrong.
    pub code: Option<FailureCode>,
    /// In words.
    pub detail: Option<String>,
}

/// Begins a sign-in to the caller's connector.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Disabled`], [`Error::NotOAuth`], [`Error::InvalidRequest`] for an
/// origin that is not allowed, [`Error::ClientIdNeeded`], [`Error::RateLimited`], and everything that
/// discovery and registration can meet.
pub async fn start(
    cx: &Context,
    caller: &Caller,
    key: &ConnectorKey,
    options: StartOptions,
) -> Result<Started> {
    let connector = registry::connector(cx, caller, key).await?;
    if connector.auth_type != AuthType::OAuth {
        let text = "this connector is used with headers; there is nothing to sign in to";
        return Err(Error::NotOAuth(text.to_owned()).about(connector.reference()));
    }
    if !connector.enabled {
        return Err(Error::Disabled(connector.reference()));
    }
    let reference = connector.reference();
    let begun = audit::activity_of(cx, caller, Action::SignInStarted, "ok").of(&connector);
    let started = DbOAuthProvider::new(cx, connector, Mode::Initiate).initiate(options).await;
    match &started {
        Ok(Started::Authorize { .. }) => audit::record(cx, begun),
        Ok(Started::AlreadyAuthorized) => {}
        Err(error) => {
            let failed = Activity { outcome: "not_started".to_owned(), ..begun };
            audit::record(cx, failed.detail(&error.to_string()));
        }
    }
    started.map_err(|error| error.about(reference))
}

/// How far the caller's sign-in attempt has come.
pub async fn session_status(
    cx: &Context,
    caller: &Caller,
    id: AuthorizationSessionId,
) -> Result<SessionReport> {
    let session = cx.database.authorization_session_of(&caller.user, id).await?;
    let session = session.filter(|session| caller.may_use(session.connector_id));
    let session = session.ok_or(Error::NotFound)?;
    let over = cx.database.now().await? >= session.expires_at;
    let status = match session.status {
        SessionStatus::Pending | SessionStatus::Claimed if over => "expired",
        status => status.shown(),
    };
    let code = if status == "expired" { Some(FailureCode::Expired) } else { session.failure };
    Ok(SessionReport { status, code, detail: session.detail })
}

pub(crate) async fn initiate(provider: &DbOAuthProvider, options: StartOptions) -> Result<Started> {
    let (cx, connector) = (&provider.cx, &provider.connector);
    if connector.state == ConnectorState::Ready && !options.force {
        return Ok(Started::AlreadyAuthorized);
    }
    if connector.oauth.grant.is_unattended() {
        return provider.fetch_first().await.map(|_| Started::AlreadyAuthorized);
    }
    check_origins(cx, &options)?;
    if cx.database.pending_authorization_sessions(&connector.user_id).await? >= MOST_PENDING {
        return Err(Error::RateLimited(LIFETIME));
    }
    let grant = match cx.database.grant(&connector.user_id, connector.id).await {
        Err(keyway_storage::Error::Unsealing { .. }) => None,
        grant => grant?,
    };
    check_step_ups(cx, connector, grant.as_ref()).await?;
    let named = discover(cx, connector, grant.is_none()).await?;
    let NamedServer { http, challenge, discovered } = named;
    let wanted = scopes(connector, challenge.as_ref(), &discovered);
    let given = clients::given(cx, connector, &discovered.issuer);
    let scopes = given.map_or(wanted.clone(), |client| client.capped(&wanted));
    let client = clients::client(cx, &http, connector, &discovered, &scopes).await?;
    let foreign =
        !cx.settings.single_user && grant.is_none() && is_foreign(&connector.url, &discovered);
    let extra = accounts::parameters(cx, connector, grant.as_ref(), &discovered.server).await?;
    let dpop = dpop::is_wanted(&discovered, challenge.as_ref());
    let new = NewSession { connector, discovered, client, scopes, extra, options, foreign, dpop };
    insert_session(cx, new).await
}

/// What the connector's server and its authorization server say.
pub(crate) struct NamedServer {
    pub(crate) http: EgressClient,
    pub(crate) challenge: Option<BearerChallenge>,
    pub(crate) discovered: Discovered,
}

/// Asks the connector's server what it wants, and finds its authorization server.
pub(crate) async fn discover(
    cx: &Context,
    connector: &Connector,
    allow_legacy_fallback: bool,
) -> Result<NamedServer> {
    let http = cx.egress.on_behalf_of(&connector.url);
    let url = http.admit(&connector.url)?;
    let pinned = connector.pinned_protocol_version.as_deref();
    let challenge = challenge(&http, &url, pinned).await?;
    let request = DiscoveryRequest {
        mcp_url: &connector.url,
        challenge: challenge.as_ref(),
        allow_legacy_fallback,
        exceptions: cx.settings.catalog.exceptions(),
    };
    let discovered = discovery::discover(&http, &request).await.result?;
    check_endpoints(cx, &http, &discovered)?;
    Ok(NamedServer { http, challenge, discovered })
}

/// The issuer that the server names now, as far as that can be told in a moment.
pub(crate) async fn named_issuer(
    cx: &Context,
    connector: &Connector,
    challenge: Option<&BearerChallenge>,
) -> Option<String> {
    let http = cx.egress.on_behalf_of(&connector.url);
    let request = DiscoveryRequest {
        mcp_url: &connector.url,
        challenge,
        allow_legacy_fallback: false,
        exceptions: cx.settings.catalog.exceptions(),
    };
    let discovery = tokio::time::timeout(LOOK_TIME, discovery::discover(&http, &request)).await;
    Some(discovery.ok()?.result.ok()?.issuer)
}

/// A server that asks for scopes again and again, whatever was granted, is not asked without end (MCP
/// 2026-07-28, step-up authorization).
async fn check_step_ups(cx: &Context, connector: &Connector, grant: Option<&Grant>) -> Result<()> {
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

/// What the server says to somebody without a token; nothing, where it answers anybody or nothing
/// useful, and only well-known addresses are left to look at.
async fn challenge(
    http: &EgressClient,
    url: &Url,
    pinned: Option<&str>,
) -> Result<Option<BearerChallenge>> {
    let upstream = Upstream::new(http.clone(), url.clone(), HeaderMap::new());
    let approach = pinned.map_or(Approach::WithoutToken, Approach::Pinned);
    match Contact::new(&upstream, url, CONTACT_TIME).make(approach).await {
        Found::Challenged { challenge, .. } => Ok(challenge),
        Found::Works(_) | Found::NotMcp(_) | Found::UpstreamError(_) => Ok(None),
        Found::Unreachable(text) => Err(Error::ProviderUnreachable(text)),
        Found::Blocked(text) => Err(Error::EgressRefused(text)),
    }
}

/// The origins that a sign-in names must be Keyway's own or allowed by the operator.
fn check_origins(cx: &Context, options: &StartOptions) -> Result<()> {
    let settings = &cx.settings;
    let allowed = |origin: &str| {
        settings.is_own_origin(origin) || settings.host_origins.iter().any(|host| host == origin)
    };
    if let Some(origin) = options.origin.as_deref().filter(|origin| !allowed(origin)) {
        let text = format!("the origin {origin:?} is not in KEYWAY_HOST_ORIGINS");
        return Err(Error::InvalidRequest(text));
    }
    let Some(return_to) = &options.return_to else { return Ok(()) };
    let origin = Url::parse(return_to).map(|url| url.origin().ascii_serialization());
    if origin.is_ok_and(|origin| allowed(&origin)) {
        return Ok(());
    }
    Err(Error::InvalidRequest(
        "return_to must be an address of Keyway or of an origin in KEYWAY_HOST_ORIGINS".into(),
    ))
}

/// The endpoints that will be used must be ones that may be called, and not Keyway's own.
fn check_endpoints(cx: &Context, http: &EgressClient, discovered: &Discovered) -> Result<()> {
    let server = &discovered.server;
    let own = cx.settings.public_url.as_url().origin();
    for endpoint in [&server.authorization_endpoint, &server.token_endpoint] {
        if Url::parse(endpoint).is_ok_and(|url| url.origin() == own) {
            let text = "the metadata names Keyway itself as the authorization server";
            return Err(Error::MetadataInvalid(text.into()));
        }
        http.admit(endpoint).map_err(|refusal| match refusal {
            Refusal::Url(text) => Error::MetadataInvalid(text.to_owned()),
            Refusal::Address(text) => Error::EgressRefused(text.to_owned()),
        })?;
    }
    Ok(())
}

/// The scopes to ask for (MCP 2026-07-28, scope selection): the challenge's, else those the user typed
/// in, else those the protected resource lists; with those that a refused call asked for, and
/// `offline_access` where the server lists it.
fn scopes(
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

/// Whether the authorization server, or the token endpoint it names, belongs to somebody else than the
/// MCP server does, by their registrable domains; hosts without one are compared whole.
fn is_foreign(mcp_url: &str, discovered: &Discovered) -> bool {
    let domain = |url: &str| {
        let host = Url::parse(url).ok()?.host_str()?.to_owned();
        let registrable = psl::domain_str(&host).map(str::to_owned);
        Some(if host.parse::<std::net::IpAddr>().is_ok() {
            host
        } else {
            registrable.unwrap_or(host)
        })
    };
    let server = &discovered.server;
    let mut endpoints = [&server.authorization_endpoint, &server.token_endpoint].into_iter();
    endpoints.any(|endpoint| domain(mcp_url) != domain(endpoint))
}

struct NewSession<'a> {
    connector: &'a Connector,
    discovered: Discovered,
    client: ClientRegistration,
    scopes: Vec<String>,
    extra: Vec<(String, String)>,
    options: StartOptions,
    foreign: bool,
    dpop: bool,
}

async fn insert_session(cx: &Context, new: NewSession<'_>) -> Result<Started> {
    let ticket = URL_SAFE_NO_PAD.encode(cx.random.bytes::<32>());
    let session = session(cx, new, &ticket).await?;
    cx.database.insert_authorization_session(&session).await?;
    Ok(Started::Authorize {
        authorize_url: cx.settings.public_url.at(&format!("/oauth/launch/{ticket}")),
        authorization_session_id: session.id,
        expires_at: session.expires_at,
    })
}

async fn session(cx: &Context, new: NewSession<'_>, ticket: &str) -> Result<AuthorizationSession> {
    let now = cx.database.now().await?;
    let id = AuthorizationSessionId::new(now, &cx.random);
    let expires_at = now.plus(LIFETIME);
    let pkce = pkce::from_random(cx.random.bytes());
    let server = new.discovered.server;
    let published = new.discovered.resource.unwrap_or_else(|| new.connector.url.clone());
    let resource = cx.settings.catalog.resource(&server.issuer, &new.connector.url, published);
    let authorization_url = authorization::request_url(&AuthorizationRequest {
        endpoint: &server.authorization_endpoint,
        client_id: &new.client.client_id,
        redirect_uri: &new.client.redirect_uri,
        scopes: &new.scopes,
        resource: resource.as_deref(),
        code_challenge: &pkce.challenge,
        state: &signed_state(cx, id, expires_at)?,
        extra: &new.extra,
    })
    .map_err(|error| Error::MetadataInvalid(error.to_string()))?;
    Ok(AuthorizationSession {
        id,
        user_id: new.connector.user_id.clone(),
        connector_id: new.connector.id,
        connector_url: new.connector.url.clone(),
        status: SessionStatus::Pending,
        failure: None,
        detail: None,
        ticket_hash: Sha256::digest(ticket.as_bytes()).to_vec(),
        browser_hash: None,
        client: new.client,
        authorization_url,
        token_endpoint: server.token_endpoint,
        revocation_endpoint: server.revocation_endpoint,
        userinfo_endpoint: server.userinfo_endpoint,
        iss_supported: server.authorization_response_iss_parameter_supported,
        dpop: new.dpop,
        resource,
        scopes: new.scopes,
        code_verifier: pkce.verifier,
        opener_origin: new.options.origin,
        return_to: new.options.return_to,
        needs_confirmation: new.foreign,
        shown_at: None,
        created_at: now,
        expires_at,
    })
}

fn signed_state(cx: &Context, id: AuthorizationSessionId, expires_at: Timestamp) -> Result<String> {
    let key = cx.state_keys.first();
    let key = key.ok_or_else(|| Error::Internal("there is no key to sign the state".into()))?;
    let session = *id.as_uuid().as_bytes();
    let payload = StatePayload { session, expires_at_seconds: expires_at.as_seconds() };
    Ok(state::sign(key, &payload))
}
