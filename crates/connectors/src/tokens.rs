//! From a token endpoint's answer to what is stored: absolute expiry, and a check that a token which
//! says for whom it is was made for this resource.

use keyway_model::Timestamp;
use keyway_oauth::{
    dpop::DpopKey,
    token::{self, TokenAnswer, TokenType},
};
use keyway_storage::RefreshedTokens;
use secrecy::SecretString;
use thiserror::Error;
use url::Url;

/// The access token is a JWT for another resource; sending it would hand it to the wrong server.
#[derive(Debug, Error)]
#[error("the access token is meant for another server")]
pub(crate) struct OtherAudience;

/// The key to store beside the tokens of a request that proved it: none, if the server did not bind them
/// to it (RFC 9449 §5).
pub(crate) fn binding(answer: &TokenAnswer, key: Option<&DpopKey>) -> Option<SecretString> {
    key.filter(|_| answer.token_type == TokenType::Dpop).map(DpopKey::to_secret)
}

/// What to store of an answer that came at `now`.
pub(crate) fn accept(
    answer: TokenAnswer,
    resource: Option<&str>,
    now: Timestamp,
) -> Result<RefreshedTokens, OtherAudience> {
    let claims = token::jwt_claims(&answer.access_token);
    if let (Some(claims), Some(resource)) = (&claims, resource)
        && names_another(&claims.aud, resource)
    {
        return Err(OtherAudience);
    }
    let hint = claims.and_then(|claims| claims.exp).and_then(|seconds| seconds.checked_mul(1000));
    let told = answer.expires_in.map(|life| now.plus(life));
    Ok(RefreshedTokens {
        access_token: answer.access_token,
        refresh_token: answer.refresh_token,
        obtained_at: now,
        expires_at: told.or(hint.map(Timestamp::from_millis)).filter(|end| *end > now),
        scopes: answer.scopes,
    })
}

/// Whether the audiences (RFC 9068 §3) name resources, and none of them is this one or a part of its
/// path upwards. An audience that is no URL is a name of the server's own and says nothing here.
fn names_another(audiences: &[String], resource: &str) -> bool {
    let Ok(resource) = Url::parse(resource) else { return false };
    let urls: Vec<Url> = audiences.iter().filter_map(|text| absolute(text)).collect();
    !urls.is_empty()
        && urls.len() == audiences.len()
        && !urls.iter().any(|url| holds(url, &resource))
}

fn absolute(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))
}

fn holds(audience: &Url, resource: &Url) -> bool {
    let prefix = audience.path().trim_end_matches('/');
    audience.origin() == resource.origin()
        && resource
            .path()
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(audiences: &[&str]) -> bool {
        let audiences: Vec<String> = audiences.iter().map(ToString::to_string).collect();
        names_another(&audiences, "https://mcp.example/a/mcp")
    }

    #[test]
    fn a_token_for_another_resource_is_refused() {
        assert!(refused(&["https://other.example/mcp"]));
        assert!(refused(&["https://mcp.example/b"]));
        assert!(refused(&["https://mcp.example/a/m"]));
    }

    #[test]
    fn a_token_for_this_resource_is_taken() {
        assert!(!refused(&["https://mcp.example/a/mcp"]));
        assert!(!refused(&["https://mcp.example/a/mcp/"]));
        assert!(!refused(&["https://mcp.example"]));
        assert!(!refused(&["https://other.example", "https://mcp.example/a/mcp"]));
    }

    #[test]
    fn a_name_of_the_servers_own_says_nothing() {
        assert!(!refused(&[]));
        assert!(!refused(&["account"]));
        assert!(!refused(&["https://other.example/", "account"]));
    }
}
