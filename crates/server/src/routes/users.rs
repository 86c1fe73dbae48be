//! Users as a host's backend sees them.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use keyway_connectors::users;
use keyway_model::UserId;

use crate::{
    documents::problem, error::Problem, extract::caller::Shown, identity::credentials::Credential,
    state::AppState,
};

/// Erases everything of a user, and has their tokens revoked. Takes a service key alone.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{user_id}",
    params(("user_id" = String, Path, description = "The host application's name for the user")),
    responses(
        (status = NO_CONTENT, description = "Nothing of the user is left"),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "sessions"
)]
pub(crate) async fn erase_user(
    State(app): State<AppState>,
    shown: Shown,
    Path(user_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let Shown::Credential(Credential::ServiceKey(key), named) = shown else {
        return Err(Problem::unauthenticated("erasing a user takes a service key"));
    };
    app.identities.service_key(&key).await?;
    let user = UserId::new(user_id).map_err(|error| Problem::invalid(error.to_string()))?;
    if named.is_some_and(|named| named != user) {
        return Err(Problem::user_header("Keyway-User names another user than the path does"));
    }
    users::erase(&app.context, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
