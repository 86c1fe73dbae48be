//! From the address of an MCP server to its authorization server: protected resource metadata
//! (RFC 9728), then authorization server metadata (RFC 8414, OpenID Connect Discovery), then what the
//! MCP specification of 2025-03-26 asked for. Every step is kept in a trace.

mod exceptions;
mod look;
#[cfg(test)]
mod tests;
mod trace;
mod well_known;

use thiserror::Error;
use url::Url;

use self::look::{Look, Place};
pub use self::{
    exceptions::Exception,
    trace::{Fault, TraceStep},
};
use crate::{
    challenge::BearerChallenge,
    http::{HttpClient, SendError},
    metadata::{AuthorizationServerMetadata, ProtectedResourceMetadata},
};

/// How many of the named authorization servers are asked for their metadata.
const MOST_ISSUERS: usize = 3;

/// Where discovery starts.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryRequest<'a> {
    /// The MCP endpoint. Its query is never sent.
    pub mcp_url: &'a str,
    /// What the server asked for when it was called without a token.
    pub challenge: Option<&'a BearerChallenge>,
    /// Whether `/authorize`, `/token` and `/register` of the MCP server's origin may be assumed where
    /// there is no metadata at all. Never with a refresh token in hand.
    pub allow_legacy_fallback: bool,
    /// Whether the server is for a grant without a person, which needs neither an authorization endpoint
    /// nor PKCE.
    pub unattended: bool,
    /// What is allowed against the rules; empty unless an operator wants it otherwise.
    pub exceptions: &'a [Exception],
}

/// What came of discovery.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The authorization server, or why there is none.
    pub result: Result<Discovered, DiscoveryError>,
    /// Everything that was tried, in order. It holds no secrets.
    pub trace: Vec<TraceStep>,
}

/// The authorization server of an MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The protected resource's identifier as it was published, to be sent as it is (RFC 8707).
    pub resource: Option<String>,
    /// The scopes that the protected resource lists.
    pub resource_scopes: Vec<String>,
    /// Whether the protected resource takes only tokens that are bound to a key (RFC 9449 §5.2).
    pub dpop_required: bool,
    /// The issuer as it was published, to be compared byte for byte (RFC 9207).
    pub issuer: String,
    /// The authorization server's metadata. It has an authorization endpoint and PKCE, unless the grant
    /// needs neither; PKCE is not known where the endpoints were only assumed.
    pub server: AuthorizationServerMetadata,
    /// Whether the protected resource named the issuer.
    pub from_protected_resource: bool,
    /// Which fallback of 2025-03-26 it took, if any.
    pub legacy: Option<LegacyFallback>,
}

/// A fallback of the MCP specification of 2025-03-26.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyFallback {
    /// Authorization server metadata at the MCP server's own origin.
    OriginMetadata,
    /// No metadata: the fixed endpoints, which may not exist.
    AssumedEndpoints,
}

/// Why there is no authorization server to sign in to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DiscoveryError {
    /// Neither the MCP server nor its origin says anything about authorization.
    #[error("the server publishes no authorization metadata; it may want an API key in a header")]
    NoAuthorization,
    /// The protected resource names authorization servers, and none of them has metadata.
    #[error("the authorization server {issuer} publishes no metadata")]
    NoServerMetadata {
        /// The first issuer that was named.
        issuer: String,
    },
    /// A document that was found, or promised, may not be used.
    #[error("the metadata at {url} cannot be used: {reason}")]
    MetadataInvalid {
        /// Where it is, without its query.
        url: String,
        /// What is wrong with it, in our words.
        reason: String,
    },
    /// The document is of another issuer (RFC 8414 §3.3).
    #[error("the metadata at {url} is of the issuer {found:?} instead of {expected:?}")]
    IssuerMismatch {
        /// Where it is.
        url: String,
        /// The issuer that was asked for.
        expected: String,
        /// The issuer in the document, shortened and without odd characters.
        found: String,
    },
    /// The authorization server does not say that it has PKCE with S256.
    #[error("the authorization server {issuer} does not announce PKCE with S256")]
    PkceUnsupported {
        /// The issuer.
        issuer: String,
    },
    /// The server is there and fails (408, 425, 429 or 5xx): try again later.
    #[error("{url} answered {status}; try again later")]
    Unavailable {
        /// Where, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer, or the policy refused to ask.
    #[error("{url}: {source}")]
    Send {
        /// Where, without its query.
        url: String,
        /// Why.
        source: SendError,
    },
}

/// Finds the authorization server of an MCP server.
///
/// A 4xx, a redirect elsewhere, HTML and other JSON are misses, and the next place is tried; a miss where
/// the challenge pointed to is an error. 408, 425, 429 and 5xx are failures and end the search, as does a
/// document that is found and may not be used.
pub async fn discover(http: &impl HttpClient, request: &DiscoveryRequest<'_>) -> Discovery {
    let mut look = Look::new(http, request);
    let result = search(&mut look, request).await;
    Discovery { result, trace: look.into_trace() }
}

async fn search(
    look: &mut Look<'_, impl HttpClient>,
    request: &DiscoveryRequest<'_>,
) -> Result<Discovered, DiscoveryError> {
    let Some(mcp_url) = Url::parse(request.mcp_url).ok().filter(Url::has_host) else {
        let reason = "the MCP server's address is not an address".to_owned();
        return Err(DiscoveryError::MetadataInvalid { url: String::new(), reason });
    };
    let resource = protected_resource(look, request, &mcp_url).await?;
    let dpop_required =
        resource.as_ref().is_some_and(|known| known.dpop_bound_access_tokens_required);
    let (resource, servers, resource_scopes) = match resource {
        Some(known) => (Some(known.resource), known.authorization_servers, known.scopes_supported),
        None => (None, Vec::new(), Vec::new()),
    };
    let from_protected_resource = !servers.is_empty();
    let (server, legacy) = if from_protected_resource {
        (named_server(look, &servers).await?, None)
    } else {
        let (server, fallback) = legacy_server(look, request, &mcp_url).await?;
        (server, Some(fallback))
    };
    let issuer = server.issuer.clone();
    Ok(Discovered {
        resource,
        resource_scopes,
        dpop_required,
        issuer,
        server,
        from_protected_resource,
        legacy,
    })
}

async fn protected_resource(
    look: &mut Look<'_, impl HttpClient>,
    request: &DiscoveryRequest<'_>,
    mcp_url: &Url,
) -> Result<Option<ProtectedResourceMetadata>, DiscoveryError> {
    let advertised = request.challenge.and_then(|c| c.resource_metadata.as_deref());
    let places = match advertised {
        Some(url) => vec![Place::advertised_resource(url)],
        None => well_known::protected_resource(mcp_url),
    };
    for place in places {
        let read = |object: &_| ProtectedResourceMetadata::read(object, request.mcp_url);
        if let Some(metadata) = look.at(&place, read).await? {
            return Ok(Some(metadata));
        }
    }
    Ok(None)
}

/// The metadata of the first named authorization server that has any.
async fn named_server(
    look: &mut Look<'_, impl HttpClient>,
    issuers: &[String],
) -> Result<AuthorizationServerMetadata, DiscoveryError> {
    for issuer in issuers.iter().take(MOST_ISSUERS) {
        for place in well_known::authorization_server(issuer) {
            if let Some(server) = look.at_server(&place, &[issuer]).await? {
                return Ok(server);
            }
        }
    }
    let issuer = issuers.first().cloned().unwrap_or_default();
    Err(DiscoveryError::NoServerMetadata { issuer })
}

async fn legacy_server(
    look: &mut Look<'_, impl HttpClient>,
    request: &DiscoveryRequest<'_>,
    mcp_url: &Url,
) -> Result<(AuthorizationServerMetadata, LegacyFallback), DiscoveryError> {
    let origin = mcp_url.origin().ascii_serialization();
    let with_slash = format!("{origin}/");
    for place in well_known::legacy(&origin) {
        if let Some(server) = look.at_server(&place, &[&origin, &with_slash]).await? {
            return Ok((server, LegacyFallback::OriginMetadata));
        }
    }
    if !request.allow_legacy_fallback {
        return Err(DiscoveryError::NoAuthorization);
    }
    look.assume(&origin);
    Ok((assumed_endpoints(origin), LegacyFallback::AssumedEndpoints))
}

fn assumed_endpoints(origin: String) -> AuthorizationServerMetadata {
    AuthorizationServerMetadata {
        authorization_endpoint: Some(format!("{origin}/authorize")),
        token_endpoint: format!("{origin}/token"),
        registration_endpoint: Some(format!("{origin}/register")),
        issuer: origin,
        ..AuthorizationServerMetadata::default()
    }
}
