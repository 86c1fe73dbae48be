//! The headers of a request to an MCP server, besides its credentials.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Era, Failure};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The headers of every request on the wire: `MCP-Protocol-Version` and the session.
pub(super) fn of_wire(era: &Era, headers: &mut HeaderMap) -> Result<(), Failure> {
    if let Some(version) = era.version() {
        headers.insert(PROTOCOL_VERSION, value(version)?);
    }
    if let Era::Handshake { session: Some(session), .. } = era {
        headers.insert(SESSION_ID, value(session)?);
    }
    Ok(())
}

/// The headers of a POST, with what the stateless wire repeats of the body (MCP 2026-07-28, standard
/// headers).
pub(super) fn of_post(
    era: &Era,
    method: &str,
    name: Option<&str>,
    headers: &mut HeaderMap,
) -> Result<(), Failure> {
    of_wire(era, headers)?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let both = HeaderValue::from_static("application/json, text/event-stream");
    headers.insert(header::ACCEPT, both);
    if let Era::Stateless { .. } = era {
        headers.insert(MCP_METHOD, value(method)?);
        if let Some(name) = name {
            headers.insert(MCP_NAME, encoded(name)?);
        }
    }
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text)
        .map_err(|_| Failure::Broken("a value of the server does not fit a header".into()))
}

/// What a header of that form carries; `None` where its Base64 is not.
pub fn decoded(value: &HeaderValue) -> Option<String> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = value.to_str().ok()?;
    match text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(text.to_owned()),
    }
}

/// A text as a header carries it: as it is where that is safe, else Base64 in the form `=?base64?…?=`.
pub fn encoded(text: &str) -> Result<HeaderValue, Failure> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let sentinel = text.starts_with("=?base64?") && text.ends_with("?=");
    if visible && text.trim() == text && !sentinel {
        return value(text);
    }
    value(&format!("=?base64?{}?=", STANDARD.encode(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_cannot_carry_is_encoded() {
        for (text, header) in [
            ("echo", "echo"),
            ("two words", "two words"),
            (" led", "=?base64?IGxlZA==?="),
            ("søk", "=?base64?c8O4aw==?="),
            ("=?base64?x?=", "=?base64?PT9iYXNlNjQ/eD89?="),
        ] {
            assert_eq!(encoded(text).unwrap(), header, "{text:?}");
            assert_eq!(decoded(&HeaderValue::from_static(header)).unwrap(), text);
        }
    }
}
