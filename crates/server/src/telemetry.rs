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
use tracing_subscriber::{
    Layer, Registry,
    filter::{ParseError, Targets},
    fmt::format::FmtSpan,
    layer::SubscriberExt as _,
    registry,
    util::SubscriberInitExt as _,
};

use crate::traces::SpanLayer;

/// What the log does not take unless it is asked to.
const QUIET: [&str; 6] =
    ["hyper=warn", "hyper_util=warn", "rustls=warn", "sqlx=warn", "h2=warn", "keyway_trace=off"];

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
/// says. Spans go to `spans` alone; where there is none nobody wants them, which is what makes them cost nothing.
pub(crate) fn log_to_stderr(filter: Targets, spans: Option<SpanLayer>) {
    let installed = match spans {
        None => registry().with(lines()).with(filter).try_init(),
        Some(spans) => registry().with(vec![lines().with_filter(filter).boxed(), spans]).try_init(),
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "another subscriber takes the log already");
    }
}

/// What the log takes: a level, and others for the targets that `wanted` names. The HTTP libraries are held at
/// `warn` unless it names them, since their lines show addresses.
///
/// # Errors
/// Where `wanted` is neither a level nor a list of `target=level`.
pub(crate) fn log_filter(wanted: &str) -> Result<Targets, ParseError> {
    let wanted = wanted.split(',').map(str::trim).filter(|part| !part.is_empty());
    QUIET.into_iter().chain(wanted).collect::<Vec<_>>().join(",").parse()
}

fn lines() -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines =
        tracing_subscriber::fmt::layer().with_span_events(FmtSpan::NONE).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        lines.with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).boxed()
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
    describe_counter!("keyway_spans_dropped_total", "Spans that the collector did not take");
    describe_gauge!("keyway_sealed_values", "Sealed values in the database, by master key");
    counter!("keyway_upstream_requests_total").absolute(0);
    counter!("keyway_spans_dropped_total").absolute(0);
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

#[cfg(test)]
mod tests {
    use keyway_connectors::trace::TARGET;
    use tracing::Level;

    use super::*;

    fn log(wanted: &str) -> impl tracing::Subscriber {
        registry().with(log_filter(wanted).unwrap())
    }

    #[test]
    fn the_log_wants_no_span_that_is_for_export() {
        tracing::subscriber::with_default(log("trace"), || {
            assert!(tracing::info_span!(target: TARGET, "request").is_disabled());
            assert!(!tracing::info_span!("another").is_disabled());
        });
    }

    #[test]
    fn a_target_that_is_named_has_a_level_of_its_own() {
        tracing::subscriber::with_default(log("info, keyway_server=debug,h2=debug,"), || {
            assert!(tracing::enabled!(target: "keyway_server::jobs", Level::DEBUG));
            assert!(tracing::enabled!(target: "h2::proto", Level::DEBUG));
            assert!(!tracing::enabled!(target: "keyway_gateway", Level::DEBUG));
            assert!(!tracing::enabled!(target: "hyper_util::client", Level::INFO));
        });
    }
}
