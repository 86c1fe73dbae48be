//! What the operator admits although it is private: `host[=cidr][:port]` or `cidr[:port]`.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;
use thiserror::Error;

/// One entry of `KEYWAY_EGRESS_ALLOW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowRule {
    host: Option<String>,
    network: Option<IpNet>,
    port: Option<u16>,
}

/// Why a text is not a rule.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "write host, host:port, host=10.0.0.0/8, host=10.0.0.0/8:port or a bare network like 10.0.0.0/8"
)]
pub struct InvalidRule;

impl FromStr for AllowRule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some((host, rest)) = text.split_once('=') {
            let (network, port) = network_and_port(rest)?;
            return Ok(Self { host: Some(host_name(host)?), network: Some(network), port });
        }
        if text.contains('/') {
            let (network, port) = network_and_port(text)?;
            return Ok(Self { host: None, network: Some(network), port });
        }
        let (host, port) = host_and_port(text)?;
        Ok(Self { host: Some(host_name(host)?), network: None, port })
    }
}

fn network_and_port(text: &str) -> Result<(IpNet, Option<u16>), InvalidRule> {
    let (address, rest) = text.split_once('/').ok_or(InvalidRule)?;
    let (prefix, port) = match rest.split_once(':') {
        Some((prefix, port)) => (prefix, Some(port.parse().map_err(|_| InvalidRule)?)),
        None => (rest, None),
    };
    let network = format!("{address}/{prefix}").parse().map_err(|_| InvalidRule)?;
    Ok((network, port))
}

fn host_and_port(text: &str) -> Result<(&str, Option<u16>), InvalidRule> {
    if text.ends_with(']') || text.parse::<IpAddr>().is_ok() {
        return Ok((text, None));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Ok((host, Some(port.parse().map_err(|_| InvalidRule)?))),
        None => Ok((text, None)),
    }
}

/// The host as the URL parser writes it, so that both sides compare alike.
fn host_name(text: &str) -> Result<String, InvalidRule> {
    let bracketed = match text.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => text.to_owned(),
    };
    if text.contains('*') {
        return Err(InvalidRule);
    }
    let host = url::Host::parse(bracketed.trim_end_matches('.')).map_err(|_| InvalidRule)?;
    Ok(host.to_string())
}

impl AllowRule {
    /// Whether this rule speaks of the host (as the URL parser writes it) at the port.
    pub(super) fn names(&self, host: &str, port: u16) -> bool {
        self.host.as_deref() == Some(host) && self.admits_port(port)
    }

    /// Whether this rule, a bare network, admits an address literal at the port.
    pub(super) fn admits_literal(&self, address: IpAddr, port: u16) -> bool {
        self.host.is_none() && self.admits_address(address) && self.admits_port(port)
    }

    /// Whether the host of this rule may resolve to the address.
    pub(super) fn admits_address(&self, address: IpAddr) -> bool {
        self.network.is_none_or(|network| network.contains(&address))
    }

    /// Whether this rule speaks of the host, at any port: all that a resolver knows.
    pub(super) fn names_host(&self, host: &str) -> bool {
        self.host.as_deref() == Some(host)
    }

    fn admits_port(&self, port: u16) -> bool {
        self.port.is_none_or(|admitted| admitted == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> AllowRule {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_with_a_network_needs_both() {
        let rule = rule("mcp.corp.lan=10.20.0.0/16:8443");
        assert!(rule.names("mcp.corp.lan", 8443));
        assert!(!rule.names("mcp.corp.lan", 443));
        assert!(!rule.names("other.corp.lan", 8443));
        assert!(rule.admits_address("10.20.1.1".parse().unwrap()));
        assert!(!rule.admits_address("10.21.1.1".parse().unwrap()));
    }

    #[test]
    fn a_bare_network_admits_literals_only() {
        let rule = rule("fd00::/8");
        assert!(rule.admits_literal("fd00::1".parse().unwrap(), 443));
        assert!(!rule.names("fd00.example", 443));
    }

    #[test]
    fn hosts_are_compared_as_the_url_parser_writes_them() {
        assert!(rule("MCP.Example.:8080").names("mcp.example", 8080));
        assert!(rule("[::1]:9000").names("[::1]", 9000));
        assert!(rule("::1").names("[::1]", 9000));
        assert!(rule("127.0.0.1").names("127.0.0.1", 1));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "*.corp.lan",
            "host:port",
            "host=10.0.0.1",
            "10.0.0.0/64",
            "a b",
            "host=10.0.0.0/8:x",
        ] {
            assert_eq!(text.parse::<AllowRule>(), Err(InvalidRule), "{text:?}");
        }
    }
}
