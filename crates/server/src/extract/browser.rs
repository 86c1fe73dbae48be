//! Cookies, and whether a request comes from a page of Keyway's own.

use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::origin::Doors;
use crate::error::{Code, Problem};

/// The value of a cookie (RFC 6265 §5.4); the first one of that name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// A cookie for Keyway's own pages: not readable by scripts, not sent by other sites' requests except a
/// navigation. `None` if the parts are no header value.
pub(crate) fn set_cookie(
    name: &str,
    value: &str,
    max_age_seconds: u64,
    secure: bool,
) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!(
        "{name}={value}; Max-Age={max_age_seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::from_str(&text).ok()
}

/// Refuses a change that a cookie alone would allow and that no page of Keyway's own asked for.
///
/// # Errors
/// 403 unless `Origin` is Keyway's own, or the browser says the request is same-origin.
pub(crate) fn expect_own_page(
    method: &Method,
    headers: &HeaderMap,
    doors: &Doors,
) -> Result<(), Problem> {
    if method.is_safe() || doors.is_from_own_page(headers) || says_same_origin(headers) {
        return Ok(());
    }
    let detail = "a change with the session cookie must come from a page of Keyway's own";
    Err(Problem::new(Code::OriginRefused, detail))
}

fn says_same_origin(headers: &HeaderMap) -> bool {
    let sent_by_browser = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    sent_by_browser && !headers.contains_key(header::ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(cookie))])
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers("xkeyway=1; keyway=2;keyway=3; empty=; last=a=b");
        assert_eq!(cookie(&headers, "keyway"), Some("2"));
        assert_eq!(cookie(&headers, "empty"), None);
        assert_eq!(cookie(&headers, "last"), Some("a=b"));
        assert_eq!(cookie(&headers, "absent"), None);
    }

    #[test]
    fn a_cookie_is_kept_from_scripts_and_other_sites() {
        let value = set_cookie("__Host-a", "b", 60, true).unwrap();
        assert_eq!(value, "__Host-a=b; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(set_cookie("a", "b\r\nSet-Cookie: c=d", 60, true).is_none());
    }
}
