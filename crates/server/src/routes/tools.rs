//! Tools over REST, for hosts with a tool loop of their own; and the test of a connector.

use axum::{
    Json as JsonBody,
    extract::{Query, State, rejection::QueryRejection},
};
use keyway_gateway::tools;
use serde_json::value::RawValue;

use crate::{
    documents::{
        catalogue::{ListToolsQuery, ToolCatalogue},
        problem,
        tool::{CallTool, ChangeTool, TestReport, Tool, Tools},
    },
    error::Problem,
    extract::{
        caller::{RestCaller, ToolCaller},
        json::Json,
        key::{Key, ToolKey},
    },
    state::AppState,
};

/// Contacts a connector's server for real and says whether it works.
#[utoipa::path(
    post,
    path = "/api/v1/connectors/{id}/test",
    params(("id" = String, Path, description = "The connector's id or slug")),
    responses(
        (status = OK, description = "Whether it works", body = TestReport),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn test_connector(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
) -> Result<JsonBody<TestReport>, Problem> {
    Ok(JsonBody(tools::test(&app.gateway, &caller, &key).await?.into()))
}

/// Lists the tools of a connector.
#[utoipa::path(
    get,
    path = "/api/v1/connectors/{id}/tools",
    params(("id" = String, Path, description = "The connector's id or slug")),
    responses(
        (status = OK, description = "The tools", body = Tools),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "tools"
)]
pub(crate) async fn list_connector_tools(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
) -> Result<JsonBody<Tools>, Problem> {
    Ok(JsonBody(tools::of_connector(&app.gateway, &caller, &key).await?.into()))
}

/// Changes how a tool may be called, or accepts that it changed.
#[utoipa::path(
    patch,
    path = "/api/v1/connectors/{id}/tools/{tool}",
    params(
        ("id" = String, Path, description = "The connector's id or slug"),
        ("tool" = String, Path, description = "The tool's name at the server"),
    ),
    request_body = ChangeTool,
    responses(
        (status = OK, description = "The tool as it is now", body = Tool),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "tools"
)]
pub(crate) async fn change_tool(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    ToolKey { connector, tool }: ToolKey,
    Json(body): Json<ChangeTool>,
) -> Result<JsonBody<Tool>, Problem> {
    let changed = tools::change(&app.gateway, &caller, &connector, &tool, body.into()).await?;
    Ok(JsonBody(changed.into()))
}

/// Lists the tools of all of the caller's connectors.
#[utoipa::path(
    get,
    path = "/api/v1/tools",
    params(ListToolsQuery),
    responses(
        (status = OK, description = "The tools, and what is not there", body = ToolCatalogue),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "tools"
)]
pub(crate) async fn list_tools(
    State(app): State<AppState>,
    ToolCaller(caller): ToolCaller,
    query: Result<Query<ListToolsQuery>, QueryRejection>,
) -> Result<JsonBody<ToolCatalogue>, Problem> {
    let Query(query) = query?;
    let all = tools::list_all(&app.gateway, &caller).await?;
    Ok(JsonBody(ToolCatalogue::new(all, query.format, &app.context.settings.public_url)))
}

/// Calls a tool and answers its MCP result, as the server sent it.
#[utoipa::path(
    post,
    path = "/api/v1/tools/call",
    request_body = CallTool,
    responses(
        (status = OK, description = "The MCP result", body = serde_json::Value),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "tools"
)]
pub(crate) async fn call_tool(
    State(app): State<AppState>,
    ToolCaller(caller): ToolCaller,
    Json(body): Json<CallTool>,
) -> Result<JsonBody<Box<RawValue>>, Problem> {
    Ok(JsonBody(tools::call(&app.gateway, &caller, body.try_into()?).await?))
}
