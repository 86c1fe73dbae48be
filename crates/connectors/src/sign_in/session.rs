//! A new sign-in attempt: verifier, state, the authorization request, and the ticket of its launch.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_model::{
    AuthorizationSession, AuthorizationSessionId, ClientRegistration, Connector, SessionStatus,
    Timestamp,
};
use keyway_oauth::{
    authorization::{self, AuthorizationRequest},
    discovery::Discovered,
    pkce,
    state::{self, StatePayload},
};
use sha2::{Digest, Sha256};

use super::{LIFETIME, StartOptions, Started};
use crate::{
    context::Context,
    error::{Error, Result},
};

/// What a sign-in attempt is made of.
pub(super) struct NewSession<'a> {
    pub(super) connector: &'a Connector,
    pub(super) discovered: Discovered,
    pub(super) client: ClientRegistration,
    pub(super) scopes: Vec<String>,
    pub(super) extra: Vec<(String, String)>,
    pub(super) options: StartOptions,
    pub(super) foreign: bool,
    pub(super) dpop: bool,
}

pub(super) async fn insert_session(cx: &Context, new: NewSession<'_>) -> Result<Started> {
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
    let endpoint = server.authorization_endpoint.as_deref();
    let authorization_url = authorization::request_url(&AuthorizationRequest {
        endpoint: endpoint.ok_or_else(|| {
            Error::MetadataInvalid("the metadata has no authorization_endpoint".into())
        })?,
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
