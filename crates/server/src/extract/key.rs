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

/// The two parameters of the path: the connector, and the tool's name at its server.
pub(crate) struct ToolKey {
    /// The connector, as [`Key`] has it.
    pub(crate) connector: ConnectorKey,
    /// The tool's name, with whatever it holds.
    pub(crate) tool: String,
}

impl FromRequestParts<AppState> for ToolKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let Path((key, tool)) = Path::<(String, String)>::from_request_parts(parts, app).await?;
        let unknown = |_| Problem::not_found("there is no such connector");
        Ok(Self { connector: key.parse().map_err(unknown)?, tool })
    }
}
