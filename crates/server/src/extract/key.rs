//! The connector that a path names, by its id or its slug.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use keyway_model::ConnectorKey;

use crate::{error::Problem, state::AppState};

/// The one parameter of the path, as a connector's id or slug. What can be neither is not found.
pub(crate) struct Key(pub(crate) ConnectorKey);

impl FromRequestParts<AppState> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, app).await?;
        text.parse().map(Self).map_err(|_| Problem::not_found("there is no such connector"))
    }
}
