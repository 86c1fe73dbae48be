//! The beginning of a sign-in: who asks, what the server wants, as which client, and the address that
//! the browser opens.

mod scopes;
mod server;
mod session;

use std::time::Duration;

use keyway_model::{
    Action, Activity, AuthType, AuthorizationSessionId, Caller, ConnectorKey, ConnectorState,
    FailureCode, SessionStatus, Timestamp,
};
use keyway_oauth::dpop;
use url::Url;

pub(crate) use self::{
    scopes::scopes_without_a_person,
    server::{NamedServer, discover, named_issuer},
};
use self::{
    scopes::{check_step_ups, scopes},
    server::is_foreign,
    session::{NewSession, insert_session},
};
use crate::{
    accounts, audit, clients,
    context::Context,
    error::{Error, Result},
    provider::{DbOAuthProvider, Mode},
    registry,
};

/// How long a person has; second factors take their time.
const LIFETIME: Duration = Duration::from_secs(600);
const MOST_PENDING: i64 = 10;

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
    let extra =
        accounts::parameters(cx, connector, grant.as_ref(), &discovered.server, &client.client_id)
            .await?;
    let dpop = dpop::is_wanted(&discovered, challenge.as_ref());
    let new = NewSession { connector, discovered, client, scopes, extra, options, foreign, dpop };
    insert_session(cx, new).await
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
