//! The transparent proxy: one connector as the MCP server it is.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use keyway_gateway::proxy::{self, ProxyRequest};

use crate::{
    error::Problem,
    extract::{caller::McpCaller, json::McpBody, key::Key},
    state::AppState,
};

/// Where a connector is served as the MCP server it is.
pub(crate) const PATH: &str = "/mcp/{connector}";

/// Hands an MCP request on to the connector's server and streams what it answers.
#[utoipa::path(
    method(get, post, delete),
    path = PATH,
    params(("connector" = String, Path, description = "The connector's id or slug")),
    responses(
        (status = "default", description = "What the MCP server answers, or a problem"),
    ),
    tag = "mcp"
)]
pub(crate) async fn proxy(
    State(app): State<AppState>,
    McpCaller(caller): McpCaller,
    Key(key): Key,
    method: Method,
    headers: HeaderMap,
    McpBody(body): McpBody,
) -> Result<Response, Problem> {
    let request = ProxyRequest { method, headers, body };
    let response = proxy::forward(&app.gateway, &caller, &key, request).await?;
    Ok(response.map(Body::new))
}
