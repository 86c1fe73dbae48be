//! Trying a URL, and diagnosing a connector. The answers are written by the use case itself; here they are
//! described.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{headers::Headers, schema};

/// A URL to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeRequest {
    /// The MCP endpoint.
    pub(crate) url: String,
    /// Headers to try it with; nothing is saved.
    #[serde(default)]
    #[schema(nullable = false, value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub(crate) headers: Option<Headers>,
}

/// What a URL turned out to be.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProbeReport {
    outcome: ProbeOutcome,
    /// `handshake` or `stateless`, where it answered.
    #[schema(nullable = false)]
    era: Option<String>,
    /// The protocol version it answered with.
    #[schema(nullable = false)]
    protocol_version: Option<String>,
    /// Its own description, as it sent it.
    #[schema(nullable = false)]
    server: Option<Value>,
    /// Its tools, as it sent them.
    #[schema(nullable = false)]
    tools: Option<Vec<Value>>,
    #[schema(nullable = false)]
    oauth: Option<ProbedOAuth>,
    /// Why nobody can sign in although the server publishes how; whose fault that is, the trace says.
    #[schema(nullable = false)]
    detail: Option<String>,
    trace: Vec<TraceStep>,
}

/// What a URL turned out to be, in one word.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the use case serializes")]
pub(crate) enum ProbeOutcome {
    Open,
    Oauth,
    ClientNeeded,
    TokenNeeded,
    HeadersRejected,
    NotMcp,
    Unreachable,
    Blocked,
}

/// How a sign-in would go.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProbedOAuth {
    issuer: String,
    /// Which registration would be used; null where a person must register a client.
    #[schema(schema_with = schema::registration)]
    registration: Option<String>,
    scopes: Vec<String>,
    /// The redirect URI, to register by hand.
    redirect_uri: String,
}

/// One thing that was tried. Holds no secrets.
#[derive(Serialize, ToSchema)]
pub(crate) struct TraceStep {
    step: String,
    url: String,
    #[schema(nullable = false)]
    status: Option<u16>,
    outcome: String,
    /// The rule that led there.
    rule: String,
    #[schema(nullable = false)]
    fault: Option<Fault>,
}

/// Whose fault a failure is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the use case serializes")]
pub(crate) enum Fault {
    Server,
    AuthorizationServer,
    Policy,
    Network,
}

/// The whole way to a connector's server.
#[derive(Serialize, ToSchema)]
pub(crate) struct Diagnosis {
    trace: Vec<TraceStep>,
    /// In one sentence.
    summary: String,
}
