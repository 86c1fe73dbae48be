//! The personal tokens of a user.

use axum::{
    Json as JsonBody,
    extract::{Path, State},
    http::StatusCode,
};

use crate::{
    documents::{
        personal_token::{NewPersonalToken, PersonalTokenMade, PersonalTokens},
        problem,
    },
    error::Problem,
    extract::{
        caller::{PageCaller, RestCaller},
        json::Json,
    },
    identity::personal_tokens,
    state::AppState,
};

/// Makes a personal token. Takes the session cookie of Keyway's own page, and no bearer.
#[utoipa::path(
    post,
    path = "/api/v1/personal-tokens",
    request_body = NewPersonalToken,
    responses(
        (status = CREATED, description = "The token, shown once", body = PersonalTokenMade),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sessions"
)]
pub(crate) async fn create_personal_token(
    State(app): State<AppState>,
    PageCaller(caller): PageCaller,
    Json(body): Json<NewPersonalToken>,
) -> Result<(StatusCode, JsonBody<PersonalTokenMade>), Problem> {
    let made = personal_tokens::create(&app, caller, body).await?;
    Ok((StatusCode::CREATED, JsonBody(made)))
}

/// Lists the caller's personal tokens, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/personal-tokens",
    responses(
        (status = OK, description = "The tokens", body = PersonalTokens),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sessions"
)]
pub(crate) async fn list_personal_tokens(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
) -> Result<JsonBody<PersonalTokens>, Problem> {
    Ok(JsonBody(personal_tokens::list(&app, &caller).await?))
}

/// Revokes a personal token. Streams that were opened with it end.
#[utoipa::path(
    delete,
    path = "/api/v1/personal-tokens/{id}",
    params(("id" = String, Path, description = "The token's id")),
    responses(
        (status = NO_CONTENT, description = "The token is good for nothing any more"),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sessions"
)]
pub(crate) async fn revoke_personal_token(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("there is no such personal token"))?;
    personal_tokens::revoke(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
