//! Web origins (RFC 6454): scheme, host and port, and nothing else.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

/// An `http` or `https` origin, in the form in which browsers send it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    text: String,
    url: Url,
}

impl Origin {
    /// The text, as an `Origin` header carries it: without a default port and without a slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The origin as a URL.
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// Whether it is `https`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine by its name: `localhost`, `*.localhost`, 127/8 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        }
    }

    /// The values of `Host` that mean this origin: with the port, and without where it is the default.
    pub fn hosts(&self) -> Vec<String> {
        let host = self.url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", self.url.port_or_known_default().unwrap_or_default());
        match self.url.port() {
            Some(_) => vec![with_port],
            None => vec![host.to_owned(), with_port],
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write an origin such as https://keyway.example, without a path";
        let url = Url::parse(text).map_err(|_| form.to_owned())?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !bare {
            return Err(form.to_owned());
        }
        Ok(Self { text: url.origin().ascii_serialization(), url })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_in_the_form_browsers_send() {
        for (given, kept) in [
            ("https://Keyway.example:443/", "https://keyway.example"),
            ("http://localhost:8420", "http://localhost:8420"),
            ("http://[::1]:8420", "http://[::1]:8420"),
        ] {
            assert_eq!(given.parse::<Origin>().unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_is_more_than_an_origin_is_refused() {
        for text in [
            "keyway.example",
            "https://keyway.example/path",
            "https://keyway.example/?q",
            "https://keyway.example/#f",
            "https://user@keyway.example",
            "ftp://keyway.example",
            "null",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_port_may_be_written_in_host() {
        let origin: Origin = "https://keyway.example".parse().unwrap();
        assert_eq!(origin.hosts(), ["keyway.example", "keyway.example:443"]);
    }

    #[test]
    fn a_name_that_only_begins_like_localhost_is_not_loopback() {
        assert!("http://app.localhost".parse::<Origin>().unwrap().is_loopback());
        assert!("http://127.9.9.9:1".parse::<Origin>().unwrap().is_loopback());
        assert!(!"http://localhost.example".parse::<Origin>().unwrap().is_loopback());
    }
}
