//! How a client proves who it is at the token and revocation endpoints (RFC 6749 §2.3).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::form_urlencoded;

use crate::assertion::ClientAssertion;

/// No secret; the client id goes into the body.
pub const NONE: &str = "none";
/// Id and secret in an `Authorization: Basic` header.
pub const CLIENT_SECRET_BASIC: &str = "client_secret_basic";
/// Id and secret in the body.
pub const CLIENT_SECRET_POST: &str = "client_secret_post";

/// A signed assertion in the body (RFC 7523 §2.2, OpenID Connect Core 1.0 §9).
pub const PRIVATE_KEY_JWT: &str = "private_key_jwt";

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client with its method, as it was registered.
#[derive(Clone, Copy)]
pub struct ClientAuthentication<'a> {
    /// The client id.
    pub client_id: &'a str,
    /// The secret, where the method needs one.
    pub client_secret: Option<&'a SecretString>,
    /// A value of `token_endpoint_auth_method` (RFC 7591 §2).
    pub method: &'a str,
    /// What signs for the client, where the method is `private_key_jwt`.
    pub assertion: Option<ClientAssertion<'a>>,
}

/// The client cannot authenticate in the way it was registered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ClientAuthenticationError {
    /// The method needs a secret and there is none.
    #[error("the client's authentication method needs a secret; register the client again")]
    SecretMissing,
    /// The method needs a key and there is none, or it does not sign.
    #[error("the client's authentication method needs a private key; enter it again")]
    KeyMissing,
    /// The method is none of those that are supported.
    #[error("the client's authentication method is not supported; register it with another one")]
    UnsupportedMethod,
}

/// Whether a dynamically registered client can use the method without keys of its own.
pub fn is_supported(method: &str) -> bool {
    [NONE, CLIENT_SECRET_BASIC, CLIENT_SECRET_POST].contains(&method)
}

/// Headers and form body of a request that authenticates the client.
pub(crate) struct AuthenticatedForm {
    pub headers: HeaderMap,
    pub body: String,
}

impl ClientAuthentication<'_> {
    /// Adds the client to a form.
    pub(crate) fn apply(
        &self,
        fields: &[(&str, &str)],
    ) -> Result<AuthenticatedForm, ClientAuthenticationError> {
        let mut headers = HeaderMap::new();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        match self.method {
            // An assertion alone may be enough of a client (RFC 7521 §4.1).
            NONE if self.client_id.is_empty() => {}
            NONE => {
                form.append_pair("client_id", self.client_id);
            }
            CLIENT_SECRET_POST => {
                form.append_pair("client_id", self.client_id);
                form.append_pair("client_secret", self.secret()?);
            }
            CLIENT_SECRET_BASIC => {
                headers.insert(header::AUTHORIZATION, self.basic()?);
            }
            PRIVATE_KEY_JWT => {
                let assertion = self.assertion.ok_or(ClientAuthenticationError::KeyMissing)?;
                let assertion = assertion.sign(self.client_id);
                let signed = assertion.map_err(|_| ClientAuthenticationError::KeyMissing)?;
                form.append_pair("client_id", self.client_id);
                form.append_pair("client_assertion_type", JWT_BEARER);
                form.append_pair("client_assertion", signed.expose_secret());
            }
            _ => return Err(ClientAuthenticationError::UnsupportedMethod),
        }
        Ok(AuthenticatedForm { headers, body: form.finish() })
    }

    fn secret(&self) -> Result<&str, ClientAuthenticationError> {
        let secret = self.client_secret.ok_or(ClientAuthenticationError::SecretMissing)?;
        Ok(secret.expose_secret())
    }

    /// Both parts are form-encoded before they are joined (RFC 6749 §2.3.1), which also keeps a colon
    /// in the id apart from the one between them.
    fn basic(&self) -> Result<HeaderValue, ClientAuthenticationError> {
        let encode =
            |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(self.client_id), encode(self.secret()?));
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .expect("base64 is visible ASCII");
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(
        method: &str,
        secret: Option<&str>,
    ) -> Result<(Option<String>, String), ClientAuthenticationError> {
        let secret = secret.map(SecretString::from);
        let client = ClientAuthentication {
            client_id: "id:1 é",
            client_secret: secret.as_ref(),
            method,
            assertion: None,
        };
        let form = client.apply(&[("a", "b")])?;
        let header = form.headers.get(header::AUTHORIZATION);
        Ok((header.map(|value| value.to_str().expect("ASCII").to_owned()), form.body))
    }

    #[test]
    fn each_method_puts_the_client_where_it_belongs() {
        let id = "client_id=id%3A1+%C3%A9";
        assert_eq!(apply("none", Some("s")), Ok((None, format!("a=b&{id}"))));
        assert_eq!(
            apply("client_secret_post", Some("s&t")),
            Ok((None, format!("a=b&{id}&client_secret=s%26t")))
        );
        let basic = STANDARD.encode("id%3A1+%C3%A9:s%2Bt%25");
        assert_eq!(
            apply("client_secret_basic", Some("s+t%")),
            Ok((Some(format!("Basic {basic}")), "a=b".to_owned()))
        );
    }

    #[test]
    fn a_client_that_cannot_authenticate_is_told() {
        use ClientAuthenticationError::{KeyMissing, SecretMissing, UnsupportedMethod};
        assert_eq!(apply("client_secret_basic", None), Err(SecretMissing));
        assert_eq!(apply("client_secret_post", None), Err(SecretMissing));
        assert_eq!(apply("private_key_jwt", Some("s")), Err(KeyMissing));
        assert_eq!(apply("tls_client_auth", Some("s")), Err(UnsupportedMethod));
    }
}
