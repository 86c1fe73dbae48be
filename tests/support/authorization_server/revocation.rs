//! Token revocation (RFC 7009), with the client authentication the client is registered with.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};

use super::{Shared, token::authenticate};
use crate::serving::Connection;

pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = shared.script().revocation_fault.clone();
    if let Some(fault) = fault {
        return fault.play(&connection).await;
    }
    let fields: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    if let Err(refusal) = authenticate(&shared, &headers, &fields) {
        return refusal.into_response();
    }
    if let Some(token) = fields.get("token") {
        shared.books().revoke(token);
    }
    StatusCode::OK.into_response()
}
