//! Which addresses may be used at all, and how two of them compare. Decisions are made on a parsed
//! copy; what is stored, sent and compared as `issuer` or `resource` stays the string it was.

use url::Url;

/// The longest address that is used, in bytes.
const LONGEST: usize = 2048;

/// An address that requests may go to: absolute, `http` or `https` (whether `http` is admitted is for
/// the client that sends), a host, no user information, no fragment, nothing that would need quoting.
pub(crate) fn parse(text: &str) -> Option<Url> {
    let plain = text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""<>\`"#.contains(&byte));
    let (scheme, rest) = text.split_once("://")?;
    let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if !plain || !web || rest.starts_with('/') {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let url = Url::parse(text).ok()?;
    (url.has_host() && !authority.contains('@') && url.fragment().is_none()).then_some(url)
}

/// Whether scheme, host and port are the same.
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// The address without what its query says, for a trace that can be shown to anyone.
pub(crate) fn without_query(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    match text.split_once(['?', '#']) {
        Some((address, _)) => format!("{address}?…"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_usable() {
        for good in ["https://as.example", "http://127.0.0.1:1/x?y=z", "HTTPS://AS.example/a@b"] {
            assert!(parse(good).is_some(), "{good}");
        }
        let long = format!("https://as.example/{}", "x".repeat(LONGEST));
        let bad = [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https:as.example",
            "https:///as.example",
            "https://user@as.example/",
            "https://@as.example/",
            "https://as.example/#x",
            "https://as.example/a b",
            "https://as.example/\r\nSet-Cookie:x",
            "https://as.example/\"<script>",
            "https:\\\\as.example\\",
            "https://",
            "/relative",
            "",
            &long,
        ];
        for bad in bad {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_query_does_not_show() {
        assert_eq!(without_query("https://h/p?key=secret"), "https://h/p?…");
        assert_eq!(without_query("https://h/p"), "https://h/p");
    }
}
