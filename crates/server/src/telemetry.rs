//! Logs, counters and the id of each request. Nothing here writes a query string, a header or a body.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::OnceLock,
};

use anyhow::Context as _;
use axum::http::HeaderValue;
use keyway_model::Random;
use metrics::{counter, describe_counter, describe_gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// The id of one request, in its answer, its problem document and its log lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(u128);

impl RequestId {
    pub(crate) fn new(random: &Random) -> Self {
        Self(u128::from_be_bytes(random.bytes()))
    }

    pub(crate) fn to_header(self) -> HeaderValue {
        let mut digits = [0; 32];
        for (place, digit) in digits.iter_mut().enumerate() {
            let nibble = self.0 >> (124 - 4 * place) & 0xf;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("-"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Sends log lines to stderr: for people on a terminal, as JSON elsewhere. `filter` is what `KEYWAY_LOG`
/// says. The HTTP libraries are held at `warn` unless it names them, since their lines show addresses.
pub fn log_to_stderr(filter: &str) {
    let quiet = "hyper=warn,hyper_util=warn,rustls=warn,sqlx=warn,h2=warn";
    let filter = EnvFilter::try_new(format!("{quiet},{filter}")).unwrap_or_default();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(io::stderr);
    let installed = if io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "another subscriber takes the log already");
    }
}

/// The process's recorder of counters, installed at the first call.
///
/// # Errors
/// Where another recorder was installed before.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let handle = HANDLE.get_or_init(install_recorder).clone();
    handle.context("another metrics recorder is installed in this process")
}

fn install_recorder() -> Option<PrometheusHandle> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok()?;
    describe();
    Some(handle)
}

/// How a renewal of a token can end.
const REFRESH_OUTCOMES: [&str; 11] = [
    "renewed",
    "overtaken",
    "rejected",
    "rejected_after_ambiguous",
    "no_refresh_token",
    "client_broken",
    "transient",
    "ambiguous",
    "unanswered",
    "other_audience",
    "no_longer_bound",
];

fn describe() {
    describe_counter!("keyway_upstream_requests_total", "Requests sent to MCP servers");
    describe_counter!("keyway_database_queries_total", "Statements sent to the database");
    describe_counter!("keyway_refreshes_total", "Renewals of access tokens, by outcome");
    describe_counter!("keyway_token_requests_total", "Requests to token endpoints, by outcome");
    describe_counter!("keyway_tool_calls_total", "Tool calls, by outcome");
    describe_counter!("keyway_revocations_total", "Revocations of tokens, by outcome");
    describe_counter!("keyway_activity_dropped_total", "Activities that found no room");
    describe_gauge!("keyway_sealed_values", "Sealed values in the database, by master key");
    counter!("keyway_upstream_requests_total").absolute(0);
    for purpose in ["request", "background"] {
        counter!("keyway_database_queries_total", "purpose" => purpose).absolute(0);
    }
    for outcome in REFRESH_OUTCOMES {
        counter!("keyway_refreshes_total", "outcome" => outcome).absolute(0);
    }
    for outcome in ["ok", "rejected", "client_broken", "transient", "ambiguous", "protocol"] {
        counter!("keyway_token_requests_total", "outcome" => outcome).absolute(0);
    }
    for outcome in ["ok", "refused", "upstream_failed"] {
        counter!("keyway_tool_calls_total", "outcome" => outcome).absolute(0);
    }
}
