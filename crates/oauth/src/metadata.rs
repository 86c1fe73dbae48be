//! The two documents of discovery: protected resource metadata (RFC 9728 §2) and authorization server
//! metadata (RFC 8414 §2, OpenID Connect Discovery §3). Only what is used is read.

use thiserror::Error;

use crate::{endpoint, json::Object, pkce, resource, scope};

/// The longest issuer that is shown in an error, in characters.
const LONGEST_SHOWN: usize = 200;

/// What the MCP server says about itself as a protected resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedResourceMetadata {
    /// The resource's identifier, exactly as published; it covers the MCP endpoint.
    pub resource: String,
    /// The issuers that are usable, exactly as published, in the server's order.
    pub authorization_servers: Vec<String>,
    /// The scopes that requests may need; only valid ones.
    pub scopes_supported: Vec<String>,
    /// Whether it takes only tokens that are bound to a key (RFC 9449 §5.2, RFC 9728 §2).
    pub dpop_bound_access_tokens_required: bool,
}

/// What an authorization server says about itself. Endpoints are plain `http` or `https` addresses;
/// whether `http` is admitted is for the client that sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationServerMetadata {
    /// The issuer, byte for byte the one that was asked for.
    pub issuer: String,
    /// Where a person authorizes; a server of machines alone may have none (RFC 8414 §2).
    pub authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: String,
    /// Dynamic client registration (RFC 7591).
    pub registration_endpoint: Option<String>,
    /// Token revocation (RFC 7009).
    pub revocation_endpoint: Option<String>,
    /// OpenID Connect's UserInfo; `None` also where the address is not usable.
    pub userinfo_endpoint: Option<String>,
    /// The server's keys; `None` also where the address is not usable.
    pub jwks_uri: Option<String>,
    /// All scopes of the server; never a list to ask for.
    pub scopes_supported: Option<Vec<String>>,
    /// Values of `prompt` (Initiating User Registration via OpenID Connect 1.0 §4).
    pub prompt_values_supported: Option<Vec<String>>,
    /// Values of `response_type`.
    pub response_types_supported: Option<Vec<String>>,
    /// Values of `grant_type`.
    pub grant_types_supported: Option<Vec<String>>,
    /// PKCE methods; `None` means that the server does not say that it has PKCE.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// With which algorithms DPoP proofs may be signed (RFC 9449 §5.1); `None` means no DPoP.
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// Client authentication methods of the token endpoint.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// With which algorithms a client's assertions may be signed.
    pub token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// Client authentication methods of the revocation endpoint.
    pub revocation_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether every authorization response carries `iss` (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client id may be the address of a metadata document.
    pub client_id_metadata_document_supported: bool,
}

/// Why a document may not be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum DocumentError {
    /// A member that is needed is missing, of the wrong type or not usable.
    #[error("{0}")]
    Invalid(String),
    /// The issuer is not the one that was asked for.
    #[error("the document is of the issuer {0:?}, not of the one that was asked for")]
    Issuer(String),
}

impl ProtectedResourceMetadata {
    /// Reads a document for the MCP endpoint. `None` if it is some other JSON object.
    pub(crate) fn read(object: &Object, mcp_url: &str) -> Result<Option<Self>, DocumentError> {
        if !object.has("resource") && !object.has("authorization_servers") {
            return Ok(None);
        }
        let resource = required(object, "resource")?;
        if !resource::covers(resource, mcp_url) {
            return Err(invalid("its resource is not the MCP server that was asked for"));
        }
        let named = object.texts("authorization_servers").unwrap_or_default();
        let authorization_servers: Vec<String> =
            named.iter().filter(|issuer| is_issuer(issuer)).cloned().collect();
        if authorization_servers.is_empty() && !named.is_empty() {
            return Err(invalid("none of its authorization_servers is a usable address"));
        }
        let scopes = object.texts("scopes_supported").unwrap_or_default();
        Ok(Some(Self {
            resource: resource.to_owned(),
            authorization_servers,
            scopes_supported: scope::valid(scopes.iter().map(String::as_str)),
            dpop_bound_access_tokens_required: object.flag("dpop_bound_access_tokens_required"),
        }))
    }
}

impl AuthorizationServerMetadata {
    /// Reads a document that must be of one of these issuers, byte for byte (RFC 8414 §3.3). `None` if
    /// it is some other JSON object.
    pub(crate) fn read(object: &Object, issuers: &[&str]) -> Result<Option<Self>, DocumentError> {
        if !object.has("issuer") && !object.has("token_endpoint") {
            return Ok(None);
        }
        let issuer = required(object, "issuer")?;
        if !issuers.contains(&issuer) {
            return Err(DocumentError::Issuer(shown(issuer)));
        }
        Ok(Some(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: optional_endpoint(object, "authorization_endpoint")?,
            token_endpoint: required_endpoint(object, "token_endpoint")?,
            registration_endpoint: optional_endpoint(object, "registration_endpoint")?,
            revocation_endpoint: optional_endpoint(object, "revocation_endpoint")?,
            userinfo_endpoint: optional_endpoint(object, "userinfo_endpoint").ok().flatten(),
            jwks_uri: optional_endpoint(object, "jwks_uri").ok().flatten(),
            scopes_supported: object.texts("scopes_supported"),
            prompt_values_supported: object.texts("prompt_values_supported"),
            response_types_supported: object.texts("response_types_supported"),
            grant_types_supported: object.texts("grant_types_supported"),
            code_challenge_methods_supported: object.texts("code_challenge_methods_supported"),
            dpop_signing_alg_values_supported: object.texts("dpop_signing_alg_values_supported"),
            token_endpoint_auth_methods_supported: object
                .texts("token_endpoint_auth_methods_supported"),
            token_endpoint_auth_signing_alg_values_supported: object
                .texts("token_endpoint_auth_signing_alg_values_supported"),
            revocation_endpoint_auth_methods_supported: object
                .texts("revocation_endpoint_auth_methods_supported"),
            authorization_response_iss_parameter_supported: object
                .flag("authorization_response_iss_parameter_supported"),
            client_id_metadata_document_supported: object
                .flag("client_id_metadata_document_supported"),
        }))
    }

    /// Whether the server says that it has PKCE with `S256` (RFC 8414 §2).
    pub fn supports_pkce(&self) -> bool {
        let methods = self.code_challenge_methods_supported.as_deref().unwrap_or_default();
        methods.iter().any(|method| method == pkce::METHOD)
    }

    /// Whether a person can be asked with which account to go on (`prompt=select_account`): only where the
    /// server lists it (Initiating User Registration via OpenID Connect 1.0 §4), since many OpenID
    /// providers refuse the whole request for a prompt they do not know.
    pub fn supports_account_selection(&self) -> bool {
        self.prompt_values_supported.iter().flatten().any(|prompt| prompt == "select_account")
    }

    /// Whether the server lists this scope as one of its own.
    pub fn lists_scope(&self, scope: &str) -> bool {
        self.scopes_supported.iter().flatten().any(|known| known == scope)
    }
}

/// An issuer is a web address without query and fragment (RFC 8414 §2).
fn is_issuer(text: &str) -> bool {
    endpoint::parse(text).is_some_and(|url| url.query().is_none())
}

fn required<'a>(object: &'a Object, name: &str) -> Result<&'a str, DocumentError> {
    object.text(name).ok_or_else(|| invalid(&format!("its {name} is missing or not text")))
}

fn required_endpoint(object: &Object, name: &str) -> Result<String, DocumentError> {
    optional_endpoint(object, name)?.ok_or_else(|| invalid(&format!("its {name} is missing")))
}

fn optional_endpoint(object: &Object, name: &str) -> Result<Option<String>, DocumentError> {
    let Some(text) = object.value(name).and_then(serde_json::Value::as_str) else {
        return Ok(None);
    };
    match text {
        "" => Ok(None),
        _ if endpoint::parse(text).is_some() => Ok(Some(text.to_owned())),
        _ => Err(invalid(&format!("its {name} is not a plain http or https address"))),
    }
}

fn invalid(reason: &str) -> DocumentError {
    DocumentError::Invalid(reason.to_owned())
}

fn shown(issuer: &str) -> String {
    issuer.chars().filter(char::is_ascii_graphic).take(LONGEST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://as.example/tenant";

    fn object(value: &Value) -> Object {
        Object::parse(value.to_string().as_bytes()).expect("an object")
    }

    fn server(
        changes: &[(&str, Value)],
    ) -> Result<Option<AuthorizationServerMetadata>, DocumentError> {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://as.example/authorize",
            "token_endpoint": "https://as.example/token",
            "code_challenge_methods_supported": ["S256"],
        });
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        AuthorizationServerMetadata::read(&object(&document), &[ISSUER])
    }

    fn resource(document: &Value) -> Result<Option<ProtectedResourceMetadata>, DocumentError> {
        ProtectedResourceMetadata::read(&object(document), "https://mcp.example/mcp")
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        for other in [
            "https://as.example/tenant/",
            "https://AS.example/tenant",
            "https://as.example:443/tenant",
            "http://as.example/tenant",
            "https://as.example/%74enant",
        ] {
            let error = server(&[("issuer", json!(other))]).err();
            assert_eq!(error, Some(DocumentError::Issuer(other.to_owned())));
        }
    }

    #[test]
    fn the_wrong_type_of_what_is_not_needed_breaks_nothing() {
        let odd = server(&[
            ("scopes_supported", json!("read write")),
            ("registration_endpoint", json!(7)),
            ("jwks_uri", json!("javascript:x")),
            ("grant_types_supported", json!({"a": 1})),
            ("authorization_response_iss_parameter_supported", json!("yes")),
            ("unknown", json!([[[]]])),
        ]);
        let metadata = odd.expect("usable").expect("metadata");
        assert_eq!(metadata.scopes_supported, None);
        assert_eq!(metadata.registration_endpoint, None);
        assert_eq!(metadata.jwks_uri, None);
        assert!(!metadata.authorization_response_iss_parameter_supported);
        assert!(metadata.supports_pkce());
    }

    #[test]
    fn endpoints_that_are_not_web_addresses_are_refused() {
        for name in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
            for bad in [
                json!("javascript:alert(1)"),
                json!("https://as.example/\r\nSet-Cookie:x"),
                json!("https://user:pw@as.example/"),
                json!(format!("https://as.example/{}", "x".repeat(1_000_000))),
            ] {
                let error = server(&[(name, bad)]).err();
                assert!(matches!(error, Some(DocumentError::Invalid(_))), "{name}");
            }
        }
        assert!(server(&[("token_endpoint", json!(null))]).is_err());
    }

    #[test]
    fn plain_pkce_alone_is_no_pkce() {
        for (methods, expected) in [
            (json!(["plain"]), false),
            (json!(["S256", "plain"]), true),
            (json!(null), false),
            (json!("S256"), false),
        ] {
            let metadata = server(&[("code_challenge_methods_supported", methods)]);
            assert_eq!(metadata.ok().flatten().map(|m| m.supports_pkce()), Some(expected));
        }
    }

    #[test]
    fn a_resource_is_kept_as_it_was_written() {
        let metadata = resource(&json!({
            "resource": "https://MCP.example",
            "authorization_servers": ["ftp://x", 7, "https://as.example?x", "https://as.example/"],
            "scopes_supported": ["read", "bad\"scope"],
        }));
        let metadata = metadata.expect("usable").expect("metadata");
        assert_eq!(metadata.resource, "https://MCP.example");
        assert_eq!(metadata.authorization_servers, ["https://as.example/"]);
        assert_eq!(metadata.scopes_supported, ["read"]);
    }

    #[test]
    fn documents_of_another_resource_or_without_a_usable_server_are_refused() {
        let servers = json!(["https://as.example"]);
        for document in [
            json!({"resource": "https://evil.example/mcp", "authorization_servers": servers}),
            json!({"resource": "https://mcp.example/mcp#x", "authorization_servers": servers}),
            json!({"authorization_servers": servers}),
            json!({"resource": "https://mcp.example", "authorization_servers": ["mailto:a@b"]}),
        ] {
            assert!(resource(&document).is_err(), "{document}");
        }
    }

    #[test]
    fn other_json_is_not_metadata() {
        assert_eq!(resource(&json!({"error": "not found"})), Ok(None));
        let other = object(&json!({"error": "not found"}));
        assert_eq!(AuthorizationServerMetadata::read(&other, &[ISSUER]), Ok(None));
    }

    #[test]
    fn accounts_can_be_selected_where_the_prompt_is_listed() {
        for (prompts, expected) in [
            (json!(["none", "select_account"]), true),
            (json!(["none"]), false),
            (json!(null), false),
        ] {
            let members = [("prompt_values_supported", prompts)];
            let metadata = server(&members).ok().flatten().expect("metadata");
            assert_eq!(metadata.supports_account_selection(), expected, "{members:?}");
        }
    }

    proptest! {
        #[test]
        fn any_member_of_any_type_is_survived(
            name in "issuer|authorization_endpoint|token_endpoint|jwks_uri|scopes_supported|[a-z]{1,9}",
            value in "null|true|-?[1-9][0-9]{0,30}|\\[[0-9]?\\]|\\{\\}|\"[ -~&&[^\"\\\\]]{0,40}\"",
        ) {
            let value = serde_json::from_str(&value).expect("JSON");
            if let Ok(Some(metadata)) = server(&[(&name, value)]) {
                prop_assert_eq!(metadata.issuer, ISSUER);
            }
        }

        #[test]
        fn an_endpoint_that_is_taken_can_stand_in_a_header(
            endpoint in "(https?|ftp|javascript)://?[ -~é\r\n]{0,40}",
        ) {
            if let Ok(Some(metadata)) = server(&[("token_endpoint", json!(endpoint))]) {
                let taken = metadata.token_endpoint;
                let plain = taken.bytes().all(|byte| byte.is_ascii_graphic());
                prop_assert!(plain && taken.starts_with("http"));
                prop_assert_eq!(taken, endpoint);
            }
        }

        #[test]
        fn a_resource_that_is_taken_covers_the_server(path in "[a-z/#?@%.]{0,12}") {
            let document = json!({"resource": format!("https://mcp.example{path}")});
            if let Ok(Some(metadata)) = resource(&document) {
                let covers = resource::covers(&metadata.resource, "https://mcp.example/mcp");
                prop_assert!(covers);
            }
        }
    }
}
