//! The token endpoint: the code exchange with PKCE, and the refresh.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    AccessTokens, AuthorizationScript, RefreshTokens, Shared, client_assertion, unattended,
};
use crate::{
    dpop::{Expected, Objection},
    merge::merge,
    random::random_text,
    serving::Connection,
};

pub(super) type Fields = HashMap<String, String>;

/// A refusal by RFC 6749 §5.2.
pub(super) struct Refusal(StatusCode, &'static str);

/// All scripted servers sign with one key, and so can read each other's tokens.
pub(super) const KEY: &[u8] = b"the scripted server's own signing key";

pub(super) const INVALID_GRANT: Refusal = Refusal(StatusCode::BAD_REQUEST, "invalid_grant");
const INVALID_CLIENT: Refusal = Refusal(StatusCode::UNAUTHORIZED, "invalid_client");

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.1, "error_description": "scripted"});
        (self.0, Json(body)).into_response()
    }
}

pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    shared.token_gate.pass().await;
    let script = shared.script().clone();
    tokio::time::sleep(script.token_delay).await;
    let once = shared.script().token_faults.pop_front();
    if let Some(fault) = once.or_else(|| script.token_fault.clone()) {
        return fault.play(&connection).await;
    }
    let fields: Fields = url::form_urlencoded::parse(&body).into_owned().collect();
    let outcome = carry_out(&shared, &script, &headers, &fields);
    shared.answer_gate.pass().await;
    if lose_answer(&shared) {
        connection.cut().await;
    }
    let mut response = match outcome {
        Ok(token) if script.form_encoded => form_encoded(&token),
        Ok(token) => Json(token).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    if let Some(nonce) = script.dpop_nonce.as_deref().and_then(|nonce| nonce.parse().ok()) {
        response.headers_mut().insert("dpop-nonce", nonce);
    }
    response
}

fn lose_answer(shared: &Shared) -> bool {
    let mut script = shared.script();
    let lost = script.lost_answers > 0;
    script.lost_answers = script.lost_answers.saturating_sub(1);
    lost
}

fn carry_out(
    shared: &Shared,
    script: &AuthorizationScript,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<Value, Refusal> {
    let thumbprint = proven_key(shared, script, headers)?;
    let client_id = authenticate(shared, headers, fields)?;
    let mut token = granted(shared, script, fields, &client_id)?;
    if let Some(thumbprint) = thumbprint {
        let access_token = token["access_token"].as_str().unwrap_or_default();
        shared.books().bind(access_token, thumbprint);
        token["token_type"] = json!("DPoP");
    }
    Ok(token)
}

/// The thumbprint of the key that the tokens are to be bound to (RFC 9449 §5).
fn proven_key(
    shared: &Shared,
    script: &AuthorizationScript,
    headers: &HeaderMap,
) -> Result<Option<String>, Refusal> {
    if !script.dpop {
        return Ok(None);
    }
    let url = format!("{}/token", shared.origin);
    let nonce = script.dpop_nonce.as_deref();
    let expected = Expected { method: "POST", url: &url, token: None, nonce };
    shared.judge.thumbprint(headers, &expected).map_err(|objection| match objection {
        Objection::NonceMissing => Refusal(StatusCode::BAD_REQUEST, "use_dpop_nonce"),
        Objection::Invalid(_) => Refusal(StatusCode::BAD_REQUEST, "invalid_dpop_proof"),
    })
}

fn granted(
    shared: &Shared,
    script: &AuthorizationScript,
    fields: &Fields,
    client_id: &str,
) -> Result<Value, Refusal> {
    if let Some(only) = &script.only_resource
        && fields.get("resource") != Some(only)
    {
        return Err(Refusal(StatusCode::BAD_REQUEST, "invalid_target"));
    }
    match fields.get("grant_type").map(String::as_str) {
        Some("authorization_code") => exchange(shared, script, fields, client_id),
        Some("refresh_token") => refresh(shared, script, fields, client_id),
        Some("client_credentials") => {
            Ok(unattended::client_credentials(shared, script, fields, client_id))
        }
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
            unattended::jwt_bearer(shared, script, fields, client_id)
        }
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => {
            unattended::exchange_id_token(script, &shared.issuer, fields)
        }
        _ => Err(Refusal(StatusCode::BAD_REQUEST, "unsupported_grant_type")),
    }
}

/// The client's id, once it proved itself by the method it is registered with (RFC 6749 §2.3.1).
pub(super) fn authenticate(
    shared: &Shared,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<String, Refusal> {
    let (client_id, secret, method) = if let Some((id, secret)) = basic_credentials(headers) {
        (id, Some(secret), "client_secret_basic")
    } else {
        let id = fields.get("client_id").cloned().ok_or(INVALID_CLIENT)?;
        if let Some(assertion) = fields.get("client_assertion") {
            let client = shared.books().client(&id).ok_or(INVALID_CLIENT)?;
            let proven = client.auth_method == "private_key_jwt"
                && client_assertion::proves(shared, &id, &client.keys, fields, assertion);
            return proven.then_some(id).ok_or(INVALID_CLIENT);
        }
        let secret = fields.get("client_secret").cloned();
        let method = if secret.is_some() { "client_secret_post" } else { "none" };
        (id, secret, method)
    };
    if client_id.starts_with("https://") && method == "none" {
        return Ok(client_id);
    }
    let client = shared.books().client(&client_id).ok_or(INVALID_CLIENT)?;
    let wanted = shared.script().only_auth_method.unwrap_or(&client.auth_method).to_owned();
    let proven = wanted == method && client.secret == secret;
    proven.then_some(client_id).ok_or(INVALID_CLIENT)
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    let pair = format!("x={text}");
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn exchange(
    shared: &Shared,
    script: &AuthorizationScript,
    fields: &Fields,
    client_id: &str,
) -> Result<Value, Refusal> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let code = shared.books().take_code(field("code")).ok_or(INVALID_GRANT)?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
    let rightful = code.family.client_id == client_id
        && code.redirect_uri == field("redirect_uri")
        && code.challenge == challenge;
    if !rightful {
        return Err(INVALID_GRANT);
    }
    let family = shared.books().open_family(code.family);
    let refreshable = script.refresh_tokens != RefreshTokens::Absent;
    Ok(issue(shared, script, family, refreshable))
}

fn refresh(
    shared: &Shared,
    script: &AuthorizationScript,
    fields: &Fields,
    client_id: &str,
) -> Result<Value, Refusal> {
    let presented = fields.get("refresh_token").map(String::as_str).unwrap_or_default();
    let policy = script.refresh_tokens;
    let used = shared.books().use_refresh_token(presented, client_id, policy);
    let family = used.ok_or(INVALID_GRANT)?;
    if script.refresh_kills_access_token {
        shared.books().kill_access_tokens_of(family);
    }
    let rotates = matches!(policy, RefreshTokens::Strict | RefreshTokens::Grace);
    Ok(issue(shared, script, family, rotates))
}

pub(super) fn issue(
    shared: &Shared,
    script: &AuthorizationScript,
    family: usize,
    with_refresh: bool,
) -> Value {
    let grant = shared.books().family(family);
    let expires_at = shared.clock.now().plus(script.token_lifetime);
    let access_token = match &script.access_tokens {
        AccessTokens::Opaque => shared.books().secret("at"),
        AccessTokens::Jwt(audience) => signed(&json!({
            "iss": shared.issuer,
            "sub": grant.user,
            "aud": audience.clone().or_else(|| grant.resource.clone()),
            "exp": expires_at.as_seconds(),
            "jti": random_text(),
        })),
    };
    shared.books().save_access_token(family, &access_token, expires_at);
    let mut answer = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": script.token_lifetime.as_secs(),
    });
    if !grant.scopes.is_empty() {
        answer["scope"] = json!(grant.scopes.join(" "));
    }
    if with_refresh {
        answer["refresh_token"] = json!(shared.books().issue_refresh_token(family));
    }
    if script.id_token {
        let email = format!("{}@people.example", grant.user);
        let claims = json!({"iss": shared.issuer, "sub": grant.user, "aud": grant.client_id,
            "name": grant.user, "email": email, "exp": expires_at.as_seconds()});
        answer["id_token"] = json!(signed(&claims));
    }
    merge(&mut answer, &script.token);
    answer
}

fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(KEY))
        .expect("claims are plain JSON")
}

fn form_encoded(token: &Value) -> Response {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in token.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        form.append_pair(name, &text);
    }
    let headers = [(CONTENT_TYPE, "application/x-www-form-urlencoded")];
    (headers, form.finish()).into_response()
}
