//! The one place where the harness makes HTTP clients. They never follow redirects and never use a proxy.

use std::{net::Ipv4Addr, time::Duration};

/// A client for tests: no redirects, no proxy, no compression, at most `timeout` for a whole exchange.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness plays the world outside; it must not go through the egress it tests"
)]
pub fn client(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .timeout(timeout)
        // Nothing here listens on ::1; asking it first would only cost time.
        .resolve("localhost", (Ipv4Addr::LOCALHOST, 0).into())
        .build()
        .expect("a client without TLS roots of its own can always be built")
}
