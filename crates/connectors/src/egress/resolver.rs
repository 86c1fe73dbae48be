//! The resolver behind each HTTP client: it hands on only addresses that the client's class admits, so
//! that what was checked is what is connected to.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use thiserror::Error;
use tower_service::Service;

use super::{
    address::{is_metadata, is_public},
    rule::AllowRule,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const DNS_TIMEOUT: Duration = Duration::from_secs(3);

/// Which addresses a client may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Public addresses.
    Public,
    /// The addresses that the operator's rules name for the host.
    Allowed,
    /// Loopback addresses.
    Loopback,
    /// Any address: for documents that the operator named in the settings.
    Operator,
}

/// A name that resolves to an address it must not resolve to.
#[derive(Clone, Debug, Error)]
#[error("the host resolves to an address that is not allowed")]
pub(super) struct AddressRefused;

#[derive(Clone)]
pub(super) struct GuardedResolver {
    pub(super) class: Class,
    pub(super) rules: Arc<[AllowRule]>,
}

impl GuardedResolver {
    fn admits(&self, host: &str, address: IpAddr) -> bool {
        if is_metadata(address) {
            return self.class == Class::Operator;
        }
        match self.class {
            Class::Operator => true,
            Class::Public => is_public(address),
            Class::Loopback => address.is_loopback(),
            Class::Allowed => {
                self.rules.iter().any(|rule| rule.names_host(host) && rule.admits_address(address))
            }
        }
    }

    /// All addresses of the host; none if a single one of them is not admitted.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, BoxError> {
        self.admitted(host, tokio::net::lookup_host((host, 0))).await
    }

    /// What a look-up found, within its time, if all of it is admitted.
    async fn admitted<F>(
        &self,
        host: &str,
        lookup: impl Future<Output = io::Result<F>>,
    ) -> Result<Vec<SocketAddr>, BoxError>
    where
        F: Iterator<Item = SocketAddr>,
    {
        let found = tokio::time::timeout(DNS_TIMEOUT, lookup).await;
        let found: Vec<_> = found.map_err(|_| "the name server is silent")??.collect();
        if found.is_empty() {
            return Err("the host has no address".into());
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if found.iter().any(|found| !self.admits(&name, found.ip())) {
            return Err(Box::new(AddressRefused));
        }
        Ok(found)
    }
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { Ok(resolver.addresses(name.as_str()).await?.into_iter()) })
    }
}

#[cfg(test)]
mod name_faults;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(class: Class, rules: &[&str]) -> GuardedResolver {
        GuardedResolver { class, rules: rules.iter().map(|rule| rule.parse().unwrap()).collect() }
    }

    #[tokio::test]
    async fn a_public_client_does_not_connect_to_a_name_of_this_machine() {
        let refused = resolver(Class::Public, &[]).addresses("localhost").await.unwrap_err();
        assert!(refused.is::<AddressRefused>());
    }

    #[tokio::test]
    async fn a_rule_admits_only_addresses_of_its_network() {
        let wrong = resolver(Class::Allowed, &["localhost=10.0.0.0/8"]);
        assert!(wrong.addresses("localhost").await.is_err());
        let right = resolver(Class::Allowed, &["localhost"]);
        assert!(!right.addresses("localhost").await.unwrap().is_empty());
    }

    #[test]
    fn no_class_admits_a_metadata_service() {
        let address = "169.254.169.254".parse().unwrap();
        for class in [Class::Public, Class::Allowed, Class::Loopback] {
            assert!(!resolver(class, &["metadata"]).admits("metadata", address));
        }
    }
}
