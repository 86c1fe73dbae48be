//! A connector as it is asked for, changed and shown.

use keyway_connectors::registry::{ConnectorPatch as Patch, ConnectorView, NewConnector, NewOAuth};
use keyway_model::{AuthType, ConnectorState, GrantType, RegistrationKind, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{
    headers::{HeaderChanges, Headers},
    schema,
};

/// A connector to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewConnector)]
pub(crate) struct CreateConnector {
    /// The MCP endpoint: https, without credentials and fragment.
    url: String,
    /// The name shown; suggested by the server's host where it is absent.
    #[serde(default)]
    #[schema(nullable = false)]
    name: Option<String>,
    /// The short name, unique among the user's connectors.
    #[serde(default)]
    #[schema(nullable = false, pattern = "^[a-z0-9-]{1,24}$")]
    slug: Option<String>,
    /// How its requests are authenticated; a probe decides where neither this nor headers are given.
    #[serde(default)]
    #[schema(schema_with = schema::auth_type)]
    auth_type: Option<AuthType>,
    /// Static headers; their values never come back.
    #[serde(default)]
    #[schema(nullable = false, value_type = Option<std::collections::BTreeMap<String, String>>)]
    headers: Option<Headers>,
    /// OAuth settings; all are optional.
    #[serde(default)]
    #[schema(nullable = false)]
    oauth: Option<OAuthSettings>,
    /// The only protocol version to speak.
    #[serde(default)]
    pinned_protocol_version: Option<String>,
    /// Whether it may be used.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

/// The OAuth settings of a connector.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOAuth)]
pub(crate) struct OAuthSettings {
    /// A client that was registered by hand.
    #[serde(default)]
    client_id: Option<String>,
    /// Its secret, which never comes back.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    client_secret: Option<SecretString>,
    /// How it authenticates at the token endpoint (RFC 7591 §2).
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    /// Scopes to ask for in place of those the server names.
    #[serde(default)]
    #[schema(nullable = false)]
    scopes: Option<Vec<String>>,
    /// How tokens are obtained.
    #[serde(default)]
    #[schema(schema_with = schema::grant_type)]
    grant: Option<GrantType>,
    /// The client's private key, PEM (PKCS #8), in place of a secret; it never comes back.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    private_key: Option<SecretString>,
    /// With which algorithm the private key signs: RS256, ES256, EdDSA and so on (RFC 7518 §3.1).
    #[serde(default)]
    signing_algorithm: Option<String>,
    /// For `workload_identity`: the workload's assertion, which never comes back.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    assertion: Option<SecretString>,
    /// For `enterprise_managed`: the issuer of the identity provider.
    #[serde(default)]
    idp_issuer: Option<String>,
    /// For `enterprise_managed`: the client at the identity provider.
    #[serde(default)]
    idp_client_id: Option<String>,
    /// For `enterprise_managed`: where the identity provider exchanges id tokens (RFC 8693).
    #[serde(default)]
    idp_token_endpoint: Option<String>,
    /// For `enterprise_managed`: the person's id token, which never comes back.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    idp_id_token: Option<SecretString>,
}

/// A change of a connector; what is not mentioned stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "a pin that is absent stays, one that is null is lifted")]
pub(crate) struct ConnectorPatch {
    /// The MCP endpoint. A new one the tokens were not issued for drops them.
    #[serde(default)]
    #[schema(nullable = false)]
    url: Option<String>,
    /// The name shown.
    #[serde(default)]
    #[schema(nullable = false)]
    name: Option<String>,
    /// The short name.
    #[serde(default)]
    #[schema(nullable = false, pattern = "^[a-z0-9-]{1,24}$")]
    slug: Option<String>,
    /// How its requests are authenticated.
    #[serde(default)]
    #[schema(schema_with = schema::auth_type)]
    auth_type: Option<AuthType>,
    /// Headers to set, or to remove by null; names not mentioned keep their values.
    #[serde(default)]
    #[schema(
        nullable = false,
        value_type = Option<std::collections::BTreeMap<String, Option<String>>>
    )]
    headers: Option<HeaderChanges>,
    /// OAuth settings to change.
    #[serde(default)]
    #[schema(nullable = false)]
    oauth: Option<OAuthSettings>,
    /// The only protocol version to speak; null speaks any.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pinned_protocol_version: Option<Option<String>>,
    /// Whether it may be used.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Whether tools that may write are refused.
    #[serde(default)]
    #[schema(nullable = false)]
    read_only: Option<bool>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.map(SecretString::from))
}

/// Tells a field that is null from one that is absent.
#[expect(clippy::option_option, reason = "that is the difference")]
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The user's connectors.
#[derive(Serialize, ToSchema)]
pub(crate) struct Connectors {
    pub(crate) connectors: Vec<Connector>,
}

/// A connector. Nothing secret is in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Connector {
    id: String,
    name: String,
    slug: String,
    url: String,
    #[schema(schema_with = schema::auth_type)]
    auth_type: AuthType,
    /// The names of its static headers.
    header_names: Vec<String>,
    enabled: bool,
    /// Whether the credential works.
    #[schema(schema_with = schema::connector_state)]
    state: ConnectorState,
    /// Why it does not: a stable code.
    #[schema(required = true)]
    state_reason: Option<&'static str>,
    oauth: OAuth,
    health: Health,
    #[schema(required = true)]
    pinned_protocol_version: Option<String>,
    /// The version that the last contact negotiated.
    #[schema(required = true)]
    protocol_version: Option<String>,
    #[schema(required = true)]
    tool_count: Option<i64>,
    /// Whether tools that may write are refused.
    read_only: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// The OAuth side of a connector.
#[derive(Serialize, ToSchema)]
pub(crate) struct OAuth {
    #[schema(schema_with = schema::grant_type)]
    grant: GrantType,
    /// Whether somebody is signed in.
    authorized: bool,
    #[schema(required = true)]
    issuer: Option<String>,
    /// Who is signed in, where the server tells.
    #[schema(required = true)]
    account: Option<String>,
    /// The scopes granted.
    scopes: Vec<String>,
    /// The scopes the server asked for beyond those granted.
    required_scopes: Vec<String>,
    #[schema(schema_with = schema::registration)]
    registration: Option<RegistrationKind>,
    /// When the access token ends.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    expires_at: Option<Timestamp>,
    /// Whether it is renewed without a person.
    refreshable: bool,
}

/// The last real contact with the server, which is another thing than the state.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(schema_with = schema::health_status)]
    status: keyway_model::HealthStatus,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    checked_at: Option<Timestamp>,
    #[schema(required = true)]
    detail: Option<String>,
}

impl From<CreateConnector> for NewConnector {
    fn from(body: CreateConnector) -> Self {
        Self {
            url: body.url,
            name: body.name,
            slug: body.slug,
            auth_type: body.auth_type,
            headers: body.headers.unwrap_or_default().0,
            oauth: body.oauth.map(NewOAuth::from),
            pinned_protocol_version: body.pinned_protocol_version,
            enabled: body.enabled,
            read_only: false,
        }
    }
}

impl From<OAuthSettings> for NewOAuth {
    fn from(body: OAuthSettings) -> Self {
        Self {
            client_id: body.client_id,
            client_secret: body.client_secret,
            token_endpoint_auth_method: body.token_endpoint_auth_method,
            scopes: body.scopes,
            grant: body.grant,
            private_key: body.private_key,
            signing_algorithm: body.signing_algorithm,
            assertion: body.assertion,
            idp_issuer: body.idp_issuer,
            idp_client_id: body.idp_client_id,
            idp_token_endpoint: body.idp_token_endpoint,
            idp_id_token: body.idp_id_token,
        }
    }
}

impl From<ConnectorPatch> for Patch {
    fn from(body: ConnectorPatch) -> Self {
        Self {
            url: body.url,
            name: body.name,
            slug: body.slug,
            auth_type: body.auth_type,
            headers: body.headers.unwrap_or_default().0,
            oauth: body.oauth.map(NewOAuth::from),
            pinned_protocol_version: body.pinned_protocol_version,
            enabled: body.enabled,
            read_only: body.read_only,
        }
    }
}

impl From<ConnectorView> for Connector {
    fn from(view: ConnectorView) -> Self {
        let ConnectorView { connector, grant } = view;
        let oauth = OAuth {
            grant: connector.oauth.grant,
            authorized: grant.is_some() && is_authorized(connector.state),
            issuer: grant.as_ref().map(|grant| grant.issuer.clone()),
            account: grant.as_ref().and_then(|grant| grant.account.clone()),
            scopes: grant.as_ref().map(|grant| grant.scopes.clone()).unwrap_or_default(),
            required_scopes: connector.required_scopes,
            registration: grant.as_ref().map(|grant| grant.registration),
            expires_at: grant.as_ref().and_then(|grant| grant.expires_at),
            refreshable: grant
                .as_ref()
                .is_some_and(|grant| grant.refreshable || connector.oauth.grant.is_unattended()),
        };
        let health = Health {
            status: connector.health.status,
            checked_at: connector.health.checked_at,
            detail: connector.health.detail,
        };
        Self {
            id: connector.id.to_string(),
            name: connector.name,
            slug: connector.slug.to_string(),
            url: connector.url,
            auth_type: connector.auth_type,
            header_names: connector.header_names,
            enabled: connector.enabled,
            state: connector.state,
            state_reason: connector.state_reason.map(keyway_model::StateReason::as_str),
            oauth,
            health,
            pinned_protocol_version: connector.pinned_protocol_version,
            protocol_version: connector.protocol_version,
            tool_count: connector.tool_count,
            read_only: connector.read_only,
            created_at: connector.created_at,
            updated_at: connector.updated_at,
        }
    }
}

/// Whether a grant in this state still gives tokens.
fn is_authorized(state: ConnectorState) -> bool {
    matches!(state, ConnectorState::Ready | ConnectorState::ScopeRequired)
}
