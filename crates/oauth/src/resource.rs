//! The protected resource: which MCP addresses its identifier (RFC 8707, RFC 9728 §1.2) covers.

use url::Url;

use crate::endpoint;

/// Whether the protected resource `resource` covers the MCP endpoint `mcp_url`: the same origin, and a
/// path that is the same or a prefix ending where a segment ends. Queries are ignored; a closing slash
/// does not matter. Anything that is not a plain web address covers nothing.
///
/// ```
/// use keyway_oauth::resource::covers;
/// assert!(covers("https://notes.example", "https://notes.example/mcp"));
/// assert!(covers("https://notes.example/mcp/", "https://notes.example/mcp?tenant=1"));
/// assert!(!covers("https://notes.example/mc", "https://notes.example/mcp"));
/// assert!(!covers("https://other.example", "https://notes.example/mcp"));
/// ```
pub fn covers(resource: &str, mcp_url: &str) -> bool {
    let (Some(resource), Ok(mcp_url)) = (endpoint::parse(resource), Url::parse(mcp_url)) else {
        return false;
    };
    endpoint::same_origin(&resource, &mcp_url) && is_path_prefix(resource.path(), mcp_url.path())
}

fn is_path_prefix(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MCP: &str = "https://notes.example/team/mcp";

    #[test]
    fn the_same_address_and_its_parents_cover() {
        for resource in [
            "https://notes.example/team/mcp",
            "https://notes.example/team/mcp/",
            "https://notes.example/team",
            "https://notes.example/",
            "https://notes.example",
            "HTTPS://NOTES.example:443/team?x=y",
        ] {
            assert!(covers(resource, MCP), "{resource}");
        }
    }

    #[test]
    fn anything_else_does_not() {
        for resource in [
            "https://other.example/team/mcp",
            "http://notes.example/team/mcp",
            "https://notes.example:8443/team/mcp",
            "https://notes.example/team/mcp/more",
            "https://notes.example/te",
            "https://notes.example/Team",
            "https://notes.example/team#x",
            "https://user@notes.example/team",
            "notes.example",
            "",
        ] {
            assert!(!covers(resource, MCP), "{resource}");
        }
    }
}
