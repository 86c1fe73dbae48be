//! The OpenAPI document, made of the very handlers that the router serves.

use axum::{Json, extract::State, response::IntoResponse};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{router, routes::mcp};

/// The frame of the document; the paths come from the router.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Keyway",
        description = "The connector manager's API. `{id}` is a connector's id or slug everywhere."
    ),
    tags(
        (name = "connectors", description = "The caller's MCP servers"),
        (name = "sign-in", description = "Signing in to a connector and out of it"),
        (name = "tools", description = "Listing and calling tools"),
        (name = "activity", description = "What happened, and what changes"),
        (name = "mcp", description = "Connectors as MCP servers"),
        (name = "sessions", description = "Sessions of browsers, and tokens of users"),
        (name = "operations", description = "For the operator"),
    ),
    modifiers(&Bearer),
    security(("bearer" = []), ())
)]
pub(crate) struct Frame;

/// The bearer tokens that the door takes.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A JWT of the host application, a service key with `Keyway-User`, a session token, or a \
             personal token",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// The document of this version.
pub fn document() -> utoipa::openapi::OpenApi {
    with_distinct_operations(router::api().into_openapi())
}

/// A handler of several methods gives its name to each; the method tells them apart.
pub(crate) fn with_distinct_operations(
    mut document: utoipa::openapi::OpenApi,
) -> utoipa::openapi::OpenApi {
    for (path, name) in [(mcp::PATH, "proxy"), (mcp::ALL, "aggregate")] {
        let Some(item) = document.paths.paths.get_mut(path) else { continue };
        let operations =
            [("get", &mut item.get), ("post", &mut item.post), ("delete", &mut item.delete)];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(format!("{method}_{name}"));
            }
        }
    }
    document
}

/// The document as it is kept beside the code: indented JSON with a line break at its end.
///
/// # Errors
/// Where it has no JSON form.
pub fn document_text() -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&document())? + "\n")
}

/// Serves the document.
pub(crate) async fn serve(
    State(document): State<std::sync::Arc<utoipa::openapi::OpenApi>>,
) -> impl IntoResponse {
    Json((*document).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_beside_the_code_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == document_text().unwrap(), "run `make openapi` and commit openapi.json");
    }

    #[test]
    fn a_client_can_be_generated_from_the_document() {
        let document = serde_json::to_value(document()).unwrap();
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(
                document["components"]["schemas"].get(name).is_some(),
                "{name} is not described"
            );
        }
        let mut ids = std::collections::HashSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for operation in methods.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} twice");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let name = parameter["name"].as_str().unwrap();
                    let in_path = path.contains(&format!("{{{name}}}"));
                    assert_eq!(parameter["in"] == "path", in_path, "{name} of {path}");
                }
            }
        }
    }

    #[test]
    fn every_operation_says_what_it_answers() {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.contains_key("/api/v1/connectors/{id}/oauth/start"));
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
            }
        }
    }
}
