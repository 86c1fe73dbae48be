//! CORS for the pages of host applications: exact origins, bearer tokens and never cookies.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static("Mcp-Session-Id, ETag, X-Request-Id");
/// How long a browser may remember a preflight's answer, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// The headers that a page may send, besides every `Mcp-*` that it asks for.
const ALLOWED: &str = "authorization, content-type, keyway-user, last-event-id, if-match, mcp-session-id, \
                       mcp-protocol-version";

/// The answer to a preflight, if the request is one.
pub(super) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(headers));
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    Some(response)
}

/// Lets the page of this origin read the answer.
pub(super) fn expose(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// `*` would not do: it leaves `Authorization` out, and the names of `Mcp-Param-*` are not known before.
fn allowed_headers(headers: &HeaderMap) -> HeaderValue {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let asked = asked.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut allowed = ALLOWED.to_owned();
    for name in asked.split(',').map(str::trim) {
        let token = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if token && name.to_ascii_lowercase().starts_with("mcp-") {
            allowed.push_str(", ");
            allowed.push_str(name);
        }
    }
    HeaderValue::from_str(&allowed).unwrap_or_else(|_| HeaderValue::from_static(ALLOWED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(names: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST")),
            (header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(names)),
        ])
    }

    #[test]
    fn a_preflight_allows_what_clients_of_keyway_send() {
        let response =
            preflight(&Method::OPTIONS, &asking("authorization, mcp-param-id, x-evil")).unwrap();
        let allowed = response.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert!(allowed.contains("authorization"));
        assert!(allowed.ends_with(", mcp-param-id"));
        assert!(!allowed.contains("x-evil"));
    }

    #[test]
    fn only_a_preflight_is_answered_here() {
        assert!(preflight(&Method::POST, &asking("")).is_none());
        assert!(preflight(&Method::OPTIONS, &HeaderMap::new()).is_none());
    }
}
