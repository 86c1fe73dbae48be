//! The places where metadata is published, in the order in which they are tried.

use url::Url;

use super::look::Place;

const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";

/// With the endpoint's path first, then at the root (RFC 9728 §3.1, MCP 2025-11-25).
pub(super) fn protected_resource(mcp_url: &Url) -> Vec<Place> {
    let (origin, path) = parts(mcp_url);
    let root = Place::resource(
        format!("{origin}{PROTECTED_RESOURCE}"),
        "well-known address at the root (RFC 9728 §3.1)",
    );
    if path.is_empty() {
        return vec![root];
    }
    let with_path = Place::resource(
        format!("{origin}{PROTECTED_RESOURCE}{path}"),
        "well-known address with the endpoint's path (RFC 9728 §3.1)",
    );
    vec![with_path, root]
}

/// The three places of an issuer with a path, the two of one without (MCP 2025-11-25).
pub(super) fn authorization_server(issuer: &str) -> Vec<Place> {
    let Ok(url) = Url::parse(issuer) else { return Vec::new() };
    let (origin, path) = parts(&url);
    let mut places = vec![
        Place::server(
            format!("{origin}{AUTHORIZATION_SERVER}{path}"),
            "well-known address of the issuer (RFC 8414 §3.1)",
        ),
        Place::server(
            format!("{origin}{OPENID_CONFIGURATION}{path}"),
            "OpenID Connect configuration, path after the suffix (RFC 8414 §5)",
        ),
    ];
    if !path.is_empty() {
        places.push(Place::server(
            format!("{origin}{path}{OPENID_CONFIGURATION}"),
            "OpenID Connect configuration, path before the suffix (OpenID Connect Discovery §4)",
        ));
    }
    places
}

/// Metadata of the MCP server's own origin, which 2025-03-26 asks for with a protocol version.
pub(super) fn legacy(origin: &str) -> Vec<Place> {
    [AUTHORIZATION_SERVER, OPENID_CONFIGURATION]
        .map(|suffix| {
            let rule = "no authorization server is named: the MCP server's origin (MCP 2025-03-26)";
            Place::legacy_server(format!("{origin}{suffix}"), rule)
        })
        .into()
}

/// The origin, and the path without a closing slash.
fn parts(url: &Url) -> (String, &str) {
    (url.origin().ascii_serialization(), url.path().trim_end_matches('/'))
}
