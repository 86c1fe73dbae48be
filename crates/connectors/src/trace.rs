//! The spans of what leaves and of renewals, for an operator who has traces collected. They hold names,
//! outcomes and numbers; never a path, a query, a header, a body, a token or a user.
//!
//! Where nobody collects them a span costs the look at a flag: its fields are not even read. A span is not
//! entered unless others belong under it.

use http::{Request, Response};
use keyway_model::ConnectorId;
use keyway_oauth::http::SendError;
use tracing::{Level, Span, field};

use crate::egress::{Body, Target};

/// The target of every span that is for export, and of nothing else. The log never takes it.
pub const TARGET: &str = "keyway_trace";

/// Names the connector in the span of the request that is being answered.
pub fn name_connector(connector: ConnectorId) {
    if tracing::span_enabled!(target: TARGET, Level::INFO) {
        Span::current().record("keyway.connector.id", field::display(connector));
    }
}

/// One request that leaves on behalf of a connector, up to the head of its answer.
pub(crate) fn outgoing_request<B>(target: &Target, request: &Request<B>) -> Span {
    tracing::info_span!(
        target: TARGET,
        "outgoing request",
        otel.name = request.method().as_str(),
        otel.kind = "client",
        otel.status_code = field::Empty,
        http.request.method = request.method().as_str(),
        server.address = target.host(),
        server.port = target.port(),
        http.response.status_code = field::Empty,
        "error.type" = field::Empty,
    )
}

/// Notes in the span of an outgoing request how it ended.
pub(crate) fn note_answer(span: &Span, answer: &Result<Response<Body>, SendError>) {
    if span.is_disabled() {
        return;
    }
    let failed = match answer {
        Ok(response) => {
            span.record("http.response.status_code", response.status().as_u16());
            response.status().is_client_error() || response.status().is_server_error()
        }
        Err(error) => {
            span.record("error.type", kind(error));
            true
        }
    };
    if failed {
        span.record("otel.status_code", "ERROR");
    }
}

fn kind(error: &SendError) -> &'static str {
    match error {
        SendError::Blocked(_) => "blocked",
        SendError::Unreachable(_) => "unreachable",
        SendError::NoAnswer(_) => "no_answer",
        SendError::TooLarge(_) => "too_large",
    }
}

/// One renewal of a connector's token, whoever waits for it.
pub(crate) fn renewal(connector: ConnectorId) -> Span {
    tracing::info_span!(
        target: TARGET,
        "token renewal",
        keyway.connector.id = %connector,
        keyway.outcome = field::Empty,
    )
}

/// One request to a token endpoint, the sending included.
pub(crate) fn token_request() -> Span {
    tracing::info_span!(target: TARGET, "token request", keyway.outcome = field::Empty)
}

/// Notes in the span of a renewal or of a token request how it ended.
pub(crate) fn note_outcome(span: &Span, outcome: &'static str) {
    span.record("keyway.outcome", outcome);
}
