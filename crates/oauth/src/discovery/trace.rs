//! What discovery tried, told so that it can be shown to a person and pasted into a bug report.

use serde::Serialize;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TraceStep {
    /// What was looked for: `protected_resource_metadata`, `authorization_server_metadata` or
    /// `legacy_endpoints`.
    pub step: &'static str,
    /// Where, without any query.
    pub url: String,
    /// The HTTP status, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What came of it.
    pub outcome: String,
    /// The rule that led there.
    pub rule: String,
    /// Whose fault a failure is; `None` where nothing failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The MCP server's.
    Server,
    /// The authorization server's.
    AuthorizationServer,
    /// Our own policy's: the address is not admitted.
    Policy,
    /// The network's: no connection, no answer.
    Network,
}
