//! As which client Keyway comes to an authorization server: registered by hand, by a metadata document,
//! or dynamically, in this order; else a person is asked to register one.

use std::{fmt::Write, sync::Arc, time::Duration};

use keyway_model::{
    ClientRegistration, Connector, ConnectorId, ConnectorState, RegistrationKind, Timestamp, UserId,
};
use keyway_oauth::{
    client_auth::{CLIENT_SECRET_BASIC, CLIENT_SECRET_POST},
    client_metadata,
    discovery::{Discovered, DiscoveryError, LegacyFallback},
    http::SendError,
    registration::{self, RegistrationError, RegistrationRequest},
};
use keyway_storage::RegistrationScope;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::{
    catalog::CatalogClient,
    context::{Context, PublicUrl, RegistrationMode, Settings},
    egress::EgressClient,
    error::{Error, Result},
};

/// After how many sign-ins that have not come back a client is registered anew.
const MOST_UNFINISHED: i64 = 2;
const CALLBACK: &str = "/oauth/callback";
/// The name that authorization servers show to people.
const CLIENT_NAME: &str = "Keyway";

/// Lets one start at a time register at an issuer for those who share the registration; the others then
/// find it stored.
pub(crate) struct Registering(moka::sync::Cache<String, Arc<Mutex<()>>>);

impl Default for Registering {
    fn default() -> Self {
        let idle = Duration::from_secs(60);
        Self(moka::sync::Cache::builder().max_capacity(10_000).time_to_idle(idle).build())
    }
}

impl Registering {
    fn turn(&self, shared_by: &RegistrationScope, issuer: &str) -> Arc<Mutex<()>> {
        let key = match shared_by {
            RegistrationScope::Connector(_, connector) => format!("{connector} {issuer}"),
            RegistrationScope::Shared => issuer.to_owned(),
        };
        self.0.get_with(key, Arc::default)
    }
}

/// How a client would be had, without having it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By one of the ways that need nobody.
    By(RegistrationKind),
    /// A person must register one by hand.
    Ask,
}

/// The way for this authorization server. `by_hand` says whether a client id was typed in, or is in the
/// catalog for this server.
pub(crate) fn way(settings: &Settings, discovered: &Discovered, by_hand: bool) -> Way {
    let server = &discovered.server;
    if by_hand {
        Way::By(RegistrationKind::Preregistered)
    } else if server.client_id_metadata_document_supported && settings.client_metadata_url.is_some()
    {
        Way::By(RegistrationKind::MetadataDocument)
    } else if server.registration_endpoint.is_some() {
        Way::By(RegistrationKind::Dynamic)
    } else {
        Way::Ask
    }
}

/// The redirect URI: one of its own for each issuer where the answer will not name its issuer, so that a
/// mixed-up answer is seen by its path (RFC 9700 §4.4.2). Only dynamic registrations can have that.
pub(crate) fn redirect_uri(public_url: &PublicUrl, discovered: &Discovered, way: Way) -> String {
    let named = discovered.server.authorization_response_iss_parameter_supported;
    if named || way != Way::By(RegistrationKind::Dynamic) {
        return public_url.at(CALLBACK);
    }
    public_url.at(&format!("{CALLBACK}/{}", issuer_key(&discovered.issuer)))
}

/// The path segment that stands for an issuer: 16 hexadecimal digits of its SHA-256.
pub(crate) fn issuer_key(issuer: &str) -> String {
    Sha256::digest(issuer.as_bytes())[..8].iter().fold(String::new(), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}

/// The client for a sign-in at the discovered server.
pub(crate) async fn client(
    cx: &Context,
    http: &EgressClient,
    connector: &Connector,
    discovered: &Discovered,
    scopes: &[String],
) -> Result<ClientRegistration> {
    let given = given(cx, connector, &discovered.issuer);
    let by_hand = connector.oauth.client_id.is_some() || given.is_some();
    let way = way(&cx.settings, discovered, by_hand);
    let redirect_uri = redirect_uri(&cx.settings.public_url, discovered, way);
    match way {
        Way::By(RegistrationKind::Preregistered) => {
            preregistered(cx, connector, discovered, redirect_uri).await
        }
        Way::By(RegistrationKind::MetadataDocument) => {
            let client_id = cx.settings.client_metadata_url.clone().unwrap_or_default();
            Ok(public_client(
                RegistrationKind::MetadataDocument,
                client_id,
                discovered,
                redirect_uri,
            ))
        }
        Way::By(RegistrationKind::Dynamic) => {
            dynamic(cx, http, connector, discovered, redirect_uri, scopes).await
        }
        Way::Ask => Err(Error::ClientIdNeeded { connector: connector.reference(), redirect_uri }),
    }
}

/// The client that was typed in for a grant without a person.
pub(crate) async fn typed_in(
    cx: &Context,
    connector: &Connector,
    discovered: &Discovered,
) -> Result<ClientRegistration> {
    preregistered(cx, connector, discovered, cx.settings.public_url.at(CALLBACK)).await
}

fn public_client(
    kind: RegistrationKind,
    client_id: String,
    discovered: &Discovered,
    redirect_uri: String,
) -> ClientRegistration {
    ClientRegistration {
        kind,
        issuer: discovered.issuer.clone(),
        redirect_uri,
        client_id,
        client_secret: None,
        token_endpoint_auth_method: "none".to_owned(),
        client_secret_expires_at: None,
    }
}

/// The catalog's client for this connector at the issuer, unless one was typed in.
pub(crate) fn given<'a>(
    cx: &'a Context,
    connector: &Connector,
    issuer: &str,
) -> Option<&'a CatalogClient> {
    let typed_in = connector.oauth.client_id.is_some();
    let given = cx.settings.catalog.client(issuer, &connector.url);
    given.filter(|_| !typed_in)
}

async fn preregistered(
    cx: &Context,
    connector: &Connector,
    discovered: &Discovered,
    redirect_uri: String,
) -> Result<ClientRegistration> {
    let (client_id, secret, method) = match given(cx, connector, &discovered.issuer) {
        Some(given) => {
            let method = &given.token_endpoint_auth_method;
            (given.client_id.clone(), given.client_secret.clone(), method)
        }
        None => (
            connector.oauth.client_id.clone().unwrap_or_default(),
            cx.database.client_secret(&connector.user_id, connector.id).await?,
            &connector.oauth.token_endpoint_auth_method,
        ),
    };
    let method = match (method, &secret) {
        (Some(method), _) => method.clone(),
        (None, None) => "none".to_owned(),
        (None, Some(_)) => secret_auth_method(discovered).to_owned(),
    };
    let kind = RegistrationKind::Preregistered;
    Ok(ClientRegistration {
        client_secret: secret,
        token_endpoint_auth_method: method,
        ..public_client(kind, client_id, discovered, redirect_uri)
    })
}

/// How a client with a secret authenticates where nobody said: as the server's metadata offers, in the
/// order of RFC 8414 §2, whose default is Basic.
fn secret_auth_method(discovered: &Discovered) -> &'static str {
    let offered = discovered.server.token_endpoint_auth_methods_supported.as_deref();
    let only_post = offered.is_some_and(|offered| {
        let offers = |method| offered.iter().any(|known| known == method);
        offers(CLIENT_SECRET_POST) && !offers(CLIENT_SECRET_BASIC)
    });
    if only_post { CLIENT_SECRET_POST } else { CLIENT_SECRET_BASIC }
}

/// Who shares the connector's dynamic registrations.
pub(crate) fn scope(cx: &Context, user: &UserId, connector: ConnectorId) -> RegistrationScope {
    match cx.settings.registration {
        RegistrationMode::PerConnector => RegistrationScope::Connector(user.clone(), connector),
        RegistrationMode::PerIssuer => RegistrationScope::Shared,
    }
}

async fn dynamic(
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

async fn register(
    cx: &Context,
    http: &EgressClient,
    discovered: &Discovered,
    redirect_uri: String,
    scopes: &[String],
) -> Result<ClientRegistration> {
    let server = &discovered.server;
    let endpoint = server.registration_endpoint.as_deref().unwrap_or_default();
    let scope = (!scopes.is_empty()).then(|| scopes.join(" "));
    let request = RegistrationRequest {
        redirect_uris: &[&redirect_uri],
        client_name: CLIENT_NAME,
        client_uri: Some(cx.settings.public_url.origin()),
        application_type: registration::application_type(&redirect_uri),
        scope: scope.as_deref(),
        grant_types: &["authorization_code", "refresh_token"],
        token_endpoint_auth_method: registration::choose_auth_method(server),
        token_endpoint_auth_methods_supported: server
            .token_endpoint_auth_methods_supported
            .as_deref(),
    };
    let now = cx.clock.now();
    let registered = registration::register(http, endpoint, &request, now.as_seconds()).await;
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

/// The client ID metadata document, where Keyway has an address that servers can fetch it from.
pub fn client_metadata_document(cx: &Context) -> Option<serde_json::Value> {
    let url = cx.settings.client_metadata_url.as_deref()?;
    let public_url = &cx.settings.public_url;
    let redirect_uri = public_url.at(CALLBACK);
    let client_uri = Some(public_url.origin());
    Some(client_metadata::document(url, &[&redirect_uri], CLIENT_NAME, client_uri))
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
