//! The two doors for MCP: the transparent proxy, one connector as the MCP server it is; and the aggregate
//! endpoint, all of the caller's connectors as one.

use axum::{
    extract::{FromRequestParts as _, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, Method},
    response::Response,
};
use hyper::body::Incoming;
use keyway_gateway::{
    aggregate::{self, AggregateRequest, Scope},
    proxy::{self, ProxyRequest},
};
use keyway_model::ConnectorKey;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    error::Problem,
    extract::{caller::McpCaller, json::McpBody, key::Key},
    state::AppState,
};

/// Where a connector is served as the MCP server it is.
pub(crate) const PATH: &str = "/mcp/{connector}";
/// Where all connectors are served as one.
pub(crate) const ALL: &str = "/mcp";

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
    McpCaller(caller, bounds): McpCaller,
    Key(key): Key,
    method: Method,
    headers: HeaderMap,
    McpBody(body): McpBody,
) -> Result<Response, Problem> {
    let request = ProxyRequest { method, headers, body };
    let response = proxy::forward(&app.gateway, &caller, &key, request).await?;
    Ok(bounds.hold(&app, &caller, response))
}

/// The connector that a request for [`proxy`] names, where its method and path leave no question. All other
/// requests are for the router to judge.
pub(crate) fn called_connector<B>(request: &Request<B>) -> Option<ConnectorKey> {
    let served = matches!(*request.method(), Method::GET | Method::POST | Method::DELETE);
    let name = request.uri().path().strip_prefix("/mcp/").filter(|_| served)?;
    name.parse().ok()
}

/// [`proxy`] without the router, for a connector that [`called_connector`] found.
pub(crate) fn call(
    app: AppState,
    key: ConnectorKey,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response, Problem>> {
    let (mut parts, body) = request.into_parts();
    async move {
        let McpCaller(caller, bounds) = McpCaller::from_request_parts(&mut parts, &app).await?;
        let McpBody(body) = McpBody::read(&parts.headers, body).await?;
        let request = ProxyRequest { method: parts.method, headers: parts.headers, body };
        let response = proxy::forward(&app.gateway, &caller, &key, request).await?;
        Ok(bounds.hold(&app, &caller, response))
    }
}

/// Which connectors are served as one.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeQuery {
    /// Ids or slugs, with commas between them; all connectors where it is left out.
    connectors: Option<String>,
    /// `plain`: the names of the one connector that is named stay as they are.
    names: Option<String>,
}

/// All of the caller's connectors that are switched on, as one MCP server.
#[utoipa::path(
    method(get, post, delete),
    path = ALL,
    params(ScopeQuery),
    responses(
        (status = "default", description = "What the MCP specification says, or a problem"),
    ),
    tag = "mcp"
)]
pub(crate) async fn aggregate(
    State(app): State<AppState>,
    McpCaller(caller, bounds): McpCaller,
    query: Result<Query<ScopeQuery>, QueryRejection>,
    method: Method,
    headers: HeaderMap,
    McpBody(body): McpBody,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let scope = Scope::read(query.connectors.as_deref(), query.names.as_deref())?;
    let request = AggregateRequest { method, headers, body };
    let response = aggregate::serve(&app.gateway, &caller, scope, request).await?;
    Ok(bounds.hold(&app, &caller, response))
}
