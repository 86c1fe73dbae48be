//! The caller's connectors: made, listed, shown, changed, deleted.

use axum::{
    Json as JsonBody,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use keyway_connectors::registry::{self, ConnectorView};

use crate::{
    documents::{
        connector::{Connector, ConnectorPatch, Connectors, CreateConnector},
        problem,
    },
    error::Problem,
    extract::{caller::RestCaller, json::Json, key::Key},
    state::AppState,
};

/// A connector with its entity tag.
type Tagged = ([(HeaderName, HeaderValue); 1], JsonBody<Connector>);

/// Lists the caller's connectors.
#[utoipa::path(
    get,
    path = "/api/v1/connectors",
    responses(
        (status = OK, description = "The connectors", body = Connectors),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn list_connectors(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
) -> Result<JsonBody<Connectors>, Problem> {
    let views = registry::list(&app.context, &caller).await?;
    let connectors = views.into_iter().map(Connector::from).collect();
    Ok(JsonBody(Connectors { connectors }))
}

/// Makes a connector.
#[utoipa::path(
    post,
    path = "/api/v1/connectors",
    request_body = CreateConnector,
    responses(
        (status = CREATED, description = "The connector", body = Connector),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn create_connector(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Json(body): Json<CreateConnector>,
) -> Result<(StatusCode, Tagged), Problem> {
    let connector = registry::create(&app.context, &caller, body.into()).await?;
    Ok((StatusCode::CREATED, tagged(connector)))
}

/// Shows a connector.
#[utoipa::path(
    get,
    path = "/api/v1/connectors/{id}",
    params(("id" = String, Path, description = "The connector's id or slug")),
    responses(
        (status = OK, description = "The connector", body = Connector),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn show_connector(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
) -> Result<Tagged, Problem> {
    Ok(tagged(registry::find(&app.context, &caller, &key).await?))
}

/// Changes a connector. With `If-Match`, only if it is still as it was read.
#[utoipa::path(
    patch,
    path = "/api/v1/connectors/{id}",
    params(("id" = String, Path, description = "The connector's id or slug")),
    request_body = ConnectorPatch,
    responses(
        (status = OK, description = "The connector as it is now", body = Connector),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn change_connector(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
    headers: HeaderMap,
    Json(body): Json<ConnectorPatch>,
) -> Result<Tagged, Problem> {
    let expected = expected_revision(&headers);
    let changed = registry::change(&app.context, &caller, &key, expected, body.into()).await?;
    Ok(tagged(changed))
}

/// Deletes a connector with everything that was sealed for it.
#[utoipa::path(
    delete,
    path = "/api/v1/connectors/{id}",
    params(("id" = String, Path, description = "The connector's id or slug")),
    responses(
        (status = NO_CONTENT, description = "It is gone"),
        (status = "default", description = "A problem", body = problem::Problem,
            content_type = "application/problem+json"),
    ),
    tag = "connectors"
)]
pub(crate) async fn delete_connector(
    State(app): State<AppState>,
    RestCaller(caller): RestCaller,
    Key(key): Key,
) -> Result<StatusCode, Problem> {
    registry::delete(&app.context, &caller, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(view: ConnectorView) -> Tagged {
    // A number in quotes is always a header value.
    let tag = HeaderValue::try_from(format!("\"{}\"", view.connector.revision));
    let tag = tag.unwrap_or_else(|_| HeaderValue::from_static("\"\""));
    ([(header::ETAG, tag)], JsonBody(view.into()))
}

/// The revision that `If-Match` names; `*` and no header name none. A tag that was never given out matches
/// nothing (RFC 9110 §13.1.1), and revisions are never negative.
fn expected_revision(headers: &HeaderMap) -> Option<i64> {
    let value = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default().trim();
    if value == "*" {
        return None;
    }
    let tag = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Some(tag.and_then(|tag| tag.parse().ok()).unwrap_or(-1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_a_revision_or_nothing_that_matches() {
        for (value, revision) in [
            ("\"7\"", Some(7)),
            ("*", None),
            ("7", Some(-1)),
            ("W/\"7\"", Some(-1)),
            ("\"x\"", Some(-1)),
        ] {
            let headers =
                HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))]);
            assert_eq!(expected_revision(&headers), revision, "{value}");
        }
        assert_eq!(expected_revision(&HeaderMap::new()), None);
    }
}
