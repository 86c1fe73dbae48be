//! The UserInfo endpoint (OpenID Connect Core 1.0 §5.3): who an access token stands for.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::Shared;
use crate::merge::merge;

pub(super) async fn tell(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let Some(claims) = shared.script().userinfo.clone() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = sent.and_then(|value| value.strip_prefix("Bearer "));
    let known = token.and_then(|token| shared.books().token(token, shared.clock.now()));
    let Some(known) = known else { return StatusCode::UNAUTHORIZED.into_response() };
    let mut answer = json!({"sub": known.user});
    merge(&mut answer, &claims);
    Json(answer).into_response()
}
