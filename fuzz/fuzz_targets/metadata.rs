//! Protected resource and authorization server metadata of any server: what discovery takes is of the
//! resource and of an issuer that was named, with plain web addresses for endpoints.

#![no_main]

use bytes::Bytes;
use http::{Request, Response};
use keyway_oauth::{
    discovery::{self, DiscoveryRequest},
    http::{HttpClient, Limits, SendError},
    resource,
};
use libfuzzer_sys::fuzz_target;

const MCP: &str = "https://mcp.example/mcp";

/// Answers every request for the protected resource with one document, and all others with another.
struct Documents<'a>(&'a [u8], &'a [u8]);

impl HttpClient for Documents<'_> {
    async fn send(
        &self,
        request: Request<Bytes>,
        _limits: Limits,
    ) -> Result<Response<Bytes>, SendError> {
        let of_resource = request.uri().path().contains("oauth-protected-resource");
        let body = if of_resource { self.0 } else { self.1 };
        Ok(Response::new(Bytes::copy_from_slice(body)))
    }
}

fuzz_target!(|data: &[u8]| {
    let split = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (resource, server) = (&data[..split], data.get(split + 1..).unwrap_or_default());
    let request = DiscoveryRequest {
        mcp_url: MCP,
        challenge: None,
        allow_legacy_fallback: false,
        unattended: false,
        exceptions: &[],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let discovery = runtime.block_on(discovery::discover(&Documents(resource, server), &request));
    let Ok(found) = discovery.result else { return };
    assert_eq!(found.issuer, found.server.issuer);
    assert!(found.resource.is_none_or(|resource| resource::covers(&resource, MCP)));
    for endpoint in [&found.server.authorization_endpoint, &found.server.token_endpoint] {
        assert!(endpoint.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'));
        assert!(endpoint.to_ascii_lowercase().starts_with("http"));
    }
});
