//! What the answers of an authorization server's endpoints have in common: error codes, statuses that
//! pass, and `Retry-After`.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use crate::json::Object;

/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The provider's error code, if it can be shown to anyone: `[A-Za-z0-9_.-]{1,64}`.
pub(crate) fn error_code(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    fits.then(|| text.to_owned())
}

/// Whether the object says that it is an error (RFC 6749 §5.2); servers do so with any status.
pub(crate) fn is_error(object: &Object) -> bool {
    match object.value("error") {
        None | Some(serde_json::Value::Bool(false)) => false,
        Some(serde_json::Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

/// The code of an object that is an error.
pub(crate) fn code_of(object: &Object) -> Option<String> {
    object.text("error").and_then(error_code)
}

/// Statuses that say nothing about the request itself: 408, 425, 429, 5xx.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// `Retry-After` in seconds, at most an hour. A date is not read.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = text.parse().map_or(LONGEST_WAIT, Duration::from_secs);
    digits.then_some(wait.min(LONGEST_WAIT))
}

/// Visible ASCII without spaces, within a length in bytes: what may stand in a header or be stored.
pub(crate) fn is_visible(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::response;

    #[test]
    fn only_plain_codes_are_shown() {
        assert_eq!(error_code("invalid_grant").as_deref(), Some("invalid_grant"));
        for bad in ["", "<script>", "two words", "é", &"x".repeat(65)] {
            assert_eq!(error_code(bad), None);
        }
    }

    #[test]
    fn a_wait_is_in_seconds_and_at_most_an_hour() {
        let hour = Some(Duration::from_secs(3600));
        for (value, expected) in [
            ("7", Some(Duration::from_secs(7))),
            ("0", Some(Duration::ZERO)),
            ("86400", hour),
            ("99999999999999999999999", hour),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let response = response(429, &[("retry-after", value)], "");
            assert_eq!(retry_after(response.headers()), expected, "{value}");
        }
    }

    #[test]
    fn an_error_is_what_says_so() {
        for (body, expected) in [
            (r#"{"error":"x"}"#, true),
            (r#"{"error":{"code":"x"}}"#, true),
            (r#"{"error":null}"#, false),
            (r#"{"error":""}"#, false),
            (r#"{"error":false}"#, false),
            (r#"{"access_token":"x"}"#, false),
        ] {
            let object = Object::parse(body.as_bytes()).expect("an object");
            assert_eq!(is_error(&object), expected, "{body}");
        }
    }
}
