//! A connector's columns, and the way from them to the model.

use keyway_model::{Connector, ConnectorId, Health, IdentityProvider, OAuthSettings, Timestamp};
use uuid::Uuid;

use crate::{
    error::Error,
    rows::{RowName, instant},
};

/// What a connector is read with. The names of its headers come in the user's order; a header's
/// name cannot hold a comma (RFC 9110 §5.6.2).
macro_rules! connector_columns {
    () => {
        "id, user_id, name, slug, url, auth_type, oauth_grant, oauth_client_id, oauth_auth_method, \
         oauth_scopes, oauth_signing_algorithm, idp_issuer, idp_client_id, idp_token_endpoint, \
         enabled, state, state_reason, required_scopes, health_status, \
         health_checked_at, health_detail, pinned_protocol_version, protocol_version, tool_count, \
         read_only, tool_modes, revision, created_at, updated_at, \
         (SELECT string_agg(h.name, ',' ORDER BY h.position) FROM connector_headers AS h \
          WHERE h.connector_id = connectors.id) AS header_names"
    };
}
pub(crate) use connector_columns;

#[derive(sqlx::FromRow)]
pub(crate) struct ConnectorRow {
    id: Uuid,
    user_id: String,
    name: String,
    slug: String,
    url: String,
    auth_type: String,
    oauth_grant: String,
    oauth_client_id: Option<String>,
    oauth_auth_method: Option<String>,
    oauth_scopes: String,
    oauth_signing_algorithm: Option<String>,
    idp_issuer: Option<String>,
    idp_client_id: Option<String>,
    idp_token_endpoint: Option<String>,
    enabled: bool,
    state: String,
    state_reason: Option<String>,
    required_scopes: String,
    health_status: String,
    health_checked_at: Option<i64>,
    health_detail: Option<String>,
    pinned_protocol_version: Option<String>,
    protocol_version: Option<String>,
    tool_count: Option<i64>,
    read_only: bool,
    tool_modes: String,
    revision: i64,
    created_at: i64,
    updated_at: i64,
    header_names: Option<String>,
}

impl TryFrom<ConnectorRow> for Connector {
    type Error = Error;

    fn try_from(row: ConnectorRow) -> Result<Self, Error> {
        let id = ConnectorId::from_uuid(row.id);
        let key = id.to_string();
        let place = RowName { table: "connectors", row: &key };
        Ok(Self {
            id,
            user_id: place.user("user_id", row.user_id)?,
            name: row.name,
            slug: place.parse("slug", &row.slug)?,
            url: row.url,
            auth_type: place.parse("auth_type", &row.auth_type)?,
            header_names: header_names(row.header_names.as_deref()),
            oauth: OAuthSettings {
                grant: place.parse("oauth_grant", &row.oauth_grant)?,
                client_id: row.oauth_client_id,
                token_endpoint_auth_method: row.oauth_auth_method,
                scopes: place.list("oauth_scopes", &row.oauth_scopes)?,
                signing_algorithm: row.oauth_signing_algorithm,
                idp: IdentityProvider {
                    issuer: row.idp_issuer,
                    client_id: row.idp_client_id,
                    token_endpoint: row.idp_token_endpoint,
                },
            },
            enabled: row.enabled,
            state: place.parse("state", &row.state)?,
            state_reason: place.parse_optional("state_reason", row.state_reason.as_deref())?,
            required_scopes: place.list("required_scopes", &row.required_scopes)?,
            health: Health {
                status: place.parse("health_status", &row.health_status)?,
                checked_at: instant(row.health_checked_at),
                detail: row.health_detail,
            },
            pinned_protocol_version: row.pinned_protocol_version,
            protocol_version: row.protocol_version,
            tool_count: row.tool_count,
            read_only: row.read_only,
            tool_modes: place.json("tool_modes", &row.tool_modes)?,
            revision: row.revision,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

fn header_names(joined: Option<&str>) -> Vec<String> {
    joined.map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default()
}
