//! Who a person is to an OpenID provider (OpenID Connect Core 1.0 §5.3). Nothing here is verified or
//! relied on: the claims name an account to people.

use ::http::{HeaderValue, Response, header};
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::{
    http::{self, HttpClient, SendError},
    json::Object,
    token::JwtClaims,
};

/// Why nothing is known of the person.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UserInfoError {
    /// The provider does not tell, with this status.
    #[error("the UserInfo endpoint answered {0}")]
    Refused(u16),
    /// The answer is no plain JSON object, or is about somebody else than the sign-in.
    #[error("the UserInfo endpoint's answer cannot be used")]
    Answer,
    /// There is no answer.
    #[error("no answer of the UserInfo endpoint: {0}")]
    Send(#[from] SendError),
}

/// Asks who the access token stands for. `subject` is the `sub` of the ID token, if there was one: an
/// answer about another one is refused (§5.3.2). Redirects are followed within the origin alone.
pub async fn ask(
    http: &impl HttpClient,
    userinfo_endpoint: &str,
    access_token: &SecretString,
    subject: Option<&str>,
) -> Result<JwtClaims, UserInfoError> {
    let bearer = format!("Bearer {}", access_token.expose_secret());
    let mut bearer = HeaderValue::try_from(bearer).map_err(|_| UserInfoError::Answer)?;
    bearer.set_sensitive(true);
    let headers = [(header::AUTHORIZATION, bearer)];
    let fetched = http::get(http, userinfo_endpoint, &headers).await;
    read_answer(&fetched.result?, subject)
}

/// Checks what a UserInfo endpoint answered. A signed answer (a JWT) is not read.
pub fn read_answer(
    response: &Response<Bytes>,
    subject: Option<&str>,
) -> Result<JwtClaims, UserInfoError> {
    if !response.status().is_success() {
        return Err(UserInfoError::Refused(response.status().as_u16()));
    }
    let object = Object::parse(response.body()).map_err(|_| UserInfoError::Answer)?;
    let claims = JwtClaims::read(&object);
    let told = claims.sub.as_deref().ok_or(UserInfoError::Answer)?;
    if subject.is_some_and(|subject| subject != told) {
        return Err(UserInfoError::Answer);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Script, response};

    const ENDPOINT: &str = "https://as.example/userinfo";

    #[tokio::test]
    async fn the_token_goes_as_a_bearer_and_the_claims_come_back() {
        let script = Script::new().json(ENDPOINT, 200, r#"{"sub":"s","email":"e@x.example"}"#);
        let claims = ask(&script, ENDPOINT, &SecretString::from("at"), Some("s")).await;
        assert_eq!(claims.map(|claims| claims.email), Ok(Some("e@x.example".to_owned())));
        assert_eq!(script.only_request().headers()["authorization"], "Bearer at");
    }

    #[test]
    fn an_answer_about_somebody_else_or_about_nobody_is_refused() {
        for (status, body, expected) in [
            (200, r#"{"sub":"other","email":"e@x.example"}"#, UserInfoError::Answer),
            (200, r#"{"email":"e@x.example"}"#, UserInfoError::Answer),
            (200, "<h1>hello</h1>", UserInfoError::Answer),
            (401, r#"{"sub":"s"}"#, UserInfoError::Refused(401)),
            (302, "", UserInfoError::Refused(302)),
        ] {
            let read = read_answer(&response(status, &[], body), Some("s"));
            assert_eq!(read, Err(expected), "{status} {body}");
        }
    }
}
