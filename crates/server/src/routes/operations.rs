//! What an operator's tools ask: is the process alive, is it ready, what has it counted.

use axum::{
    Json as JsonBody,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use metrics::gauge;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    documents::problem,
    error::{Code, Problem},
    state::AppState,
};

const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// That the process is alive, or ready.
#[derive(Serialize, ToSchema)]
#[schema(as = ProcessHealth)]
pub(crate) struct Health {
    /// `ok` in every answer with the status 200.
    status: &'static str,
}

/// Whether the process is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = OK, description = "It is", body = Health)),
    tag = "operations"
)]
pub(crate) async fn healthz() -> JsonBody<Health> {
    JsonBody(Health { status: "ok" })
}

/// Whether work is taken: the database answers and its values open with the keys at hand.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = OK, description = "It is", body = Health),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "operations"
)]
pub(crate) async fn readyz(State(app): State<AppState>) -> Result<JsonBody<Health>, Problem> {
    if !app.is_ready() {
        return Err(Problem::new(Code::ShuttingDown, "this process is about to end"));
    }
    app.context.background.ping().await?;
    app.context.background.check_keys().await.map_err(|error| {
        let detail = "the database is not usable with the keys at hand; the log says more";
        Problem::new(Code::StorageUnavailable, detail).because(error)
    })?;
    Ok(JsonBody(Health { status: "ok" }))
}

/// The counters, as Prometheus reads them. Served on a listener of its own.
pub(crate) async fn metrics(State(app): State<AppState>) -> Response {
    match app.context.background.sealed_value_counts().await {
        Ok(counts) => {
            // A key that seals nothing any more is not counted, and must not keep its last number.
            let unused = app.key_ids.iter().map(|id| (id.clone(), 0));
            for (key_id, count) in unused.chain(counts) {
                gauge!("keyway_sealed_values", "key_id" => key_id).set(as_gauge(count));
            }
        }
        Err(error) => tracing::warn!(%error, "the sealed values could not be counted"),
    }
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], app.metrics.render()).into_response()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floating point; counts are far below 2^53"
)]
fn as_gauge(count: i64) -> f64 {
    count as f64
}
