//! What protects the server's other door: an authorization server that gives each user a token of their
//! own and counts its token requests. A call with another user's token is refused.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    call,
    upstream::{self, Count},
};

/// The user whose first token ends at once.
pub(crate) const STORM_USER: &str = "storm";
/// How long the first token of [`STORM_USER`] lives.
pub(crate) const STORM_EXPIRY: Duration = Duration::from_secs(1);
/// How long each token request of [`STORM_USER`] takes, so that the calls of a storm find it under way.
const TOKEN_TIME: Duration = Duration::from_millis(100);

type Issued = Arc<Mutex<HashMap<String, u64>>>;

/// Where the server takes the calls of a user.
pub(crate) fn path(user: &str) -> String {
    format!("/users/{user}{}", call::PATH)
}

/// Where it is told how many token requests a user's connector made.
pub(crate) fn count_path(user: &str) -> String {
    format!("/token-requests/{user}")
}

/// The protected door and its authorization server.
pub(crate) fn router(count: Count) -> Router {
    let issued = Issued::default();
    let door = Router::new().route("/users/{user}/mcp", post(answer)).with_state(count);
    Router::new()
        .route("/.well-known/oauth-protected-resource/users/{user}/mcp", get(resource))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/token", post(token))
        .route("/token-requests/{user}", get(token_requests))
        .with_state(issued)
        .merge(door)
}

async fn answer(
    State(count): State<Count>,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    count.fetch_add(1, Ordering::Relaxed);
    if is_of(&user, &headers) {
        return upstream::answer_to(&body);
    }
    let metadata =
        format!("{}/.well-known/oauth-protected-resource{}", origin(&headers), path(&user));
    let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

/// Whether the call shows a token of this user.
fn is_of(user: &str, headers: &HeaderMap) -> bool {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let owner = token.and_then(|token| token.strip_prefix("Bearer ")?.rsplit_once('.'));
    owner.is_some_and(|(owner, _)| owner == user)
}

async fn resource(Path(user): Path<String>, headers: HeaderMap) -> Json<Value> {
    let origin = origin(&headers);
    Json(json!({"resource": format!("{origin}{}", path(&user)), "authorization_servers": [origin]}))
}

async fn metadata(headers: HeaderMap) -> Json<Value> {
    let origin = origin(&headers);
    Json(json!({"issuer": origin, "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"), "response_types_supported": ["code"],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "code_challenge_methods_supported": ["S256"]}))
}

/// What is read of a token request: each user's connector is a client of its own.
#[derive(Deserialize)]
struct TokenRequest {
    client_id: String,
}

async fn token(State(issued): State<Issued>, Form(request): Form<TokenRequest>) -> Json<Value> {
    let user = request.client_id;
    if user == STORM_USER {
        tokio::time::sleep(TOKEN_TIME).await;
    }
    let mut issued = issued.lock().unwrap_or_else(PoisonError::into_inner);
    let number = issued.entry(user.clone()).or_default();
    *number += 1;
    let expires_in = if user == STORM_USER && *number == 1 { STORM_EXPIRY.as_secs() } else { 3600 };
    let token = format!("{user}.{number}");
    Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in}))
}

async fn token_requests(State(issued): State<Issued>, Path(user): Path<String>) -> String {
    let issued = issued.lock().unwrap_or_else(PoisonError::into_inner);
    issued.get(&user).copied().unwrap_or(0).to_string()
}

/// The server's origin, as the request has it.
pub(crate) fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::bearer;

    #[test]
    fn a_token_is_of_one_user_alone() {
        let headers = HeaderMap::from_iter([bearer("user-1.7").expect("a token")]);
        assert!(is_of("user-1", &headers));
        assert!(!is_of("user-2", &headers) && !is_of("user", &headers));
        assert!(!is_of("user-1", &HeaderMap::new()));
    }
}
