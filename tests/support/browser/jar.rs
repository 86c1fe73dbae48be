//! A cookie jar: host-only cookies with their paths, kept until they are taken back. As in a real
//! browser, ports do not keep cookies apart, and Secure ones are also sent to loopback.

use http::{HeaderMap, header::SET_COOKIE};
use url::Url;

#[derive(Default)]
pub(super) struct Jar(Vec<Cookie>);

struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

impl Jar {
    /// Keeps the cookies of an answer that came from `url`.
    pub(super) fn store(&mut self, url: &Url, headers: &HeaderMap) {
        for field in headers.get_all(SET_COOKIE) {
            let Ok(text) = field.to_str() else { continue };
            let Some((cookie, ended)) = parse(url, text) else { continue };
            self.0.retain(|old| !old.is_same(&cookie));
            if !ended {
                self.0.push(cookie);
            }
        }
    }

    /// The `Cookie` field for a request to `url`.
    pub(super) fn header_for(&self, url: &Url) -> Option<String> {
        let sent = self.0.iter().filter(|cookie| cookie.goes_to(url));
        let pairs: Vec<_> =
            sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Cookie {
    fn is_same(&self, other: &Self) -> bool {
        (&self.host, &self.path, &self.name) == (&other.host, &other.path, &other.name)
    }

    fn goes_to(&self, url: &Url) -> bool {
        let below = url.path().strip_prefix(&self.path);
        let matches = below.is_some_and(|rest| {
            rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/')
        });
        url.host_str() == Some(&self.host) && matches
    }
}

/// A cookie and whether it is taken back by this.
fn parse(url: &Url, text: &str) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        host: url.host_str()?.to_owned(),
        path: "/".to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let mut ended = false;
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match key.to_ascii_lowercase().as_str() {
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "max-age" => ended = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
            _ => {}
        }
    }
    Some((cookie, ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(SET_COOKIE, cookie.parse().expect("a header value"))])
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_below_its_path_until_it_is_taken_back() {
        let mut jar = Jar::default();
        let at = |text| Url::parse(text).expect("an address");
        jar.store(&at("http://a.example:1/x"), &answer("k=v; Path=/x; HttpOnly; SameSite=Lax"));
        assert_eq!(jar.header_for(&at("http://a.example:2/x/y")).as_deref(), Some("k=v"));
        assert_eq!(jar.header_for(&at("http://a.example:2/xy")), None);
        assert_eq!(jar.header_for(&at("http://b.example:1/x")), None);
        jar.store(&at("http://a.example:1/x"), &answer("k=; Path=/x; Max-Age=0"));
        assert_eq!(jar.header_for(&at("http://a.example:1/x")), None);
    }
}
