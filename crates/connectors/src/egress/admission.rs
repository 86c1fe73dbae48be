//! Whether a URL may be called at all, decided on the parsed URL before each request and each hop.

use std::{
    net::{IpAddr, SocketAddr},
    sync::RwLock,
};

use thiserror::Error;
use url::{Host, Origin, Url};

use super::{
    address::{is_metadata, is_public},
    resolver::Class,
    rule::AllowRule,
};

const LONGEST_URL: usize = 2048;
const LONGEST_HOST: usize = 253;

/// Ports of services that do not speak HTTP to the public.
const REFUSED_PORTS: &[u16] = &[2375, 2376, 3306, 5432, 6379, 9200, 11211, 27017];

/// Names that belong to machines, clusters and clouds, not to the public.
const PRIVATE_SUFFIXES: &[&str] = &[
    ".local",
    ".internal",
    ".localhost",
    ".localdomain",
    ".home.arpa",
    ".svc",
    ".cluster.local",
    ".onion",
];

const METADATA_NAMES: &[&str] = &["metadata.google.internal", "metadata", "instance-data"];

/// Why a URL is not called.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The text is not a URL that could ever be called.
    #[error("{0}")]
    Url(&'static str),
    /// The policy does not admit the address.
    #[error("{0}")]
    Address(&'static str),
}

const NOT_PUBLIC: Refusal = Refusal::Address(
    "the address is not public; an operator can allow it with KEYWAY_EGRESS_ALLOW",
);
const METADATA_SERVICE: Refusal =
    Refusal::Address("the address is a cloud's metadata service, which is never called");
const OWN_ADDRESS: Refusal = Refusal::Address("Keyway does not call itself");
const NEEDS_HTTPS: Refusal =
    Refusal::Address("the URL must be https; an operator can allow http with KEYWAY_EGRESS_ALLOW");

/// The rules of admission.
pub(super) struct Admission {
    pub(super) rules: std::sync::Arc<[AllowRule]>,
    pub(super) public_url: Option<Origin>,
    pub(super) own_listeners: RwLock<Vec<SocketAddr>>,
}

/// Parses the text of a URL that somebody wants called.
pub(super) fn parse(text: &str) -> Result<Url, Refusal> {
    if text.len() > LONGEST_URL {
        return Err(Refusal::Url("the URL is longer than 2048 bytes"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Refusal::Url("the URL holds blanks or control characters"));
    }
    let url = Url::parse(text).map_err(|_| Refusal::Url("the text is not an absolute URL"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(Refusal::Url("the URL must start with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err(Refusal::Url("the URL must not hold a user name or password"));
    }
    if url.fragment().is_some() {
        return Err(Refusal::Url("the URL must not hold a fragment (#…)"));
    }
    if url.host_str().is_none_or(|host| host.len() > LONGEST_HOST) {
        return Err(Refusal::Url("the URL has no usable host"));
    }
    Ok(url)
}

fn authority(text: &str) -> &str {
    let rest = text.split_once(':').map_or("", |(_, rest)| rest).trim_start_matches(['/', '\\']);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

/// Whether the host is literally this machine: `localhost`, 127/8 or `[::1]`.
pub(crate) fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Admission {
    /// Decides on a URL; `loopback` says whether this machine may be called. Gives the class of client
    /// that may carry the request.
    pub(super) fn decide(&self, url: &Url, loopback: bool) -> Result<Class, Refusal> {
        let port = url.port_or_known_default().unwrap_or(0);
        if self.public_url.as_ref() == Some(&url.origin()) {
            return Err(OWN_ADDRESS);
        }
        let class = match url.host() {
            Some(Host::Domain(name)) => self.name(name, port, loopback),
            Some(Host::Ipv4(address)) => self.literal(IpAddr::V4(address), url, port, loopback),
            Some(Host::Ipv6(address)) => self.literal(IpAddr::V6(address), url, port, loopback),
            None => Err(Refusal::Url("the URL has no usable host")),
        }?;
        if class == Class::Public && url.scheme() != "https" {
            return Err(NEEDS_HTTPS);
        }
        Ok(class)
    }

    fn name(&self, name: &str, port: u16, loopback: bool) -> Result<Class, Refusal> {
        let name = name.trim_end_matches('.');
        if METADATA_NAMES.contains(&name) {
            return Err(METADATA_SERVICE);
        }
        if name == "localhost" && self.is_own_port(port) {
            return Err(OWN_ADDRESS);
        }
        if self.rules.iter().any(|rule| rule.names(name, port)) {
            return Ok(Class::Allowed);
        }
        if name == "localhost" && loopback {
            return Ok(Class::Loopback);
        }
        let private = !name.contains('.') || PRIVATE_SUFFIXES.iter().any(|end| name.ends_with(end));
        if private || is_refused_port(port) {
            return Err(NOT_PUBLIC);
        }
        Ok(Class::Public)
    }

    fn literal(
        &self,
        address: IpAddr,
        url: &Url,
        port: u16,
        loopback: bool,
    ) -> Result<Class, Refusal> {
        if is_metadata(address) {
            return Err(METADATA_SERVICE);
        }
        if self.is_own_listener(address, port) {
            return Err(OWN_ADDRESS);
        }
        let host = url.host_str().unwrap_or_default();
        let named =
            self.rules.iter().any(|rule| rule.names(host, port) && rule.admits_address(address));
        if named || self.rules.iter().any(|rule| rule.admits_literal(address, port)) {
            return Ok(Class::Allowed);
        }
        if loopback && address.is_loopback() {
            return Ok(Class::Loopback);
        }
        if !is_public(address) || is_refused_port(port) {
            return Err(NOT_PUBLIC);
        }
        Ok(Class::Public)
    }

    fn is_own_listener(&self, address: IpAddr, port: u16) -> bool {
        let own = self.own_listeners.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let this_machine = address.is_loopback() || address.is_unspecified();
        own.iter().any(|own| own.port() == port && (own.ip() == address || this_machine))
    }

    /// Whether Keyway itself listens at the port.
    pub(super) fn is_own_port(&self, port: u16) -> bool {
        let own = self.own_listeners.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        own.iter().any(|own| own.port() == port)
    }
}

fn is_refused_port(port: u16) -> bool {
    (port < 1024 && port != 443 && port != 80) || REFUSED_PORTS.contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(rules: &[&str]) -> Admission {
        Admission {
            rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
            public_url: Some(Url::parse("https://keyway.example").unwrap().origin()),
            own_listeners: RwLock::new(vec!["127.0.0.1:8420".parse().unwrap()]),
        }
    }

    fn decide(rules: &[&str], url: &str, loopback: bool) -> Result<Class, Refusal> {
        admission(rules).decide(&parse(url)?, loopback)
    }

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://017700000001/",
            "https://0177.0.0.1/",
            "https://0300.0250.0.1/",
            "https://①②⑦.⓪.⓪.①/",
            "https://１２７.0.0.1/",
            "https://127。0。0。1/",
            "https://%31%32%37.0.0.1/",
            "https:127.0.0.1",
            "https:///127.0.0.1/",
            "https:\\\\127.0.0.1\\",
            "https://169.254.169.254/latest/meta-data/",
            "https://2852039166",
            "https://0xa9fea9fe/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:8.8.8.8]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://foo.localhost/",
            "https://ｌocalhost/",
            "https://kubernetes.default.svc/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://METADATA.GOOGLE.INTERNAL./",
            "https://intranet/",
            "https://db.example:5432/",
            "https://mail.example:25/",
        ] {
            assert!(matches!(decide(&[], url, false), Err(Refusal::Address(_))), "{url}");
        }
    }

    #[test]
    fn what_could_never_be_called_is_no_url() {
        for url in [
            "",
            "notes",
            "gopher://127.0.0.1:6379/_x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "ws://x.example/",
            "https://user:pw@mcp.example/",
            "https://a@b.example/",
            "https://@mcp.example/",
            "https://mcp.example/#top",
            " https://mcp.example/",
            "https://mcp\t.example/",
            "https://[fe80::1%25eth0]/",
            "https:///",
        ] {
            assert!(matches!(decide(&[], url, false), Err(Refusal::Url(_))), "{url}");
        }
    }

    #[test]
    fn public_https_is_admitted_and_public_http_is_not() {
        assert_eq!(decide(&[], "https://mcp.example/mcp", false), Ok(Class::Public));
        assert_eq!(decide(&[], "https://mcp.example:8443/mcp", false), Ok(Class::Public));
        assert_eq!(decide(&[], "http://mcp.example/mcp", false), Err(NEEDS_HTTPS));
    }

    #[test]
    fn loopback_is_for_those_who_may_and_never_keyway_itself() {
        assert_eq!(decide(&[], "http://localhost:9000/mcp", true), Ok(Class::Loopback));
        assert_eq!(decide(&[], "http://127.0.0.1:9000/mcp", true), Ok(Class::Loopback));
        assert_eq!(decide(&[], "http://10.0.0.1:9000/mcp", true), Err(NOT_PUBLIC));
        for own in ["http://localhost:8420/", "http://127.0.0.1:8420/", "http://[::1]:8420/"] {
            assert_eq!(decide(&["localhost", "127.0.0.0/8"], own, true), Err(OWN_ADDRESS), "{own}");
        }
        assert_eq!(decide(&[], "https://keyway.example/x", false), Err(OWN_ADDRESS));
    }

    #[test]
    fn an_operators_rule_admits_http_and_private_addresses_but_no_metadata_service() {
        let rules = &["mcp.lan=10.0.0.0/8:8080", "10.1.0.0/16", "169.254.0.0/16"];
        assert_eq!(decide(rules, "http://mcp.lan:8080/", false), Ok(Class::Allowed));
        assert_eq!(decide(rules, "http://mcp.lan:9/", false), Err(NOT_PUBLIC));
        assert_eq!(decide(rules, "http://10.1.2.3/", false), Ok(Class::Allowed));
        assert_eq!(decide(rules, "https://10.2.2.3/", false), Err(NOT_PUBLIC));
        assert_eq!(decide(rules, "http://169.254.169.254/", false), Err(METADATA_SERVICE));
    }
}
