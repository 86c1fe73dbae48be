//! The authorization request and the response to it (RFC 6749 §4.1.1–4.1.2, RFC 7636, RFC 8707,
//! RFC 9207). Nothing here talks to the network: the person's browser does.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::{answer, endpoint, pkce};

/// The longest query that is read, in bytes.
const LONGEST_QUERY: usize = 32 * 1024;
/// How many parameters of a callback are read.
const MOST_PARAMETERS: usize = 64;
/// The longest authorization code, in bytes.
const LONGEST_CODE: usize = 8 * 1024;
/// What stands for an error code that is not in the form of one.
const UNKNOWN_ERROR: &str = "unknown_error";

/// The parameters that are ours alone: neither the endpoint's query nor extra ones may set them.
const OURS: [&str; 10] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
];

/// What is asked of the authorization server.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationRequest<'a> {
    /// The authorization endpoint; parameters in its query are kept unless they are ours.
    pub endpoint: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// Where the answer goes.
    pub redirect_uri: &'a str,
    /// None leaves the choice to the server.
    pub scopes: &'a [String],
    /// The protected resource, exactly as published.
    pub resource: Option<&'a str>,
    /// The challenge of [`crate::pkce::Pkce`].
    pub code_challenge: &'a str,
    /// What [`crate::state::sign`] made.
    pub state: &'a str,
    /// Further parameters, such as `prompt`; those that are ours are left out.
    pub extra: &'a [(String, String)],
}

/// The authorization endpoint cannot be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the authorization endpoint is not a plain http or https address")]
pub struct InvalidEndpoint;

/// The address to send the person's browser to.
pub fn request_url(request: &AuthorizationRequest<'_>) -> Result<String, InvalidEndpoint> {
    let endpoint = endpoint::parse(request.endpoint).ok_or(InvalidEndpoint)?;
    let scope = request.scopes.join(" ");
    let mut url = endpoint.clone();
    url.set_query(None);
    let mut query = url.query_pairs_mut();
    query.extend_pairs(endpoint.query_pairs().filter(|(name, _)| !is_reserved(name)));
    query.append_pair("response_type", "code");
    query.append_pair("client_id", request.client_id);
    query.append_pair("redirect_uri", request.redirect_uri);
    query.append_pair("code_challenge", request.code_challenge);
    query.append_pair("code_challenge_method", pkce::METHOD);
    query.append_pair("state", request.state);
    if !scope.is_empty() {
        query.append_pair("scope", &scope);
    }
    if let Some(resource) = request.resource {
        query.append_pair("resource", resource);
    }
    query.extend_pairs(request.extra.iter().filter(|(name, _)| !is_reserved(name)));
    drop(query);
    Ok(url.into())
}

/// Whether the request itself sets this parameter, so that an extra one is left out.
pub fn is_reserved(name: &str) -> bool {
    OURS.contains(&name)
}

/// What came to the redirect URI, not yet validated.
pub struct CallbackParameters {
    code: Option<SecretString>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl CallbackParameters {
    /// The state, to find the authorization session by; check it with [`crate::state::verify`] first.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// What the authorization session expects of the response.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The issuer that was recorded when the sign-in began.
    pub issuer: &'a str,
    /// Whether that issuer announced `authorization_response_iss_parameter_supported`.
    pub iss_supported: bool,
}

/// Why a callback gives no code.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallbackError {
    /// `iss` is missing although it was announced, or names another issuer (RFC 9207 §2.4).
    #[error("the response is not from the authorization server that was asked")]
    IssMismatch,
    /// The person, or the server's policy, said no.
    #[error("access was denied")]
    Denied,
    /// Another error of the authorization server.
    #[error("the authorization server answered with the error {code}")]
    ProviderError {
        /// Its code, or `unknown_error` if that is not in the form of one.
        code: String,
    },
    /// Not an authorization response.
    #[error("the response cannot be read as an authorization response")]
    Malformed,
}

/// An authorization code from a validated response. Only [`validate_callback`] makes one.
pub struct AuthorizationCode(SecretString);

impl AuthorizationCode {
    /// The code itself, for the one request that spends it.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// Reads the query of a callback. A parameter given twice is refused (RFC 6749 §3.1).
pub fn parse_callback(raw_query: &str) -> Result<CallbackParameters, CallbackError> {
    if raw_query.len() > LONGEST_QUERY {
        return Err(CallbackError::Malformed);
    }
    let mut parameters = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(raw_query.as_bytes()) {
        let known = parameters.insert(name, value.into_owned());
        if known.is_some() || parameters.len() > MOST_PARAMETERS {
            return Err(CallbackError::Malformed);
        }
    }
    Ok(CallbackParameters {
        code: parameters.remove("code").map(SecretString::from),
        state: parameters.remove("state"),
        iss: parameters.remove("iss"),
        error: parameters.remove("error"),
    })
}

/// Checks a response against what was recorded: `iss` first, also where the response is an error, so
/// that nothing of a foreign server's is ever acted on. Compares byte for byte (RFC 9207 §2.4).
pub fn validate_callback(
    parameters: CallbackParameters,
    expected: &Expected<'_>,
) -> Result<AuthorizationCode, CallbackError> {
    match &parameters.iss {
        Some(iss) if iss != expected.issuer => return Err(CallbackError::IssMismatch),
        None if expected.iss_supported => return Err(CallbackError::IssMismatch),
        _ => {}
    }
    match parameters.error.as_deref() {
        Some("access_denied") => return Err(CallbackError::Denied),
        Some(error) => {
            let code = answer::error_code(error).unwrap_or_else(|| UNKNOWN_ERROR.to_owned());
            return Err(CallbackError::ProviderError { code });
        }
        None => {}
    }
    let usable = |code: &SecretString| answer::is_visible(code.expose_secret(), LONGEST_CODE);
    let code = parameters.code.filter(usable).ok_or(CallbackError::Malformed)?;
    Ok(AuthorizationCode(code))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    const ISSUER: &str = "https://as.example/tenant";

    fn request<'a>(endpoint: &'a str, extra: &'a [(String, String)]) -> AuthorizationRequest<'a> {
        AuthorizationRequest {
            endpoint,
            client_id: "client",
            redirect_uri: "https://keyway.example/oauth/callback",
            scopes: &[],
            resource: None,
            code_challenge: "challenge",
            state: "state",
            extra,
        }
    }

    fn pairs(url: &str) -> Vec<(String, String)> {
        let url = Url::parse(url).expect("an address");
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    fn values<'a>(pairs: &'a [(String, String)], name: &str) -> Vec<&'a str> {
        pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    fn answer(query: &str, iss_supported: bool) -> Result<String, CallbackError> {
        let expected = Expected { issuer: ISSUER, iss_supported };
        let code = validate_callback(parse_callback(query)?, &expected)?;
        Ok(code.secret().expose_secret().to_owned())
    }

    #[test]
    fn the_request_carries_everything_once() {
        let scopes = ["read".to_owned(), "write".to_owned()];
        let request = AuthorizationRequest {
            scopes: &scopes,
            resource: Some("https://MCP.example"),
            ..request("https://as.example/authorize", &[])
        };
        assert_eq!(
            request_url(&request).as_deref(),
            Ok("https://as.example/authorize?response_type=code&client_id=client\
                 &redirect_uri=https%3A%2F%2Fkeyway.example%2Foauth%2Fcallback\
                 &code_challenge=challenge&code_challenge_method=S256&state=state\
                 &scope=read+write&resource=https%3A%2F%2FMCP.example")
        );
    }

    #[test]
    fn our_parameters_win_over_the_endpoints_and_extra_ones() {
        let extra = [("prompt", "consent"), ("state", "evil"), ("redirect_uri", "https://evil")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let endpoint =
            "https://as.example/a?tenant=1&client_id=evil&state=evil&scope=all&resource=x";
        let url = request_url(&request(endpoint, &extra)).expect("an address");
        let pairs = pairs(&url);
        assert_eq!(values(&pairs, "client_id"), ["client"]);
        assert_eq!(values(&pairs, "state"), ["state"]);
        assert_eq!(values(&pairs, "redirect_uri"), ["https://keyway.example/oauth/callback"]);
        assert_eq!(values(&pairs, "tenant"), ["1"]);
        assert_eq!(values(&pairs, "prompt"), ["consent"]);
        assert_eq!(values(&pairs, "scope"), [""; 0]);
        assert_eq!(values(&pairs, "resource"), [""; 0]);
    }

    #[test]
    fn an_endpoint_that_is_no_web_address_is_refused() {
        for endpoint in ["javascript:alert(1)", "https://as.example/\r\nx: y", ""] {
            assert_eq!(request_url(&request(endpoint, &[])), Err(InvalidEndpoint));
        }
    }

    #[test]
    fn iss_is_required_only_where_it_was_announced_and_never_normalised() {
        let good = "code=c&iss=https%3A%2F%2Fas.example%2Ftenant";
        for (query, supported, expected) in [
            ("code=c", false, Ok("c")),
            ("code=c", true, Err(CallbackError::IssMismatch)),
            (good, true, Ok("c")),
            (good, false, Ok("c")),
            ("code=c&iss=https://as.example/tenant/", true, Err(CallbackError::IssMismatch)),
            ("code=c&iss=https://as.example/tenant/", false, Err(CallbackError::IssMismatch)),
            ("code=c&iss=https://as.example/%2574enant", true, Err(CallbackError::IssMismatch)),
            ("code=c&iss=https://AS.example/tenant", true, Err(CallbackError::IssMismatch)),
            ("code=c&iss=", false, Err(CallbackError::IssMismatch)),
        ] {
            assert_eq!(answer(query, supported).as_deref(), expected.as_deref(), "{query}");
        }
    }

    #[test]
    fn an_error_is_looked_at_only_after_iss() {
        let foreign = "error=access_denied&iss=https://evil.example";
        assert_eq!(answer(foreign, false), Err(CallbackError::IssMismatch));
        assert_eq!(answer("error=access_denied", true), Err(CallbackError::IssMismatch));
        assert_eq!(answer("error=access_denied&code=c", false), Err(CallbackError::Denied));
    }

    #[test]
    fn an_error_shows_its_code_and_nothing_else() {
        let provider = |code: &str| Err(CallbackError::ProviderError { code: code.to_owned() });
        let query = "error=server_error&error_description=%3Cscript%3E&error_uri=https://evil";
        assert_eq!(answer(query, false), provider("server_error"));
        assert_eq!(answer("error=%3Cscript%3E", false), provider("unknown_error"));
        assert_eq!(answer("error=", false), provider("unknown_error"));
    }

    #[test]
    fn what_is_no_response_is_malformed() {
        let long = format!("code={}", "x".repeat(LONGEST_CODE + 1));
        let many = (0..100).map(|n| format!("p{n}=x")).collect::<Vec<_>>().join("&");
        let queries =
            ["", "state=s", "code=", "code=a&code=b", "code=a%0D%0Ab", "code=%ff", &long, &many];
        for query in queries {
            assert_eq!(answer(query, false), Err(CallbackError::Malformed), "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_survived(query in ".{0,200}") {
            let _ = answer(&query, false);
        }

        #[test]
        fn any_query_of_our_parameters_is_survived(
            query in "((code|state|iss|error)=[%a-f0-9+]{0,8}&){0,5}"
        ) {
            if let Ok(parameters) = parse_callback(&query) {
                let _ = parameters.state().map(str::len);
            }
            let _ = answer(&query, true);
        }
    }
}
