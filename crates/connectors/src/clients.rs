//! As which client Keyway comes to an authorization server: registered by hand, by a metadata document,
//! or dynamically, in this order; else a person is asked to register one.

use std::{fmt::Write, sync::Arc, time::Duration};

use keyway_model::{
    ClientRegistration, Connector, ConnectorId, RegistrationKind, Timestamp, UserId,
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
    context::{Context, PublicUrl, RegistrationMode},
    egress::EgressClient,
    error::{Error, Result},
};

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

/// The way for this authorization server. `by_hand` says whether a client id was typed in.
pub(crate) fn way(cx: &Context, discovered: &Discovered, by_hand: bool) -> Way {
    let server = &discovered.server;
    if by_hand {
        Way::By(RegistrationKind::Preregistered)
    } else if server.client_id_metadata_document_supported
        && cx.settings.client_metadata_url.is_some()
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
    let way = way(cx, discovered, connector.oauth.client_id.is_some());
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

async fn preregistered(
    cx: &Context,
    connector: &Connector,
    discovered: &Discovered,
    redirect_uri: String,
) -> Result<ClientRegistration> {
    let client_id = connector.oauth.client_id.clone().unwrap_or_default();
    let secret = cx.database.client_secret(&connector.user_id, connector.id).await?;
    let method = match (&connector.oauth.token_endpoint_auth_method, &secret) {
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
    if let Some(stored) = stored.filter(|stored| is_live(stored, cx.clock.now())) {
        return Ok(stored);
    }
    let client = register(cx, http, discovered, redirect_uri, scopes).await?;
    cx.database.save_registration(&shared_by, &client).await?;
    Ok(client)
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
    let endpoint = discovered.server.registration_endpoint.as_deref().unwrap_or_default();
    let scope = (!scopes.is_empty()).then(|| scopes.join(" "));
    let request = RegistrationRequest {
        redirect_uris: &[&redirect_uri],
        client_name: CLIENT_NAME,
        client_uri: Some(cx.settings.public_url.origin()),
        application_type: registration::application_type(&redirect_uri),
        scope: scope.as_deref(),
        grant_types: &["authorization_code", "refresh_token"],
        token_endpoint_auth_method: registration::choose_auth_method(&discovered.server),
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
