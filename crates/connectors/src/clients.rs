//! As which client Keyway comes to an authorization server: registered by hand, by a metadata document,
//! or dynamically, in this order; else a person is asked to register one.

mod authentication;
mod dynamic;

use std::fmt::Write;

use keyway_model::{ClientRegistration, Connector, GrantSecret, RegistrationKind};
use keyway_oauth::{
    client_auth::{CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, NONE, PRIVATE_KEY_JWT},
    client_metadata,
    discovery::Discovered,
};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

pub use self::authentication::ClientKeys;
pub(crate) use self::{
    authentication::Authenticator,
    dynamic::{Registering, forget_refused, scope},
};
use crate::{
    catalog::CatalogClient,
    context::{Context, PublicUrl, Settings},
    egress::EgressClient,
    error::{Error, Result},
};

/// Where Keyway publishes its keys as a client (RFC 7517).
const KEYS: &str = "/oauth/jwks.json";
const CALLBACK: &str = "/oauth/callback";
/// The name that authorization servers show to people.
const CLIENT_NAME: &str = "Keyway";

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
            dynamic::client(cx, http, connector, discovered, redirect_uri, scopes).await
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
        token_endpoint_auth_method: NONE.to_owned(),
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
            typed_secret(cx, connector).await?,
            &connector.oauth.token_endpoint_auth_method,
        ),
    };
    let method = match (method, &secret) {
        (Some(method), _) => method.clone(),
        (None, None) => NONE.to_owned(),
        (None, Some(_)) => secret_auth_method(discovered).to_owned(),
    };
    let kind = RegistrationKind::Preregistered;
    Ok(ClientRegistration {
        client_secret: secret,
        token_endpoint_auth_method: method,
        ..public_client(kind, client_id, discovered, redirect_uri)
    })
}

/// What was typed in for the client to authenticate with: a key where it signs, else a secret.
async fn typed_secret(cx: &Context, connector: &Connector) -> Result<Option<SecretString>> {
    let (user, id, oauth) = (&connector.user_id, connector.id, &connector.oauth);
    if oauth.token_endpoint_auth_method.as_deref() != Some(PRIVATE_KEY_JWT) {
        return Ok(cx.database.client_secret(user, id).await?);
    }
    let secrets = cx.database.grant_secrets(user, id).await?;
    let algorithm = oauth.signing_algorithm.as_deref();
    let key = secrets.get(&GrantSecret::PrivateKey).zip(algorithm);
    Ok(key.map(|(pem, algorithm)| authentication::with_algorithm(pem, algorithm)))
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

/// The client ID metadata document, where Keyway has an address that servers can fetch it from.
pub fn client_metadata_document(cx: &Context) -> Option<serde_json::Value> {
    let url = cx.settings.client_metadata_url.as_deref()?;
    let public_url = &cx.settings.public_url;
    let redirect_uri = public_url.at(CALLBACK);
    let client_uri = Some(public_url.origin());
    Some(client_metadata::document(url, &[&redirect_uri], CLIENT_NAME, client_uri))
}

/// Keyway's public keys as a client: a JSON Web Key Set (RFC 7517 §5).
pub fn client_key_set(cx: &Context) -> serde_json::Value {
    cx.client_keys.published()
}
