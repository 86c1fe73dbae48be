//! Dynamic registrations: made once for those who share them, kept while they hold, and dropped where
//! the server no longer knows them.

use std::{sync::Arc, time::Duration};

use keyway_model::{
    ClientRegistration, Clock, Connector, ConnectorId, ConnectorState, RegistrationKind, Timestamp,
    UserId,
};
use keyway_oauth::{
    client_auth::PRIVATE_KEY_JWT,
    discovery::{Discovered, DiscoveryError, LegacyFallback},
    http::SendError,
    registration::{self, ClientKeys, RegisteredClient, RegistrationError, RegistrationRequest},
};
use keyway_storage::RegistrationScope;
use tokio::sync::Mutex;

use super::{CLIENT_NAME, KEYS, public_client};
use crate::{
    context::{Context, RegistrationMode},
    egress::EgressClient,
    error::{Error, Result},
    kept::Kept,
};

/// After how many sign-ins that have not come back a client is registered anew.
const MOST_UNFINISHED: i64 = 2;
/// How long a server that refused a client that signs is asked for another one.
const UNSIGNED: Duration = Duration::from_secs(3600);

/// Lets one start at a time register at an issuer for those who share the registration; the others then
/// find it stored.
pub(crate) struct Registering {
    turns: Kept<String, Arc<Mutex<()>>>,
    /// The issuers that lately refused a client that signs: they may not reach its keys.
    unsigned: Kept<String, ()>,
}

impl Registering {
    pub(crate) fn new(clock: &Clock) -> Self {
        const IDLE: Duration = Duration::from_secs(60);
        Self {
            turns: Kept::since_used(clock, 10_000, IDLE),
            unsigned: Kept::since_made(clock, 10_000, UNSIGNED),
        }
    }

    /// Drops what is over.
    pub(crate) fn drop_old(&self) {
        self.turns.drop_old();
        self.unsigned.drop_old();
    }

    fn turn(&self, shared_by: &RegistrationScope, issuer: &str) -> Arc<Mutex<()>> {
        let key = match shared_by {
            RegistrationScope::Connector(_, connector) => format!("{connector} {issuer}"),
            RegistrationScope::Shared => issuer.to_owned(),
        };
        self.turns.get_or_insert_with(&key, Arc::default)
    }
}

/// Who shares the connector's dynamic registrations.
pub(crate) fn scope(cx: &Context, user: &UserId, connector: ConnectorId) -> RegistrationScope {
    match cx.settings.registration {
        RegistrationMode::PerConnector => RegistrationScope::Connector(user.clone(), connector),
        RegistrationMode::PerIssuer => RegistrationScope::Shared,
    }
}

/// The stored registration, or a new one.
pub(super) async fn client(
    cx: &Context,
    http: &EgressClient,
    connector: &Connector,
    discovered: &Discovered,
    redirect_uri: String,
    scopes: &[String],
) -> Result<ClientRegistration> {
    let shared_by = scope(cx, &connector.user_id, connector.id);
    let turn = cx.registering.turn(&shared_by, &discovered.issuer);
    let _turn = turn.lock().await;
    let stored = cx.database.registration(&shared_by, &discovered.issuer, &redirect_uri).await?;
    if let Some(stored) = stored.filter(|stored| is_live(stored, cx.clock.now()))
        && !is_forgotten(cx, connector, &stored).await?
    {
        return Ok(stored);
    }
    let client = register(cx, http, discovered, redirect_uri, scopes).await?;
    cx.database.save_registration(&shared_by, &client).await?;
    Ok(client)
}

/// Whether the server seems to have forgotten the client: it tells nobody but the person at the browser,
/// who then does not come back.
async fn is_forgotten(
    cx: &Context,
    connector: &Connector,
    stored: &ClientRegistration,
) -> Result<bool> {
    if connector.state != ConnectorState::SignInRequired {
        return Ok(false);
    }
    let (user, client_id) = (&connector.user_id, &stored.client_id);
    let unfinished = cx.database.unfinished_sign_ins(user, connector.id, client_id).await?;
    Ok(unfinished >= MOST_UNFINISHED)
}

/// Forgets a dynamic registration that its server no longer takes, unless another took its place.
pub(crate) async fn forget_refused(
    cx: &Context,
    user: &UserId,
    connector: ConnectorId,
    refused: &ClientRegistration,
) -> Result<()> {
    if refused.kind != RegistrationKind::Dynamic {
        return Ok(());
    }
    let (issuer, redirect_uri) = (&refused.issuer, &refused.redirect_uri);
    if refused.token_endpoint_auth_method == PRIVATE_KEY_JWT {
        cx.registering.unsigned.insert(issuer.clone(), ());
    }
    for scope in [RegistrationScope::Connector(user.clone(), connector), RegistrationScope::Shared]
    {
        let stored = cx.background.registration(&scope, issuer, redirect_uri).await?;
        if stored.is_some_and(|stored| stored.client_id == refused.client_id) {
            cx.background.delete_registration(&scope, Some(issuer)).await?;
        }
    }
    Ok(())
}

fn is_live(client: &ClientRegistration, now: Timestamp) -> bool {
    client.client_secret_expires_at.is_none_or(|end| end > now)
}

/// Registers by the best method that the server takes.
async fn register(
    cx: &Context,
    http: &EgressClient,
    discovered: &Discovered,
    redirect_uri: String,
    scopes: &[String],
) -> Result<ClientRegistration> {
    let mut methods = registration::auth_methods(&discovered.server);
    if methods.len() > 1 && cx.registering.unsigned.get(&discovered.issuer).is_some() {
        methods.remove(0);
    }
    let mut registered = ask(cx, http, discovered, &redirect_uri, scopes, methods[0]).await;
    let refused = matches!(
        registered,
        Err(RegistrationError::Refused { .. } | RegistrationError::UnsupportedAuthMethod { .. })
    );
    if let Some(next) = methods.get(1).filter(|_| refused) {
        registered = ask(cx, http, discovered, &redirect_uri, scopes, next).await;
    }
    if registered.is_err() && discovered.legacy == Some(LegacyFallback::AssumedEndpoints) {
        return Err(DiscoveryError::NoAuthorization.into());
    }
    let registered = registered?;
    let ends = registered.client_secret_expires_at.map(|end| end.saturating_mul(1000));
    Ok(ClientRegistration {
        client_secret: registered.client_secret,
        token_endpoint_auth_method: registered.token_endpoint_auth_method,
        client_secret_expires_at: ends.map(Timestamp::from_millis),
        ..public_client(RegistrationKind::Dynamic, registered.client_id, discovered, redirect_uri)
    })
}

async fn ask(
    cx: &Context,
    http: &EgressClient,
    discovered: &Discovered,
    redirect_uri: &str,
    scopes: &[String],
    method: &str,
) -> Result<RegisteredClient, RegistrationError> {
    let (server, public_url) = (&discovered.server, &cx.settings.public_url);
    let endpoint = server.registration_endpoint.as_deref().unwrap_or_default();
    let scope = (!scopes.is_empty()).then(|| scopes.join(" "));
    let (address, set) = (public_url.at(KEYS), cx.client_keys.published());
    let keys =
        if public_url.is_https() { ClientKeys::At(&address) } else { ClientKeys::Inline(&set) };
    let request = RegistrationRequest {
        redirect_uris: &[redirect_uri],
        client_name: CLIENT_NAME,
        client_uri: Some(public_url.origin()),
        application_type: registration::application_type(redirect_uri),
        scope: scope.as_deref(),
        grant_types: &["authorization_code", "refresh_token"],
        token_endpoint_auth_method: method,
        keys: (method == PRIVATE_KEY_JWT).then_some(keys),
        token_endpoint_auth_methods_supported: server
            .token_endpoint_auth_methods_supported
            .as_deref(),
    };
    registration::register(http, endpoint, &request, cx.clock.now().as_seconds()).await
}

impl From<RegistrationError> for Error {
    fn from(error: RegistrationError) -> Self {
        let text = error.to_string();
        match error {
            RegistrationError::Send(SendError::Blocked(reason)) => Self::EgressRefused(reason),
            RegistrationError::Send(SendError::Unreachable(_) | SendError::NoAnswer(_))
            | RegistrationError::Unavailable { .. } => Self::ProviderUnreachable(text),
            _ => Self::RegistrationFailed(text),
        }
    }
}
