//! What a token endpoint answers: lenient in what it reads, exact in what it takes.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use secrecy::SecretString;
use serde_json::Value;

use super::TokenError;
use crate::{
    answer, dpop,
    json::{self, Object},
    scope,
};

/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// The longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// How an access token is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// By itself (RFC 6750 §2.1).
    Bearer,
    /// With a proof of the key it is bound to (RFC 9449 §7.1).
    Dpop,
}

/// The tokens that a server gave.
pub struct TokenAnswer {
    /// Visible ASCII, at most 16 KiB.
    pub access_token: SecretString,
    /// How it is sent. A server that was sent a proof may answer `Bearer` all the same.
    pub token_type: TokenType,
    /// `None` means: keep the one there was.
    pub refresh_token: Option<SecretString>,
    /// How long the access token lives from now, at most a year. `None` means unknown, also where the
    /// server said zero, less, or something that is no number.
    pub expires_in: Option<Duration>,
    /// What was granted; `None` means: what was asked for.
    pub scopes: Option<Vec<String>>,
    /// An OpenID Connect id token, not verified.
    pub id_token: Option<SecretString>,
    /// The nonce for the next proof (RFC 9449 §8.2).
    pub dpop_nonce: Option<String>,
}

/// Reads a token endpoint's answer: JSON (RFC 6749 §5.1), or form-encoded as some servers send it. An
/// `error` in it counts with any status. `proven` says that a DPoP proof was sent; without one a token
/// that is bound to a key cannot be used.
pub fn read_answer(response: &Response<Bytes>, proven: bool) -> Result<TokenAnswer, TokenError> {
    let fields = granted(response)?;
    let mut answer = read_tokens(&fields, proven).map_err(TokenError::Answer)?;
    answer.dpop_nonce = dpop::nonce(response.headers()).map(ToOwned::to_owned);
    Ok(answer)
}

/// Reads the answer to a token exchange (RFC 8693 §2.2.1), which gives a token of one type that is no
/// access token.
pub(crate) fn read_issued(
    response: &Response<Bytes>,
    token_type: &str,
) -> Result<SecretString, TokenError> {
    let fields = granted(response)?;
    let issued = fields
        .text("access_token")
        .filter(|_| fields.text("issued_token_type") == Some(token_type));
    let usable = issued.filter(|token| answer::is_visible(token, LONGEST_TOKEN));
    let wrong = TokenError::Answer("it holds no token of the type that was asked for");
    usable.map(SecretString::from).ok_or(wrong)
}

/// The members of a success.
fn granted(response: &Response<Bytes>) -> Result<Object, TokenError> {
    let status = response.status().as_u16();
    let retry_after = answer::retry_after(response.headers());
    let fields = fields(response.body());
    match fields {
        Ok(fields) if answer::is_error(&fields) => {
            Err(TokenError::Refused { status, code: answer::code_of(&fields), retry_after })
        }
        _ if !response.status().is_success() => Err(TokenError::Status { status, retry_after }),
        Ok(fields) => Ok(fields),
        Err(reason) => Err(TokenError::Answer(reason)),
    }
}

fn fields(body: &[u8]) -> Result<Object, &'static str> {
    let text = body.trim_ascii();
    let parsed = match text.first() {
        Some(b'{') => Object::parse(text),
        Some(b'<') | None => return Err("it is neither JSON nor a form"),
        Some(_) if text.contains(&b'=') => Object::parse_form(text),
        Some(_) => return Err("it is neither JSON nor a form"),
    };
    parsed.map_err(|error| match error {
        json::ObjectError::NotAnObject => "it is not a JSON object",
        json::ObjectError::Duplicate => "it gives a member twice",
    })
}

fn read_tokens(fields: &Object, proven: bool) -> Result<TokenAnswer, &'static str> {
    let access_token = fields.value("access_token").and_then(Value::as_str);
    let access_token = access_token.ok_or("it holds no access_token")?;
    if !answer::is_visible(access_token, LONGEST_TOKEN) {
        return Err("its access_token is empty, too long or not visible ASCII");
    }
    let token_type = token_type(fields)?;
    if token_type == TokenType::Dpop && !proven {
        return Err("its token_type is DPoP, and no proof was sent");
    }
    let refresh_token = refresh_token(fields)?;
    if refresh_token == Some(access_token) {
        return Err("its refresh_token is the access_token");
    }
    Ok(TokenAnswer {
        access_token: SecretString::from(access_token),
        token_type,
        refresh_token: refresh_token.map(SecretString::from),
        expires_in: fields.number("expires_in").and_then(life),
        scopes: scopes(fields),
        id_token: id_token(fields),
        dpop_nonce: None,
    })
}

fn token_type(fields: &Object) -> Result<TokenType, &'static str> {
    match fields.value("token_type") {
        None => Ok(TokenType::Bearer),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("bearer") => Ok(TokenType::Bearer),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("dpop") => Ok(TokenType::Dpop),
        Some(_) => Err("its token_type is neither Bearer nor DPoP"),
    }
}

fn refresh_token(fields: &Object) -> Result<Option<&str>, &'static str> {
    match fields.value("refresh_token") {
        None => Ok(None),
        Some(Value::String(token)) if token.is_empty() => Ok(None),
        Some(Value::String(token)) if answer::is_visible(token, LONGEST_TOKEN) => Ok(Some(token)),
        Some(_) => Err("its refresh_token is too long or not visible ASCII"),
    }
}

fn life(seconds: f64) -> Option<Duration> {
    let life = Duration::try_from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())).ok()?;
    (!life.is_zero()).then_some(life)
}

fn scopes(fields: &Object) -> Option<Vec<String>> {
    let scopes = match fields.value("scope")? {
        Value::String(text) => scope::valid(text.split_ascii_whitespace()),
        Value::Array(entries) => scope::valid(json::strings(entries)),
        _ => return None,
    };
    (!scopes.is_empty()).then_some(scopes)
}

fn id_token(fields: &Object) -> Option<SecretString> {
    let text = fields.value("id_token")?.as_str()?;
    answer::is_visible(text, LONGEST_TOKEN).then(|| SecretString::from(text))
}
