//! Members of the file: secrets as text, and what only Keyway has.

use keyway_model::{AuthType, GrantType};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::registry::NewOAuth;

/// A secret in a file that is asked to hold it.
pub(super) struct Exposed(pub(super) SecretString);

impl<'de> Deserialize<'de> for Exposed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The reason would quote the secret.
        let text = String::deserialize(deserializer);
        text.map(|text| Self(text.into())).map_err(|_| D::Error::custom("a secret must be text"))
    }
}

impl Serialize for Exposed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

/// What other clients have no word for, under the one member that they ignore. Its members are those of
/// `POST /api/v1/connectors`.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Keyway {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_type: Option<AuthType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) oauth: Option<OAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pinned_protocol_version: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) read_only: bool,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OAuth {
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Exposed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<Exposed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assertion: Option<Exposed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp_issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp_client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp_token_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp_id_token: Option<Exposed>,
}

impl From<NewOAuth> for OAuth {
    fn from(oauth: NewOAuth) -> Self {
        Self {
            grant: oauth.grant,
            client_id: oauth.client_id,
            client_secret: oauth.client_secret.map(Exposed),
            token_endpoint_auth_method: oauth.token_endpoint_auth_method,
            scopes: oauth.scopes,
            private_key: oauth.private_key.map(Exposed),
            signing_algorithm: oauth.signing_algorithm,
            assertion: oauth.assertion.map(Exposed),
            idp_issuer: oauth.idp_issuer,
            idp_client_id: oauth.idp_client_id,
            idp_token_endpoint: oauth.idp_token_endpoint,
            idp_id_token: oauth.idp_id_token.map(Exposed),
        }
    }
}

impl From<OAuth> for NewOAuth {
    fn from(oauth: OAuth) -> Self {
        let open = |Exposed(secret)| secret;
        Self {
            grant: oauth.grant,
            client_id: oauth.client_id,
            client_secret: oauth.client_secret.map(open),
            token_endpoint_auth_method: oauth.token_endpoint_auth_method,
            scopes: oauth.scopes,
            private_key: oauth.private_key.map(open),
            signing_algorithm: oauth.signing_algorithm,
            assertion: oauth.assertion.map(open),
            idp_issuer: oauth.idp_issuer,
            idp_client_id: oauth.idp_client_id,
            idp_token_endpoint: oauth.idp_token_endpoint,
            idp_id_token: oauth.idp_id_token.map(open),
        }
    }
}
