//! A door whose authorization server lets a person in at once, gives a new refresh token with each refresh,
//! and ends the whole family of tokens when one that is spent is shown again (RFC 9700 §4.14.2). It counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{call, grants::origin, upstream};

/// Of the issuer.
const PATH: &str = "/rotating";
/// What a refresh token begins with, and no access token.
const REFRESH: &str = "refresh:";
/// Where the authorization server is told how to behave.
pub(crate) const BEHAVIOUR_PATH: &str = "/rotating/behaviour";
/// Where it tells what it counted since.
pub(crate) const COUNTS_PATH: &str = "/rotating/counts";

/// Where the server takes the calls of a user.
pub(crate) fn path(user: &str) -> String {
    format!("{PATH}/users/{user}{}", call::PATH)
}

/// How the authorization server behaves from now on.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Behaviour {
    /// How long the tokens live that it gives, in ms.
    pub(crate) lifetime: u64,
    /// How long a refresh takes, in ms.
    pub(crate) delay: u64,
    /// Whether the refresh token is spent at the end of that time, not at its beginning.
    pub(crate) spends_late: bool,
}

/// What it counted.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Refreshes that were asked for.
    pub(crate) refreshes: u64,
    /// Refresh tokens that were spent already when they were shown.
    pub(crate) reused: u64,
    /// Refreshes under way now.
    pub(crate) under_way: u64,
    /// The most that were at one time.
    pub(crate) most_at_once: u64,
    /// Calls without a token that works.
    pub(crate) refused_calls: u64,
}

/// The tokens that came of a user's sign-in, numbered from 1; the last is the one to refresh with.
#[derive(Default)]
struct Family {
    ends: Vec<Instant>,
    is_ended: bool,
}

struct Tokens {
    behaviour: Behaviour,
    counts: Counts,
    families: HashMap<String, Family>,
}

type Shared = Arc<Mutex<Tokens>>;

fn locked(tokens: &Shared) -> MutexGuard<'_, Tokens> {
    tokens.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tokens {
    /// Gives the family of this user's another token of either kind.
    fn give(&mut self, user: &str) -> Json<Value> {
        let family = self.families.entry(user.to_owned()).or_default();
        let lifetime = Duration::from_millis(self.behaviour.lifetime);
        family.ends.push(Instant::now() + lifetime);
        let token = format!("{user}.{}", family.ends.len());
        Json(json!({"access_token": token, "refresh_token": format!("{REFRESH}{token}"),
            "token_type": "Bearer", "expires_in": lifetime.as_secs()}))
    }

    /// Spends a refresh token; one that is spent ends its family.
    fn spend(&mut self, token: &str) -> Option<Json<Value>> {
        let (user, number) = parts(token.strip_prefix(REFRESH)?)?;
        let family = self.families.get_mut(user)?;
        if number != family.ends.len() {
            self.counts.reused += 1;
            family.is_ended = true;
        }
        if family.is_ended { None } else { Some(self.give(user)) }
    }

    /// Whether a call of this user shows an access token that works.
    fn admits(&self, user: &str, token: &str) -> bool {
        let Some((owner, number)) = parts(token) else { return false };
        let family = self.families.get(owner).filter(|family| !family.is_ended && owner == user);
        let end = family.and_then(|family| family.ends.get(number.checked_sub(1)?));
        end.is_some_and(|end| Instant::now() < *end)
    }
}

/// Whose token it is, and its number.
fn parts(token: &str) -> Option<(&str, usize)> {
    let (user, number) = token.rsplit_once('.')?;
    Some((user, number.parse().ok()?))
}

/// The door and its authorization server.
pub(crate) fn router() -> Router {
    let behaviour = Behaviour { lifetime: 3_600_000, delay: 0, spends_late: false };
    let (counts, families) = (Counts::default(), HashMap::new());
    Router::new()
        .route("/rotating/users/{user}/mcp", post(answer))
        .route("/.well-known/oauth-protected-resource/rotating/users/{user}/mcp", get(resource))
        .route("/.well-known/oauth-authorization-server/rotating", get(metadata))
        .route("/rotating/authorize", get(authorize))
        .route("/rotating/token", post(token))
        .route(BEHAVIOUR_PATH, post(behave))
        .route(COUNTS_PATH, get(counted))
        .with_state(Arc::new(Mutex::new(Tokens { behaviour, counts, families })))
}

async fn answer(
    State(tokens): State<Shared>,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|token| token.strip_prefix("Bearer "));
    if token.is_some_and(|token| locked(&tokens).admits(&user, token)) {
        return upstream::answer_to(&body);
    }
    locked(&tokens).counts.refused_calls += 1;
    let metadata =
        format!("{}/.well-known/oauth-protected-resource{}", origin(&headers), path(&user));
    let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

async fn resource(Path(user): Path<String>, headers: HeaderMap) -> Json<Value> {
    let origin = origin(&headers);
    Json(json!({"resource": format!("{origin}{}", path(&user)),
        "authorization_servers": [format!("{origin}{PATH}")]}))
}

async fn metadata(headers: HeaderMap) -> Json<Value> {
    let issuer = format!("{}{PATH}", origin(&headers));
    Json(json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"]}))
}

/// What is read of an authorization request: each user's connector is a client of its own.
#[derive(Deserialize)]
struct AuthorizationRequest {
    client_id: String,
    redirect_uri: String,
    state: String,
}

/// Asks nobody: the client's name is the code.
async fn authorize(Query(request): Query<AuthorizationRequest>) -> Redirect {
    let AuthorizationRequest { client_id, redirect_uri, state } = request;
    Redirect::to(&format!("{redirect_uri}?code={client_id}&state={state}"))
}

/// What is read of a token request.
#[derive(Deserialize)]
#[serde(tag = "grant_type", rename_all = "snake_case")]
enum TokenRequest {
    AuthorizationCode { code: String },
    RefreshToken { refresh_token: String },
}

async fn token(State(tokens): State<Shared>, Form(request): Form<TokenRequest>) -> Response {
    match request {
        TokenRequest::AuthorizationCode { code } => locked(&tokens).give(&code).into_response(),
        TokenRequest::RefreshToken { refresh_token } => refresh(tokens, &refresh_token).await,
    }
}

/// A client that goes away ends it where it stands.
async fn refresh(tokens: Shared, refresh_token: &str) -> Response {
    let under_way = UnderWay::of(tokens.clone());
    let Behaviour { delay, spends_late, .. } = locked(&tokens).behaviour;
    let delay = tokio::time::sleep(Duration::from_millis(delay));
    let given = if spends_late {
        delay.await;
        locked(&tokens).spend(refresh_token)
    } else {
        let given = locked(&tokens).spend(refresh_token);
        delay.await;
        given
    };
    drop(under_way);
    match given {
        Some(given) => given.into_response(),
        None => (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response(),
    }
}

/// A refresh, counted until it ends.
struct UnderWay(Shared);

impl UnderWay {
    fn of(tokens: Shared) -> Self {
        {
            let counts = &mut locked(&tokens).counts;
            counts.refreshes += 1;
            counts.under_way += 1;
            counts.most_at_once = counts.most_at_once.max(counts.under_way);
        }
        Self(tokens)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        locked(&self.0).counts.under_way -= 1;
    }
}

/// Behaves so from now on, and counts anew.
async fn behave(State(tokens): State<Shared>, Json(behaviour): Json<Behaviour>) {
    let mut tokens = locked(&tokens);
    tokens.behaviour = behaviour;
    let under_way = tokens.counts.under_way;
    tokens.counts = Counts { under_way, ..Counts::default() };
}

async fn counted(State(tokens): State<Shared>) -> Json<Counts> {
    Json(locked(&tokens).counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(lifetime: u64) -> Tokens {
        let behaviour = Behaviour { lifetime, delay: 0, spends_late: false };
        Tokens { behaviour, counts: Counts::default(), families: HashMap::new() }
    }

    #[test]
    fn a_spent_refresh_token_ends_its_family_and_no_other() {
        let mut tokens = tokens(60_000);
        let _ = (tokens.give("ana"), tokens.give("ben"));
        assert!(tokens.spend("refresh:ana.1").is_some() && tokens.admits("ana", "ana.2"));
        assert!(tokens.spend("refresh:ana.1").is_none());
        assert!(tokens.spend("refresh:ana.2").is_none() && !tokens.admits("ana", "ana.2"));
        assert!(tokens.admits("ben", "ben.1"));
        assert_eq!(tokens.counts.reused, 1);
    }

    #[test]
    fn an_access_token_works_for_its_user_until_it_ends() {
        let mut tokens = tokens(60_000);
        let _ = tokens.give("ana");
        assert!(tokens.admits("ana", "ana.1"));
        assert!(!tokens.admits("ben", "ana.1") && !tokens.admits("ana", "ana.0"));
        tokens.behaviour.lifetime = 0;
        let _ = tokens.give("ana");
        assert!(!tokens.admits("ana", "ana.2"));
    }
}
