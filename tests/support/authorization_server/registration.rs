//! Dynamic client registration (RFC 7591).

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    RegistrationPolicy, Shared,
    books::{Client, ClientKeys},
};
use crate::{merge::merge, serving::Connection};

pub(super) async fn register(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    body: Bytes,
) -> Response {
    let script = shared.script().clone();
    if let Some(fault) = &script.registration_fault {
        return fault.play(&connection).await;
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let signs = request["token_endpoint_auth_method"] == "private_key_jwt";
    let auth_method = match script.registration_policy {
        RegistrationPolicy::NobodyWhoSigns if signs => return refused("invalid_client_metadata"),
        RegistrationPolicy::Nobody => return refused("invalid_client_metadata"),
        RegistrationPolicy::Absent => return StatusCode::NOT_FOUND.into_response(),
        RegistrationPolicy::ConfidentialOnly => "client_secret_post",
        RegistrationPolicy::Anyone | RegistrationPolicy::NobodyWhoSigns => {
            request["token_endpoint_auth_method"].as_str().unwrap_or("client_secret_basic")
        }
    };
    let Some(redirect_uris) = redirect_uris(&request) else {
        return refused("invalid_redirect_uri");
    };
    let mut answer = write_down(&shared, &request, auth_method, redirect_uris);
    merge(&mut answer, &script.registration);
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn write_down(shared: &Shared, request: &Value, method: &str, uris: Vec<String>) -> Value {
    let mut books = shared.books();
    let signs = method == "private_key_jwt";
    let secret = (method != "none" && !signs).then(|| books.secret("client-secret"));
    let mut answer = request.clone();
    answer["token_endpoint_auth_method"] = json!(method);
    if let Some(secret) = &secret {
        answer["client_secret"] = json!(secret);
        answer["client_secret_expires_at"] = json!(0);
    }
    let keys = match (request["jwks_uri"].as_str(), &request["jwks"]) {
        (Some(address), _) => ClientKeys::At(address.to_owned()),
        (None, Value::Null) => ClientKeys::None,
        (None, set) => ClientKeys::Set(set.clone()),
    };
    let client = Client { secret, auth_method: method.to_owned(), keys, redirect_uris: uris };
    answer["client_id"] = json!(books.register(client));
    answer["client_id_issued_at"] = json!(shared.clock.now().as_seconds());
    answer
}

fn redirect_uris(request: &Value) -> Option<Vec<String>> {
    let uris = request["redirect_uris"].as_array()?;
    let uris: Option<Vec<_>> = uris.iter().map(|uri| uri.as_str().map(str::to_owned)).collect();
    uris.filter(|uris| !uris.is_empty())
}

fn refused(error: &str) -> Response {
    let body = json!({"error": error, "error_description": "scripted"});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
