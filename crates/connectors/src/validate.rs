//! What a person may type in: names, headers, protocol versions. Each refusal says what to write.

use http::{HeaderName, HeaderValue};
use keyway_model::AuthType;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::error::{Error, Result};

const LONGEST_NAME: usize = 80;
const LONGEST_VALUE: usize = 4096;
const MOST_HEADERS: usize = 20;

/// The protocol versions a connector can be pinned to.
const PROTOCOL_VERSIONS: &[&str] =
    &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// Headers that belong to the connection or to the protocol.
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const RESERVED_PREFIXES: &[&str] = &["mcp-", "proxy-", "sec-", "x-forwarded-"];

/// The shown name, without blanks around it.
pub(crate) fn name(text: &str) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > LONGEST_NAME || text.chars().any(char::is_control) {
        let text = format!("a name is 1 to {LONGEST_NAME} characters without control characters");
        return Err(Error::InvalidRequest(text));
    }
    Ok(text.to_owned())
}

/// The name that a URL suggests: the telling part of its host, without `mcp.`, `api.` or `www.`.
pub(crate) fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("connector");
    let registrable = psl::domain_str(host).filter(|_| host.parse::<std::net::IpAddr>().is_err());
    let telling = registrable.and_then(|domain| domain.split('.').next()).unwrap_or(host);
    let mut characters = telling.chars();
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(characters).take(LONGEST_NAME).collect()
}

/// A version to pin the connector to.
pub(crate) fn protocol_version(text: &str) -> Result<String> {
    if PROTOCOL_VERSIONS.contains(&text) {
        return Ok(text.to_owned());
    }
    let known = PROTOCOL_VERSIONS.join(", ");
    Err(Error::InvalidRequest(format!("pinned_protocol_version is one of {known}")))
}

/// Static headers for a connector of the type.
pub(crate) fn headers(headers: &[(String, SecretString)], auth_type: AuthType) -> Result<()> {
    if headers.len() > MOST_HEADERS {
        return Err(Error::HeaderInvalid(format!(
            "a connector has {MOST_HEADERS} headers at most"
        )));
    }
    for (index, (name, value)) in headers.iter().enumerate() {
        header_name(name, auth_type)?;
        header_value(name, value)?;
        if headers[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return Err(Error::HeaderInvalid(format!("the header {name} is given twice")));
        }
    }
    Ok(())
}

pub(crate) fn header_name(name: &str, auth_type: AuthType) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let text = "a header name is 1 to 64 letters, digits, - and _";
        return Err(Error::HeaderInvalid(text.to_owned()));
    }
    let lower = name.to_ascii_lowercase();
    let reserved = RESERVED.contains(&lower.as_str())
        || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
        || (auth_type == AuthType::OAuth && lower == "authorization");
    if reserved || HeaderName::try_from(name).is_err() {
        return Err(Error::HeaderInvalid(format!("the header {name} cannot be set")));
    }
    Ok(())
}

fn header_value(name: &str, value: &SecretString) -> Result<()> {
    if is_mask(value) {
        return Err(Error::HeaderInvalid(format!("the value of {name} is a mask, not a value")));
    }
    let text = value.expose_secret();
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = !text.is_empty() && text.len() <= LONGEST_VALUE && text.trim() == text;
    if !fits || !visible || HeaderValue::try_from(text).is_err() {
        let text = format!(
            "the value of {name} must be 1 to {LONGEST_VALUE} visible ASCII characters without blanks around"
        );
        return Err(Error::HeaderInvalid(text));
    }
    Ok(())
}

/// Whether a value is the mask that a form shows in place of a secret: sent back, it means "keep".
pub(crate) fn is_mask(value: &SecretString) -> bool {
    let text = value.expose_secret();
    text.chars().count() >= 3 && text.chars().all(|c| matches!(c, '•' | '*' | '●'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str, auth_type: AuthType) -> bool {
        headers(&[(name.to_owned(), value.into())], auth_type).is_err()
    }

    #[test]
    fn headers_of_the_connection_and_the_protocol_cannot_be_set() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "Connection",
            "Mcp-Session-Id",
            "X-Forwarded-For",
            "Proxy-Authorization",
            "Keep-Alive",
            "",
            "a b",
            "a:b",
            "ä",
        ] {
            assert!(refused(name, "v", AuthType::Headers), "{name}");
        }
        assert!(refused("Authorization", "Bearer x", AuthType::OAuth));
        assert!(!refused("Authorization", "Bearer x", AuthType::Headers));
        assert!(!refused("X-Api_Key", "x", AuthType::OAuth));
    }

    #[test]
    fn values_cannot_break_out_of_their_line() {
        for value in ["", " a", "a\r\nX: y", "a\0", "é", &"x".repeat(4097)] {
            assert!(refused("X-Key", value, AuthType::Headers), "{value:?}");
        }
    }

    #[test]
    fn a_header_is_given_once() {
        let twice = [("X-Key".to_owned(), "a".into()), ("x-key".to_owned(), "b".into())];
        assert!(headers(&twice, AuthType::Headers).is_err());
    }

    #[test]
    fn a_url_suggests_a_name() {
        for (url, name) in [
            ("https://mcp.notes.example.com/mcp", "Example"),
            ("http://localhost:8430/mcp", "Localhost"),
            ("http://127.0.0.1:8430/mcp", "127.0.0.1"),
        ] {
            assert_eq!(name_of(&Url::parse(url).unwrap()), name);
        }
    }

    #[test]
    fn only_a_whole_mask_is_a_mask() {
        assert!(is_mask(&"••••••".into()));
        assert!(is_mask(&"***".into()));
        assert!(!is_mask(&"**x**".into()));
        assert!(!is_mask(&"**".into()));
    }
}
