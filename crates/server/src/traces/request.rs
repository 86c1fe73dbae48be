//! The span of a request: which route, how it ended, and for MCP what the headers say of it. No query, no
//! other header, no body, no caller.

use axum::http::{HeaderMap, Method, Request};
use keyway_connectors::trace::TARGET;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{routes::mcp, telemetry::RequestId};

/// The longest name that is told of, in bytes.
const LONGEST: usize = 128;

/// Begins the span of a request, in the caller's trace where it brings one (W3C Trace Context).
pub(crate) fn begin<B>(request: &Request<B>, route: &str, id: RequestId) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = format!("{} {route}", known(request.method())),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = known(request.method()),
        http.route = route,
        http.response.status_code = field::Empty,
        keyway.request_id = %id,
        keyway.connector.id = field::Empty,
        mcp.method.name = field::Empty,
        mcp.name = field::Empty,
    );
    if !span.is_disabled() {
        join(&span, request.headers());
        if route == mcp::ALL || route == mcp::PATH {
            name_method(&span, request.headers());
        }
    }
    span
}

/// Notes how the request was answered.
pub(crate) fn note_status(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

fn join(span: &Span, headers: &HeaderMap) {
    let callers = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if let Err(error) = span.set_parent(callers) {
        tracing::debug!(%error, "a caller's trace could not be joined");
    }
}

/// What the headers of MCP 2026-07-28 name.
fn name_method(span: &Span, headers: &HeaderMap) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(method) = header("mcp-method") {
        span.record("mcp.method.name", bounded(method));
    }
    if let Some(name) = header("mcp-name").and_then(without_query) {
        span.record("mcp.name", bounded(name));
    }
}

/// A name may be a resource's address, whose query may hold a secret; encoded, nobody sees where it begins.
fn without_query(name: &str) -> Option<&str> {
    let encoded = name.starts_with("=?");
    name.split(['?', '#']).next().filter(|_| !encoded)
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// The method, or `_OTHER`, so that nobody makes up names of spans.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_resource_is_not_told() {
        let told = without_query("https://notes.example/1?key=secret#x");
        assert_eq!(told, Some("https://notes.example/1"));
        assert_eq!(without_query("search"), Some("search"));
        assert_eq!(without_query("=?base64?bm90ZXM6Ly8xP2tleT1zZWNyZXQ=?="), None);
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(bounded(&"ä".repeat(100)).len(), LONGEST);
        assert_eq!(bounded(&format!("a{}", "ä".repeat(100))).len(), LONGEST - 1);
    }

    #[test]
    fn methods_that_nobody_knows_have_one_name() {
        assert_eq!(Method::from_bytes(b"SECRET").as_ref().map(known).ok(), Some("_OTHER"));
    }
}
