//! Signing in to a connector and out of it.

use axum::{
    Json as JsonBody,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
};
use keyway_connectors::{
    sign_in::{self, StartOptions},
    sign_out,
};

use crate::{
    documents::{
        problem,
        sign_in::{AuthorizationSession, SignInStarted, SignOutQuery, StartSignIn},
    },
    error::Problem,
    extract::{caller::RestCaller, json::OptionalJson, key::Key},
    state::AppState,
};

/// Begins a sign-in; the browser opens the address it answers.
#[utoipa::path(
    post,
    path = "/api/v1/connectors/{id}/oauth/start",
    params(("id" = String, Path, description = "The connector's id or slug")),
    request_body = Option<StartSignIn>,
    responses(
        (status = OK, description = "It was begun, or is not needed", body = SignInStarted),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sign-in"
)]
pub(crate) async fn start_sign_in(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<StartSignIn>,
) -> Result<JsonBody<SignInStarted>, Problem> {
    let sent_origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let options = StartOptions {
        return_to: body.return_to,
        origin: body.origin.or_else(|| sent_origin.map(str::to_owned)),
        force: body.force.unwrap_or_default(),
    };
    Ok(JsonBody(sign_in::start(&app.context, &caller, &key, options).await?.into()))
}

/// How far a sign-in of the caller's has come.
#[utoipa::path(
    get,
    path = "/api/v1/authorization-sessions/{id}",
    params(("id" = String, Path, description = "The sign-in's id")),
    responses(
        (status = OK, description = "How far it has come", body = AuthorizationSession),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sign-in"
)]
pub(crate) async fn show_authorization_session(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Path(id): Path<String>,
) -> Result<JsonBody<AuthorizationSession>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("there is no such sign-in"))?;
    Ok(JsonBody(sign_in::session_status(&app.context, &caller, id).await?.into()))
}

/// Signs out: revokes and forgets the grant.
#[utoipa::path(
    delete,
    path = "/api/v1/connectors/{id}/oauth",
    params(("id" = String, Path, description = "The connector's id or slug"), SignOutQuery),
    responses(
        (status = NO_CONTENT, description = "Nobody is signed in any more"),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sign-in"
)]
pub(crate) async fn sign_out(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
    query: Result<Query<SignOutQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<StatusCode, Problem> {
    let Query(query) = query?;
    sign_out::sign_out(&app.context, &caller, &key, query.forget_registration).await?;
    Ok(StatusCode::NO_CONTENT)
}
