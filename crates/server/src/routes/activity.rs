//! What happened, and the stream that tells of what changes.

use axum::{
    Json as JsonBody,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderName,
    response::{IntoResponse, Response, Sse},
};
use keyway_connectors::audit;

use crate::{
    documents::{
        activity::{ActivityPage, ActivityQuery},
        problem,
    },
    error::Problem,
    events,
    extract::caller::{RestCaller, Shown},
    state::AppState,
};

/// Proxies are asked not to hold the stream back.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Lists what happened to the caller's connectors, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/activity",
    params(ActivityQuery),
    responses(
        (status = OK, description = "A page of it", body = ActivityPage),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "activity"
)]
pub(crate) async fn list_activity(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    query: Result<Query<ActivityQuery>, QueryRejection>,
) -> Result<JsonBody<ActivityPage>, Problem> {
    let Query(query) = query?;
    let (connector, before, limit) = (query.connector()?, query.before()?, query.limit()?);
    let page = audit::list(&app.context, &caller, connector.as_ref(), before, limit).await?;
    Ok(JsonBody(page.into()))
}

/// Streams what changes of the caller's own as server-sent events, each with one line of JSON:
/// `connector.updated`, `connector.deleted`, `authorization_session.updated`, `tools.changed`, `approvals.changed`.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    responses(
        (status = OK, description = "The events, until the credential ends", body = String,
            content_type = "text/event-stream"),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "activity"
)]
pub(crate) async fn stream_events(
    State(app): State<AppState>,
    shown: Shown,
) -> Result<Response, Problem> {
    let events = events::stream(app, shown).await?;
    Ok(([UNBUFFERED], Sse::new(events)).into_response())
}
