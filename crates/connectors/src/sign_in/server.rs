//! What a connector's server wants of somebody without a token, and which authorization server it names.

use std::time::Duration;

use http::HeaderMap;
use keyway_model::Connector;
use keyway_oauth::{
    challenge::BearerChallenge,
    discovery::{self, Discovered, DiscoveryRequest},
};
use url::Url;

use crate::{
    contact::{Approach, Contact, Found},
    context::Context,
    egress::{EgressClient, Refusal},
    error::{Error, Result},
    upstream::Upstream,
};

/// How long each exchange of the first contact may take.
const CONTACT_TIME: Duration = Duration::from_secs(10);
/// How long a look at the metadata may take beside a call.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// What the connector's server and its authorization server say.
pub(crate) struct NamedServer {
    pub(crate) http: EgressClient,
    pub(crate) challenge: Option<BearerChallenge>,
    pub(crate) discovered: Discovered,
}

/// Asks the connector's server what it wants, and finds its authorization server.
pub(crate) async fn discover(
    cx: &Context,
    connector: &Connector,
    allow_legacy_fallback: bool,
) -> Result<NamedServer> {
    let http = cx.egress.on_behalf_of(&connector.url);
    let url = http.admit(&connector.url)?;
    let pinned = connector.pinned_protocol_version.as_deref();
    let challenge = challenge(&http, &url, pinned).await?;
    let request = DiscoveryRequest {
        mcp_url: &connector.url,
        challenge: challenge.as_ref(),
        allow_legacy_fallback,
        unattended: connector.oauth.grant.is_unattended(),
        exceptions: cx.settings.catalog.exceptions(),
    };
    let discovered = discovery::discover(&http, &request).await.result?;
    check_endpoints(cx, &http, &discovered)?;
    Ok(NamedServer { http, challenge, discovered })
}

/// The issuer that the server names now, as far as that can be told in a moment.
pub(crate) async fn named_issuer(
    cx: &Context,
    connector: &Connector,
    challenge: Option<&BearerChallenge>,
) -> Option<String> {
    let http = cx.egress.on_behalf_of(&connector.url);
    let request = DiscoveryRequest {
        mcp_url: &connector.url,
        challenge,
        allow_legacy_fallback: false,
        unattended: connector.oauth.grant.is_unattended(),
        exceptions: cx.settings.catalog.exceptions(),
    };
    let discovery = tokio::time::timeout(LOOK_TIME, discovery::discover(&http, &request)).await;
    Some(discovery.ok()?.result.ok()?.issuer)
}

/// What the server says to somebody without a token; nothing, where it answers anybody or nothing
/// useful, and only well-known addresses are left to look at.
async fn challenge(
    http: &EgressClient,
    url: &Url,
    pinned: Option<&str>,
) -> Result<Option<BearerChallenge>> {
    let upstream = Upstream::new(http.clone(), url.clone(), HeaderMap::new());
    let approach = pinned.map_or(Approach::WithoutToken, Approach::Pinned);
    match Contact::new(&upstream, CONTACT_TIME).make(approach).await {
        Found::Challenged { challenge, .. } => Ok(challenge),
        Found::Works(_) | Found::NotMcp(_) | Found::UpstreamError(_) => Ok(None),
        Found::Unreachable(text) => Err(Error::ProviderUnreachable(text)),
        Found::Blocked(text) => Err(Error::EgressRefused(text)),
    }
}

/// The endpoints that will be used must be ones that may be called, and not Keyway's own.
fn check_endpoints(cx: &Context, http: &EgressClient, discovered: &Discovered) -> Result<()> {
    let server = &discovered.server;
    let own = cx.settings.public_url.as_url().origin();
    for endpoint in server.authorization_endpoint.iter().chain([&server.token_endpoint]) {
        if Url::parse(endpoint).is_ok_and(|url| url.origin() == own) {
            let text = "the metadata names Keyway itself as the authorization server";
            return Err(Error::MetadataInvalid(text.into()));
        }
        http.admit(endpoint).map_err(|refusal| match refusal {
            Refusal::Url(text) => Error::MetadataInvalid(text.to_owned()),
            Refusal::Address(text) => Error::EgressRefused(text.to_owned()),
        })?;
    }
    Ok(())
}

/// Whether the authorization server, or the token endpoint it names, belongs to somebody else than the
/// MCP server does, by their registrable domains; hosts without one are compared whole.
pub(super) fn is_foreign(mcp_url: &str, discovered: &Discovered) -> bool {
    let domain = |url: &str| {
        let host = Url::parse(url).ok()?.host_str()?.to_owned();
        let registrable = psl::domain_str(&host).map(str::to_owned);
        Some(if host.parse::<std::net::IpAddr>().is_ok() {
            host
        } else {
            registrable.unwrap_or(host)
        })
    };
    let server = &discovered.server;
    let mut endpoints = server.authorization_endpoint.iter().chain([&server.token_endpoint]);
    endpoints.any(|endpoint| domain(mcp_url) != domain(endpoint))
}
