//! Reads what a request shows: the `Authorization` header, else the session cookie, and `Keyway-User`.

use axum::http::{HeaderMap, HeaderName, header};
use keyway_model::UserId;
use secrecy::SecretString;

use super::token;
use crate::{error::Problem, extract::browser::cookie};

/// The header by which a service key names the user it acts for.
pub(crate) const KEYWAY_USER: HeaderName = HeaderName::from_static("keyway-user");

/// What a request shows to prove who is behind it.
pub(crate) enum Credential {
    /// `Authorization: Bearer kwsk_…`
    ServiceKey(SecretString),
    /// `Authorization: Bearer kwst_…`
    SessionToken(SecretString),
    /// `Authorization: Bearer kwpt_…`
    PersonalToken(SecretString),
    /// Any other bearer token.
    Jwt(SecretString),
    /// The session cookie.
    SessionCookie(SecretString),
}

impl Credential {
    /// The credential that a bearer token is, by its prefix.
    pub(crate) fn bearer(token: &str) -> Self {
        let secret = SecretString::from(token);
        if token.starts_with(token::SERVICE_KEY) {
            Self::ServiceKey(secret)
        } else if token.starts_with(token::SESSION) {
            Self::SessionToken(secret)
        } else if token.starts_with(token::PERSONAL) {
            Self::PersonalToken(secret)
        } else {
            Self::Jwt(secret)
        }
    }
}

/// The credential of a request. `Authorization` wins over the cookie, and one that is malformed never falls
/// back to it.
///
/// # Errors
/// 401 where there is none, or `Authorization` is not one bearer token.
pub(crate) fn shown(headers: &HeaderMap, cookie_name: &str) -> Result<Credential, Problem> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(first) = authorizations.next() {
        let token = std::str::from_utf8(first.as_bytes()).ok().and_then(bearer_token);
        return match (token, authorizations.next()) {
            (Some(token), None) => Ok(Credential::bearer(token)),
            _ => Err(Problem::unauthenticated("send one header Authorization: Bearer <token>")),
        };
    }
    let value = cookie(headers, cookie_name).map(SecretString::from);
    value.map(Credential::SessionCookie).ok_or_else(|| {
        Problem::unauthenticated(
            "send Authorization: Bearer with a JWT, service key, session token or personal token",
        )
    })
}

/// The token of a `Bearer` header value (RFC 6750 §2.1); the scheme's case does not matter.
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    // A header value has no other blanks (RFC 9110 §5.5).
    let fits = !token.is_empty() && memchr::memchr2(b' ', b'\t', token.as_bytes()).is_none();
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

/// The user whom `Keyway-User` names, byte for byte.
///
/// # Errors
/// 400 where it is doubled or cannot name a user.
pub(crate) fn named_user(headers: &HeaderMap) -> Result<Option<UserId>, Problem> {
    let mut values = headers.get_all(KEYWAY_USER).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let refused = || Problem::user_header("Keyway-User must be sent once and name one user");
    // Two headers that something on the way has joined name two users.
    if values.next().is_some() || first.as_bytes().contains(&b',') {
        return Err(refused());
    }
    let text = std::str::from_utf8(first.as_bytes()).map_err(|_| refused())?;
    UserId::new(text).map(Some).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::error::Code;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn authorization_wins_over_the_cookie() {
        let headers =
            headers(&[("authorization", "bearer kwst_a"), ("cookie", "keyway-session=c")]);
        let Ok(Credential::SessionToken(token)) = shown(&headers, "keyway-session") else {
            panic!("another credential")
        };
        assert_eq!(token.expose_secret(), "kwst_a");
    }

    #[test]
    fn a_malformed_authorization_never_falls_back_to_the_cookie() {
        for value in ["Basic eA==", "Bearer", "Bearer ", "Bearer a b", "Bearer a\tb", "kwst_a"] {
            let pairs = [("authorization", value), ("cookie", "keyway-session=c")];
            let refused = shown(&headers(&pairs), "keyway-session").err().unwrap();
            assert_eq!(refused.code(), Code::Unauthenticated, "{value}");
        }
        let twice = headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert!(shown(&twice, "keyway-session").is_err());
    }

    #[test]
    fn the_cookie_counts_where_nothing_else_is_shown() {
        let cookie = headers(&[("cookie", "a=b; keyway-session=kwsc_x")]);
        assert!(matches!(shown(&cookie, "keyway-session"), Ok(Credential::SessionCookie(_))));
        assert!(shown(&headers(&[("cookie", "a=b")]), "keyway-session").is_err());
    }

    #[test]
    fn a_user_is_named_once_and_not_blank() {
        assert!(named_user(&headers(&[])).unwrap().is_none());
        let one = headers(&[("keyway-user", "Ana of Berlin")]);
        assert_eq!(named_user(&one).unwrap().unwrap().as_str(), "Ana of Berlin");
        assert!(named_user(&headers(&[("keyway-user", "ana, bob")])).is_err());
        assert!(named_user(&headers(&[("keyway-user", "a"), ("keyway-user", "a")])).is_err());
        assert!(named_user(&headers(&[("keyway-user", "")])).is_err());
        assert!(named_user(&headers(&[("keyway-user", " ")])).is_err());
    }
}
