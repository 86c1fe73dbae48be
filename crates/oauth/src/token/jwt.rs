//! What a token that happens to be a JWT (RFC 7519) says. Nothing is verified: these are hints, about
//! tokens that came straight from the token endpoint.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::json::{self, Object};

/// The longest token that is looked into, in bytes.
const LONGEST: usize = 16 * 1024;

/// Claims of a JWT, unverified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwtClaims {
    /// Who issued it.
    pub iss: Option<String>,
    /// Whom the token is for; empty if it does not say.
    pub aud: Vec<String>,
    /// When it ends, in seconds since 1970-01-01T00:00:00Z.
    pub exp: Option<i64>,
    /// Whom it is about.
    pub sub: Option<String>,
    /// OpenID Connect's `email`.
    pub email: Option<String>,
    /// OpenID Connect's `name`.
    pub name: Option<String>,
    /// OpenID Connect's `preferred_username`.
    pub preferred_username: Option<String>,
}

/// The claims of a token in the form of a signed JWT (RFC 7515 §7.1); `None` for any other.
pub fn jwt_claims(token: &SecretString) -> Option<JwtClaims> {
    let token = Some(token.expose_secret()).filter(|token| token.len() <= LONGEST)?;
    let [_header, payload, _signature] =
        <[&str; 3]>::try_from(token.splitn(4, '.').collect::<Vec<_>>()).ok()?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    Some(JwtClaims::read(&Object::parse(&payload).ok()?))
}

impl JwtClaims {
    /// Reads the claims of an object; odd ones count as absent.
    pub(crate) fn read(claims: &Object) -> Self {
        let text = |name: &str| claims.text(name).map(ToOwned::to_owned);
        Self {
            iss: text("iss"),
            aud: audience(claims),
            exp: claims.value("exp").and_then(seconds),
            sub: text("sub"),
            email: text("email"),
            name: text("name"),
            preferred_username: text("preferred_username"),
        }
    }
}

fn audience(claims: &Object) -> Vec<String> {
    match claims.value("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(entries)) => json::strings(entries).map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// A NumericDate (RFC 7519 §2), which may have a fraction.
fn seconds(value: &Value) -> Option<i64> {
    let fraction = || Duration::try_from_secs_f64(value.as_f64()?).ok();
    value.as_i64().or_else(|| i64::try_from(fraction()?.as_secs()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> SecretString {
        SecretString::from(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn the_claims_are_read() {
        let claims = jwt_claims(&token(
            r#"{"iss":"i","aud":["a","b"],"exp":1700000000.5,"sub":"s","email":"e@x","name":"N","extra":{}}"#,
        ));
        assert_eq!(
            claims,
            Some(JwtClaims {
                iss: Some("i".to_owned()),
                aud: vec!["a".to_owned(), "b".to_owned()],
                exp: Some(1_700_000_000),
                sub: Some("s".to_owned()),
                email: Some("e@x".to_owned()),
                name: Some("N".to_owned()),
                preferred_username: None,
            })
        );
    }

    #[test]
    fn odd_claims_count_as_absent() {
        let claims = jwt_claims(&token(r#"{"aud":7,"exp":"soon","sub":{}}"#));
        assert_eq!(claims, Some(JwtClaims::default()));
        let one = jwt_claims(&token(r#"{"aud":"a","exp":-5}"#)).expect("claims");
        assert_eq!((one.aud, one.exp), (vec!["a".to_owned()], Some(-5)));
    }

    #[test]
    fn an_opaque_token_has_no_claims() {
        for text in ["opaque", "a.b", "a.b.c", "e30.e30.x.y", "a.b.c.d.e", "..", "e30.W10.x"] {
            assert_eq!(jwt_claims(&SecretString::from(text)), None, "{text}");
        }
        assert_eq!(jwt_claims(&token(&format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST)))), None);
    }
}
