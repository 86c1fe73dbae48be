//! Trying a URL before anything is saved, and finding out what is wrong with a connector.

use axum::{Json as JsonBody, extract::State};
use keyway_connectors::{diagnosis, probe};

use crate::{
    documents::{
        probe::{Diagnosis, ProbeReport, ProbeRequest},
        problem,
    },
    error::Problem,
    extract::{caller::RestCaller, json::Json, key::Key},
    state::AppState,
};

/// Tries a URL and says what it is and what it would need.
#[utoipa::path(
    post,
    path = "/api/v1/connectors/probe",
    request_body = ProbeRequest,
    responses(
        (status = OK, description = "What was found", body = ProbeReport),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn probe_url(
    State(app): State<AppState>,
    _caller: RestCaller,
    Json(body): Json<ProbeRequest>,
) -> Result<JsonBody<probe::ProbeReport>, Problem> {
    let headers = body.headers.unwrap_or_default().0;
    let (egress, settings) = (&app.context.egress, &app.context.settings);
    Ok(JsonBody(probe::probe(egress, settings, &body.url, headers, None).await?))
}

/// Follows the whole way to a connector's server and tells every step. Only the health is updated.
#[utoipa::path(
    post,
    path = "/api/v1/connectors/{id}/diagnose",
    params(("id" = String, Path, description = "The connector's id or slug")),
    responses(
        (status = OK, description = "Every step", body = Diagnosis),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn diagnose_connector(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
) -> Result<JsonBody<diagnosis::Diagnosis>, Problem> {
    Ok(JsonBody(diagnosis::diagnose(&app.context, &caller, &key).await?))
}
