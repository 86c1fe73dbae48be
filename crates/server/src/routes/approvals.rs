//! Calls of tools that wait for a person, and the person's decision.

use axum::{
    Json as JsonBody,
    extract::{Path, State, rejection::PathRejection},
};
use keyway_gateway::policy::approvals;
use keyway_model::ApprovalId;

use crate::{
    documents::{
        approval::{Approvals, Decide, Decided},
        problem,
    },
    error::Problem,
    extract::{
        caller::{RestCaller, SessionCaller},
        json::Json,
    },
    state::AppState,
};

/// Lists the calls that wait for a person.
#[utoipa::path(
    get,
    path = "/api/v1/approvals",
    responses(
        (status = OK, description = "The calls", body = Approvals),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "tools"
)]
pub(crate) async fn list_approvals(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
) -> Result<JsonBody<Approvals>, Problem> {
    Ok(JsonBody(approvals::waiting(&app.gateway, &caller).await?.into()))
}

/// Decides about a call that waits. Takes a session of the user: a person, not the caller of the tool.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{approval_id}",
    params(("approval_id" = String, Path, description = "The approval's id")),
    request_body = Decide,
    responses(
        (status = OK, description = "It is decided", body = Decided),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "tools"
)]
pub(crate) async fn decide_approval(
    State(app): State<AppState>,
    SessionCaller(caller): SessionCaller,
    path: Result<Path<String>, PathRejection>,
    Json(body): Json<Decide>,
) -> Result<JsonBody<Decided>, Problem> {
    let Path(id) = path?;
    let id: ApprovalId = id.parse().map_err(|_| Problem::not_found("there is no such approval"))?;
    approvals::decide(&app.gateway, &caller, id, body.decision).await?;
    Ok(JsonBody(Decided { id: id.to_string(), decision: body.decision }))
}
