//! Who may come in: tokens, a static header, and the challenges of those who may not (RFC 6750 §3).

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header::WWW_AUTHENTICATE};

use super::{ENDPOINT, Protection, Shared, message::Message, metadata};
use crate::{
    authorization_server::TokenInfo,
    dpop::{Expected, Objection},
};

/// The user behind the request, or the refusal.
pub(super) fn admit(
    shared: &Shared,
    method: &Method,
    headers: &HeaderMap,
    message: &Message,
) -> Result<Option<String>, Box<Response>> {
    let needed = shared
        .script()
        .protected_methods
        .as_ref()
        .is_none_or(|methods| methods.contains(&message.method));
    match &shared.protection {
        Protection::Open => Ok(None),
        Protection::Header(name, value) => {
            let sent = headers.get(name).and_then(|sent| sent.to_str().ok());
            if !needed || sent == Some(value) {
                return Ok(None);
            }
            Err(Box::new(StatusCode::UNAUTHORIZED.into_response()))
        }
        Protection::Tokens(server) => {
            let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
            let (scheme, token) = sent.and_then(|value| value.split_once(' ')).unzip();
            let known = token.and_then(|token| server.token(token));
            let known = match known
                .map(|known| prove(shared, method, headers, scheme, token, known))
            {
                Some(Err(Objection::NonceMissing)) => return Err(Box::new(wants_nonce(shared))),
                known => known.and_then(Result::ok),
            };
            match known.filter(|known| is_for_us(shared, known)) {
                Some(token) => check_scopes(shared, message, token),
                None if needed => Err(Box::new(challenge(shared, token.is_some()))),
                None => Ok(None),
            }
        }
    }
}

/// The token, if it comes in the scheme it is for and with the key it is bound to (RFC 9449 §7.1).
fn prove(
    shared: &Shared,
    method: &Method,
    headers: &HeaderMap,
    scheme: Option<&str>,
    token: Option<&str>,
    known: TokenInfo,
) -> Result<TokenInfo, Objection> {
    let proper = if known.bound_to.is_some() { "DPoP" } else { "Bearer" };
    if scheme != Some(proper) {
        return Err(Objection::Invalid("scheme"));
    }
    if known.bound_to.is_none() {
        return Ok(known);
    }
    let url = format!("{}{ENDPOINT}", shared.origin);
    let nonce = shared.script().dpop_nonce.clone();
    let expected = Expected { method: method.as_str(), url: &url, token, nonce: nonce.as_deref() };
    let proven = shared.judge.thumbprint(headers, &expected)?;
    (proven == known.bound_to).then_some(known).ok_or(Objection::Invalid("another key"))
}

fn wants_nonce(shared: &Shared) -> Response {
    let nonce = shared.script().dpop_nonce.clone().unwrap_or_default();
    let challenge = "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"".to_owned();
    let headers = [(WWW_AUTHENTICATE.as_str(), challenge), ("dpop-nonce", nonce)];
    (StatusCode::UNAUTHORIZED, headers).into_response()
}

fn is_for_us(shared: &Shared, token: &TokenInfo) -> bool {
    let meant = token.resource.is_none() || token.resource == metadata::resource(shared);
    meant && !shared.script().refuses_tokens
}

fn check_scopes(
    shared: &Shared,
    message: &Message,
    token: TokenInfo,
) -> Result<Option<String>, Box<Response>> {
    let required = shared.script().required_scopes.clone();
    let lacks = required.iter().any(|scope| !token.scopes.contains(scope));
    if message.method != "tools/call" || !lacks {
        return Ok(Some(token.user));
    }
    let value = format!(
        "Bearer error=\"insufficient_scope\", scope=\"{}\", resource_metadata=\"{}\"",
        required.join(" "),
        metadata::address(shared),
    );
    Err(Box::new((StatusCode::FORBIDDEN, [(WWW_AUTHENTICATE, value)]).into_response()))
}

fn challenge(shared: &Shared, token_sent: bool) -> Response {
    let script = shared.script().clone();
    let mut parameters = Vec::new();
    if token_sent {
        parameters.push("error=\"invalid_token\"".to_owned());
    }
    if script.challenge_names_metadata {
        parameters.push(format!("resource_metadata=\"{}\"", metadata::address(shared)));
    }
    if let Some(scope) = &script.challenge_scope {
        parameters.push(format!("scope=\"{scope}\""));
    }
    let scheme = if script.dpop { "DPoP" } else { "Bearer" };
    let proper = format!("{scheme} {}", parameters.join(", "));
    let value = script.challenge.unwrap_or(proper);
    if value.is_empty() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, value.trim().to_owned())]).into_response()
}
