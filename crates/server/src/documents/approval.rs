//! Calls that wait for a person, and what is decided about them.

use keyway_gateway::policy::approvals::WaitingCall;
use keyway_model::{Decision, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema;

/// The calls that wait for a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approvals {
    /// The oldest first.
    approvals: Vec<Approval>,
}

/// A call that waits for a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approval {
    id: String,
    /// The connector's slug.
    connector: String,
    connector_id: String,
    connector_name: String,
    /// The tool's name at the server.
    tool: String,
    /// The arguments as they came, as JSON text; only the beginning where they are very long.
    arguments: String,
    /// How long the arguments are in all, in bytes.
    arguments_size: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when it can be decided.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    expires_at: Option<Timestamp>,
}

/// What a person decides about a call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// `once` lets the next call of the same through, `always` every one with these arguments as long as
    /// the tool and the connector stay as they are, `deny` none.
    #[schema(schema_with = schema::decision)]
    pub(crate) decision: Decision,
}

/// What was decided.
#[derive(Serialize, ToSchema)]
pub(crate) struct Decided {
    pub(crate) id: String,
    #[schema(schema_with = schema::decision)]
    pub(crate) decision: Decision,
}

impl From<Vec<WaitingCall>> for Approvals {
    fn from(waiting: Vec<WaitingCall>) -> Self {
        Self { approvals: waiting.into_iter().map(Approval::from).collect() }
    }
}

impl From<WaitingCall> for Approval {
    fn from(waiting: WaitingCall) -> Self {
        let WaitingCall { approval, connector, connector_name } = waiting;
        Self {
            id: approval.id.to_string(),
            connector: connector.slug.to_string(),
            connector_id: connector.id.to_string(),
            connector_name,
            tool: approval.call.tool,
            arguments: approval.arguments.expose_secret().to_owned(),
            arguments_size: approval.arguments_size,
            created_at: approval.created_at,
            expires_at: approval.expires_at,
        }
    }
}
