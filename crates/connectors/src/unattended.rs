//! Grants without a person: a token is asked for with credentials that were typed in, a client's own
//! (RFC 6749 §4.4), an enterprise's (ID-JAG) or a workload's (RFC 7523). What else a sign-in has, a
//! refresh token above all, these have not: when a token ends another one is asked for in the same way.

use std::collections::HashMap;

use keyway_model::{
    ClientRegistration, Connector, ConnectorKey, ConnectorState, Grant, GrantSecret, GrantType,
    SignInId, StateReason,
};
use keyway_oauth::{
    assertion::{self, IdentityAssertionRequest},
    client_auth::{self, ClientAuthentication, ClientAuthenticationError},
    dpop::{self as oauth_dpop, DpopKey},
    http::{HttpClient, SendError},
    token::{self, TokenAnswer, TokenError, TokenErrorClass, TokenRequest},
};
use keyway_storage::RefreshedTokens;
use secrecy::SecretString;
use tracing::Instrument as _;

use crate::{
    clients::{self, Authenticator},
    context::Context,
    dpop::{self, Proofs},
    error::{Error, Result},
    refresh::count_token_request,
    sign_in, tokens, trace,
};

/// Where a token is asked for, and for what.
pub(crate) struct Target<'a> {
    pub(crate) client: &'a ClientRegistration,
    pub(crate) token_endpoint: &'a str,
    pub(crate) resource: Option<&'a str>,
    pub(crate) scopes: &'a [String],
    pub(crate) dpop_key: Option<DpopKey>,
}

type Secrets = HashMap<GrantSecret, SecretString>;

/// Why a first token was not had, and what the connector was marked with for it.
#[derive(Debug)]
pub(crate) struct NotFetched {
    pub(crate) error: Error,
    pub(crate) reason: Option<StateReason>,
}

impl<E: Into<Error>> From<E> for NotFetched {
    fn from(error: E) -> Self {
        Self { error: error.into(), reason: None }
    }
}

/// The grant that somebody else fetched after the connector was read as one without a token that works.
pub(crate) async fn fetched_meanwhile(cx: &Context, connector: &Connector) -> Option<Grant> {
    let (user, key) = (&connector.user_id, ConnectorKey::Id(connector.id));
    let current = cx.background.connector(user, &key).await.ok()??;
    let healed = current.revision != connector.revision && current.state == ConnectorState::Ready;
    let grant = cx.background.grant(user, connector.id).await.ok()?;
    grant.filter(|_| healed)
}

/// Asks for the first token: finds the authorization server, asks it, and stores the grant in place of
/// any older one. A refusal marks the connector.
pub(crate) async fn first_grant(cx: &Context, connector: &Connector) -> Result<Grant, NotFetched> {
    let found = sign_in::discover(cx, connector, false).await?;
    let discovered = &found.discovered;
    let scopes = sign_in::scopes_without_a_person(connector, found.challenge.as_ref(), discovered);
    let client = clients::typed_in(cx, connector, discovered).await?;
    let wanted = oauth_dpop::is_wanted(discovered, found.challenge.as_ref());
    let dpop_key = wanted.then(|| dpop::new_key(cx)).transpose()?;
    let resource = discovered.resource.clone().or_else(|| Some(connector.url.clone()));
    let target = Target {
        client: &client,
        token_endpoint: &discovered.server.token_endpoint,
        resource: resource.as_deref(),
        scopes: &scopes,
        dpop_key: dpop_key.clone(),
    };
    let answer = match request_token(cx, connector, &target).await? {
        Ok(answer) => answer,
        // A server that takes an assertion once refuses the slower of two processes.
        Err(error) => match fetched_meanwhile(cx, connector).await {
            Some(grant) => return Ok(grant),
            None => return Err(refused(cx, connector, &error).await),
        },
    };
    let bound = tokens::binding(&answer, dpop_key.as_ref());
    let accepted = tokens::accept(answer, resource.as_deref(), cx.clock.now());
    let tokens = accepted.map_err(|error| provider_refused(None, error.to_string()))?;
    let mut grant = grant(cx, connector, client, tokens);
    grant.token_endpoint.clone_from(&discovered.server.token_endpoint);
    grant.revocation_endpoint.clone_from(&discovered.server.revocation_endpoint);
    grant.resource = resource;
    grant.dpop_key = bound;
    if grant.scopes.is_empty() {
        grant.scopes = scopes;
    }
    save(cx, connector, &grant).await
}

fn grant(
    cx: &Context,
    connector: &Connector,
    client: ClientRegistration,
    tokens: RefreshedTokens,
) -> Grant {
    Grant {
        connector_id: connector.id,
        user_id: connector.user_id.clone(),
        sign_in_id: SignInId::new(tokens.obtained_at, &cx.random),
        client,
        token_endpoint: String::new(),
        revocation_endpoint: None,
        resource: None,
        scopes: tokens.scopes.unwrap_or_default(),
        account: None,
        access_token: tokens.access_token,
        refresh_token: None,
        dpop_key: None,
        obtained_at: tokens.obtained_at,
        expires_at: tokens.expires_at,
        generation: 1,
        attempt: None,
        forced_at: None,
    }
}

async fn save(cx: &Context, connector: &Connector, grant: &Grant) -> Result<Grant, NotFetched> {
    let changed = || Error::Conflict("the connector was changed meanwhile; try again".into());
    if !cx.background.save_unattended_grant(&connector.url, grant).await? {
        return Err(changed().into());
    }
    let stored = cx.background.grant(&connector.user_id, connector.id).await?;
    Ok(stored.ok_or_else(changed)?)
}

/// One token request by the connector's grant.
///
/// # Errors
/// The outer one is of the database or of what is stored; the inner one is the answer.
pub(crate) async fn request_token(
    cx: &Context,
    connector: &Connector,
    target: &Target<'_>,
) -> Result<Result<TokenAnswer, TokenError>> {
    let secrets = cx.background.grant_secrets(&connector.user_id, connector.id).await?;
    let proofs = Proofs::new(cx, target.token_endpoint, target.dpop_key.clone());
    let client = Authenticator::new(cx, target.client);
    let request = TokenRequest {
        token_endpoint: target.token_endpoint,
        client: client.authentication(),
        resource: target.resource,
        dpop: proofs.binding(),
    };
    let http = cx.egress.on_behalf_of(&connector.url);
    let span = trace::token_request();
    let asked = async {
        Ok::<_, Error>(match connector.oauth.grant {
            GrantType::ClientCredentials => {
                token::client_credentials(&http, &request, target.scopes).await
            }
            GrantType::WorkloadIdentity => match secret(&secrets, GrantSecret::Assertion) {
                Ok(own) => assertion::jwt_bearer(&http, &request, own, target.scopes).await,
                Err(missing) => Err(missing),
            },
            GrantType::EnterpriseManaged => {
                match identity_assertion(&http, connector, &secrets, target).await {
                    Ok(given) => {
                        assertion::jwt_bearer(&http, &request, &given, target.scopes).await
                    }
                    Err(error) => Err(error),
                }
            }
            GrantType::AuthorizationCode => {
                return Err(Error::Internal("this grant needs a person".into()));
            }
        })
    };
    let answer = asked.instrument(span.clone()).await?;
    count_token_request(&span, answer.as_ref().err());
    proofs.note(&answer);
    Ok(answer)
}

/// The enterprise's identity provider says who asks (MCP, enterprise-managed authorization).
async fn identity_assertion(
    http: &impl HttpClient,
    connector: &Connector,
    secrets: &Secrets,
    target: &Target<'_>,
) -> Result<SecretString, TokenError> {
    let idp = &connector.oauth.idp;
    let request = TokenRequest {
        token_endpoint: idp.token_endpoint.as_deref().unwrap_or_default(),
        client: ClientAuthentication {
            client_id: idp.client_id.as_deref().unwrap_or_default(),
            client_secret: None,
            method: client_auth::NONE,
            assertion: None,
        },
        resource: target.resource,
        dpop: None,
    };
    let asked = IdentityAssertionRequest {
        id_token: secret(secrets, GrantSecret::IdpIdToken)?,
        audience: &target.client.issuer,
        scopes: target.scopes,
    };
    let span = trace::token_request();
    let given = assertion::exchange_id_token(http, &request, &asked);
    let given = given.instrument(span.clone()).await;
    count_token_request(&span, given.as_ref().err());
    given
}

/// A secret that was removed, because the connector moved to another server, is to be typed in again.
fn secret(secrets: &Secrets, name: GrantSecret) -> Result<&SecretString, TokenError> {
    secrets.get(&name).ok_or(TokenError::Client(ClientAuthenticationError::SecretMissing))
}

async fn refused(cx: &Context, connector: &Connector, error: &TokenError) -> NotFetched {
    tracing::warn!(connector = %connector.id, code = error.code(), %error, "no token was given");
    let reason = match error.class() {
        TokenErrorClass::Rejected => Some(StateReason::RefreshRejected),
        TokenErrorClass::ClientBroken => Some(StateReason::RegistrationRejected),
        _ => None,
    };
    if reason.is_some() {
        let state = ConnectorState::ReauthRequired;
        let (user, id) = (&connector.user_id, connector.id);
        if let Err(error) = cx.background.set_state(user, id, state, reason, &[]).await {
            return error.into();
        }
    }
    NotFetched { error: told(error), reason }
}

fn told(error: &TokenError) -> Error {
    let text = error.to_string();
    match (error, error.class()) {
        (TokenError::Send(SendError::Blocked(reason)), _) => Error::EgressRefused(reason.clone()),
        (_, TokenErrorClass::Transient { .. } | TokenErrorClass::Ambiguous) => {
            Error::ProviderUnreachable(text)
        }
        _ => provider_refused(error.code(), text),
    }
}

fn provider_refused(code: Option<&str>, detail: String) -> Error {
    Error::ProviderRefused { code: code.map(str::to_owned), detail }
}
