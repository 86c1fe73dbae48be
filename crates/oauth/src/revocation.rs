//! Token revocation (RFC 7009). The caller forgets the token whatever comes of it.

use std::time::Duration;

use ::http::Response;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::{
    answer,
    client_auth::{ClientAuthentication, ClientAuthenticationError},
    http::{self, HttpClient, SendError},
    json::Object,
};

/// Why a token was not revoked, as far as is known.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RevocationError {
    /// The server does not revoke this token for this client; asking again is of no use.
    #[error("the authorization server answered the revocation with {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its error code, if it gave one in the form of a code.
        code: Option<String>,
    },
    /// The server is busy or failing (408, 425, 429, 5xx): try again later.
    #[error("the revocation endpoint answered {status}; try again later")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait, at most an hour.
        retry_after: Option<Duration>,
    },
    /// The client cannot authenticate; nothing was sent.
    #[error(transparent)]
    Client(#[from] ClientAuthenticationError),
    /// There is no answer.
    #[error("no answer of the revocation endpoint: {0}")]
    Send(#[from] SendError),
}

impl RevocationError {
    /// Whether asking again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Send(error) => !matches!(error, SendError::TooLarge(_)),
            Self::Refused { .. } | Self::Client(_) => false,
        }
    }
}

/// Revokes a token. `hint` is `refresh_token` or `access_token` (RFC 7009 §2.1). Revoke the refresh token
/// first: most servers end the access token with it, and few can revoke one that is a JWT.
pub async fn revoke(
    http: &impl HttpClient,
    revocation_endpoint: &str,
    client: &ClientAuthentication<'_>,
    token: &SecretString,
    hint: &str,
) -> Result<(), RevocationError> {
    let fields = [("token", token.expose_secret()), ("token_type_hint", hint)];
    let response = http::post_form(http, revocation_endpoint, client.apply(&fields)?).await?;
    read_answer(&response)
}

/// Checks what a revocation endpoint answered: any success will do (RFC 7009 §2.2).
pub fn read_answer(response: &Response<Bytes>) -> Result<(), RevocationError> {
    let status = response.status().as_u16();
    if answer::is_transient(response.status()) {
        let retry_after = answer::retry_after(response.headers());
        return Err(RevocationError::Unavailable { status, retry_after });
    }
    let error = Object::parse(response.body()).ok().filter(answer::is_error);
    if response.status().is_success() && error.is_none() {
        return Ok(());
    }
    Err(RevocationError::Refused { status, code: error.as_ref().and_then(answer::code_of) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Script, form, response};

    const ENDPOINT: &str = "https://as.example/revoke";

    #[tokio::test]
    async fn a_token_is_sent_with_its_hint_and_the_client() {
        let script = Script::new().response(ENDPOINT, 200, &[], "");
        let client = ClientAuthentication {
            client_id: "c",
            client_secret: None,
            method: "none",
            assertion: None,
        };
        let token = SecretString::from("rt");
        assert_eq!(revoke(&script, ENDPOINT, &client, &token, "refresh_token").await, Ok(()));
        let expected = [("token", "rt"), ("token_type_hint", "refresh_token"), ("client_id", "c")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form(&script.only_request()), expected);
    }

    #[test]
    fn what_may_pass_is_told_apart_from_what_will_not() {
        for (status, body, transient) in [
            (400, r#"{"error":"unsupported_token_type"}"#, false),
            (401, "", false),
            (302, "", false),
            (200, r#"{"error":"invalid_client"}"#, false),
            (503, "", true),
            (429, r#"{"error":"slow_down"}"#, true),
        ] {
            let error = read_answer(&response(status, &[], body)).expect_err("an error");
            assert_eq!(error.is_transient(), transient, "{status} {body}");
        }
        assert_eq!(read_answer(&response(200, &[], "<html>ok</html>")), Ok(()));
        assert_eq!(read_answer(&response(204, &[], "")), Ok(()));
    }
}
