//! What a token endpoint answers: lenient in what it reads, exact in what it takes.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use secrecy::SecretString;
use serde_json::Value;

use super::TokenError;
use crate::{
    answer,
    json::{self, Object},
    scope,
};

/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// The longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// The tokens that a server gave.
pub struct TokenAnswer {
    /// Visible ASCII, at most 16 KiB; sent as `Bearer`.
    pub access_token: SecretString,
    /// `None` means: keep the one there was.
    pub refresh_token: Option<SecretString>,
    /// How long the access token lives from now, at most a year. `None` means unknown, also where the
    /// server said zero, less, or something that is no number.
    pub expires_in: Option<Duration>,
    /// What was granted; `None` means: what was asked for.
    pub scopes: Option<Vec<String>>,
    /// An OpenID Connect id token, not verified.
    pub id_token: Option<SecretString>,
}

/// Reads a token endpoint's answer: JSON (RFC 6749 §5.1), or form-encoded as some servers send it. An
/// `error` in it counts with any status.
pub fn read_answer(response: &Response<Bytes>) -> Result<TokenAnswer, TokenError> {
    let status = response.status().as_u16();
    let retry_after = answer::retry_after(response.headers());
    let fields = fields(response.body());
    match fields {
        Ok(fields) if answer::is_error(&fields) => {
            Err(TokenError::Refused { status, code: answer::code_of(&fields), retry_after })
        }
        _ if !response.status().is_success() => Err(TokenError::Status { status, retry_after }),
        Ok(fields) => read_tokens(&fields).map_err(TokenError::Answer),
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

fn read_tokens(fields: &Object) -> Result<TokenAnswer, &'static str> {
    let access_token = fields.value("access_token").and_then(Value::as_str);
    let access_token = access_token.ok_or("it holds no access_token")?;
    if !answer::is_visible(access_token, LONGEST_TOKEN) {
        return Err("its access_token is empty, too long or not visible ASCII");
    }
    let bearer = match fields.value("token_type") {
        None => true,
        Some(Value::String(token_type)) => token_type.eq_ignore_ascii_case("bearer"),
        Some(_) => false,
    };
    if !bearer {
        return Err("its token_type is not bearer");
    }
    let refresh_token = refresh_token(fields)?;
    if refresh_token == Some(access_token) {
        return Err("its refresh_token is the access_token");
    }
    Ok(TokenAnswer {
        access_token: SecretString::from(access_token),
        refresh_token: refresh_token.map(SecretString::from),
        expires_in: fields.number("expires_in").and_then(life),
        scopes: scopes(fields),
        id_token: id_token(fields),
    })
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
