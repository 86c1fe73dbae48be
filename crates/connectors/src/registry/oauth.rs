//! The OAuth settings that a person types in: checked against what their grant needs, and taken apart
//! into what is shown and what is sealed.

use keyway_model::{Connector, GrantSecret, GrantType, IdentityProvider, OAuthSettings};
use keyway_oauth::{
    assertion::SigningKey,
    client_auth::{CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, NONE, PRIVATE_KEY_JWT},
    token,
};
use keyway_storage::SecretEdit;
use secrecy::{ExposeSecret, SecretString};

use super::NewOAuth;
use crate::{
    context::Context,
    error::{Error, Result},
    validate,
};

const METHODS: [&str; 4] = [NONE, CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, PRIVATE_KEY_JWT];
/// The longest assertion, in bytes.
const LONGEST_ASSERTION: usize = 16 * 1024;

impl NewOAuth {
    /// The secrets that were typed in, without the client's. A mask means that the stored one stays.
    pub(super) fn grant_secrets(&self) -> Vec<(GrantSecret, SecretString)> {
        let given = [
            (GrantSecret::PrivateKey, &self.private_key),
            (GrantSecret::Assertion, &self.assertion),
            (GrantSecret::IdpIdToken, &self.idp_id_token),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        given.filter(|(_, value)| !validate::is_mask(value)).collect()
    }

    fn has(&self, secret: GrantSecret) -> bool {
        self.grant_secrets().iter().any(|(name, _)| *name == secret)
    }
}

/// Which secrets a connector will have.
#[derive(Default)]
pub(super) struct Held {
    client_secret: bool,
    grant_secrets: Vec<GrantSecret>,
}

impl Held {
    /// Those of a connector that is stored.
    pub(super) async fn by(cx: &Context, connector: &Connector) -> Result<Self> {
        let (user, id) = (&connector.user_id, connector.id);
        let grant_secrets = cx.database.grant_secrets(user, id).await?.into_keys().collect();
        let client_secret = cx.database.client_secret(user, id).await?.is_some();
        Ok(Self { client_secret, grant_secrets })
    }

    fn with(mut self, new: &NewOAuth) -> Self {
        self.client_secret |= new.client_secret.is_some();
        self.grant_secrets.extend(new.grant_secrets().into_iter().map(|(name, _)| name));
        self
    }

    fn has(&self, secret: GrantSecret) -> bool {
        self.grant_secrets.contains(&secret)
    }
}

/// The settings after a change. `held` are the secrets there were before it.
///
/// # Errors
/// [`Error::InvalidRequest`] that says what the grant needs, [`Error::EgressRefused`].
pub(super) fn settings(
    cx: &Context,
    url: &str,
    new: Option<&NewOAuth>,
    old: OAuthSettings,
    held: Held,
) -> Result<OAuthSettings> {
    let Some(new) = new else { return Ok(old) };
    let method = method(new, old.token_endpoint_auth_method.as_deref());
    if method.as_deref().is_some_and(|method| !METHODS.contains(&method)) {
        let text = format!("oauth.token_endpoint_auth_method is one of {}", METHODS.join(", "));
        return Err(Error::InvalidRequest(text));
    }
    let given = |new: &Option<String>, old| new.clone().filter(|text| !text.is_empty()).or(old);
    let settings = OAuthSettings {
        grant: new.grant.unwrap_or(old.grant),
        client_id: given(&new.client_id, old.client_id),
        token_endpoint_auth_method: method,
        scopes: new.scopes.clone().unwrap_or(old.scopes),
        signing_algorithm: given(&new.signing_algorithm, old.signing_algorithm),
        idp: IdentityProvider {
            issuer: given(&new.idp_issuer, old.idp.issuer),
            client_id: given(&new.idp_client_id, old.idp.client_id),
            token_endpoint: given(&new.idp_token_endpoint, old.idp.token_endpoint),
        },
    };
    check_key(new, &settings)?;
    check_assertions(new, &settings)?;
    check_needs(&settings, &held.with(new))?;
    if let Some(endpoint) = new.idp_token_endpoint.as_deref().filter(|text| !text.is_empty()) {
        let admitted = cx.egress.on_behalf_of(url).admit(endpoint).map_err(Error::from);
        admitted.map_err(|error| match error {
            Error::UrlInvalid(text) => invalid(&format!("oauth.idp_token_endpoint: {text}")),
            error => error,
        })?;
    }
    Ok(settings)
}

/// A key or a secret that comes in place of the other decides how the client authenticates.
fn method(new: &NewOAuth, old: Option<&str>) -> Option<String> {
    let implied = if new.has(GrantSecret::PrivateKey) {
        Some(PRIVATE_KEY_JWT)
    } else {
        old.filter(|old| *old != PRIVATE_KEY_JWT || new.client_secret.is_none())
    };
    new.token_endpoint_auth_method.clone().or(implied.map(str::to_owned))
}

fn check_key(new: &NewOAuth, settings: &OAuthSettings) -> Result<()> {
    let secrets = new.grant_secrets();
    let key = secrets.iter().find(|(name, _)| *name == GrantSecret::PrivateKey);
    let algorithm = settings.signing_algorithm.as_deref();
    match (key, algorithm) {
        (Some((_, pem)), Some(algorithm)) => {
            let read = SigningKey::from_pem(pem, algorithm);
            read.map(drop).map_err(|error| invalid(&format!("oauth.private_key: {error}")))
        }
        (Some(_), None) => {
            Err(invalid("oauth.private_key needs oauth.signing_algorithm beside it"))
        }
        (None, _) if new.signing_algorithm.is_some() => {
            Err(invalid("oauth.signing_algorithm needs oauth.private_key beside it"))
        }
        (None, _) => Ok(()),
    }
}

fn check_assertions(new: &NewOAuth, settings: &OAuthSettings) -> Result<()> {
    for (name, value) in new.grant_secrets() {
        let text = value.expose_secret();
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = visible && !text.is_empty() && text.len() <= LONGEST_ASSERTION;
        if name != GrantSecret::PrivateKey && !fits {
            return Err(invalid(&format!("oauth.{name} is not a token of visible characters")));
        }
        let issuer = token::jwt_claims(&value).and_then(|claims| claims.iss);
        if name == GrantSecret::IdpIdToken && issuer.is_some() && issuer != settings.idp.issuer {
            return Err(invalid(
                "oauth.idp_id_token was issued by another issuer than oauth.idp_issuer",
            ));
        }
    }
    Ok(())
}

/// What each grant cannot do without.
fn check_needs(settings: &OAuthSettings, held: &Held) -> Result<()> {
    let key = held.has(GrantSecret::PrivateKey) && settings.signing_algorithm.is_some();
    let signs = settings.token_endpoint_auth_method.as_deref() == Some(PRIVATE_KEY_JWT);
    let client_id = ("client_id", settings.client_id.is_some());
    let needs = match settings.grant {
        GrantType::AuthorizationCode => vec![],
        GrantType::ClientCredentials => {
            let proof = held.client_secret || key || signs;
            vec![client_id, ("client_secret or oauth.private_key", proof)]
        }
        GrantType::EnterpriseManaged => vec![
            client_id,
            ("idp_issuer", settings.idp.issuer.is_some()),
            ("idp_client_id", settings.idp.client_id.is_some()),
            ("idp_token_endpoint", settings.idp.token_endpoint.is_some()),
            ("idp_id_token", held.has(GrantSecret::IdpIdToken)),
        ],
        GrantType::WorkloadIdentity => vec![("assertion", held.has(GrantSecret::Assertion))],
    };
    if let Some((name, _)) = needs.into_iter().find(|(_, there)| !there) {
        return Err(invalid(&format!("the grant {} needs oauth.{name}", settings.grant)));
    }
    if signs && settings.client_id.is_none() {
        return Err(invalid("private_key_jwt needs oauth.client_id"));
    }
    if signs && key && !settings.grant.is_unattended() {
        let text = "oauth.private_key is for grants without a person; for private_key_jwt leave it out, \
                    and register the keys of /oauth/jwks.json for the client";
        return Err(invalid(text));
    }
    Ok(())
}

/// What happens to the stored secrets; those of another server's connector are forgotten.
pub(super) fn secret_edits(new: Option<&NewOAuth>, moved: bool) -> Vec<(GrantSecret, SecretEdit)> {
    let removed = GrantSecret::ALL.iter().filter(|_| moved);
    let removed = removed.map(|name| (*name, SecretEdit::Remove));
    let set = new.map(NewOAuth::grant_secrets).unwrap_or_default().into_iter();
    removed.chain(set.map(|(name, value)| (name, SecretEdit::Set(value)))).collect()
}

fn invalid(text: &str) -> Error {
    Error::InvalidRequest(text.to_owned())
}
