//! The catalog: the MCP servers to pick from.

use axum::{Json as JsonBody, extract::State};

use crate::{
    documents::{catalog::PresetList, problem},
    extract::caller::RestCaller,
    state::AppState,
};

/// The MCP servers to pick from: Keyway's own presets and the operator's.
#[utoipa::path(
    get,
    path = "/api/v1/catalog",
    responses(
        (status = OK, description = "The presets", body = PresetList),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn show_catalog(
    State(app): State<AppState>,
    _caller: RestCaller,
) -> JsonBody<PresetList> {
    JsonBody(PresetList::of(&app.context.settings.catalog))
}
