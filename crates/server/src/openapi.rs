//! The OpenAPI document. It is made of the very handlers that the router serves, and kept beside the code:
//! what is kept is what is served, so that a server does not make it anew at each start.

use axum::{
    http::{HeaderValue, header},
    response::IntoResponse,
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{router, routes::mcp};

/// The document of this version, as `keyway openapi` writes it.
const KEPT: &str = include_str!("../../../openapi.json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

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
struct Frame;

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

/// The document of this version, made of the code.
pub fn document() -> utoipa::openapi::OpenApi {
    with_distinct_operations(Frame::openapi().merge_from(router::Described::openapi()))
}

/// A handler of several methods gives its name to each; the method tells them apart.
fn with_distinct_operations(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
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
pub(crate) async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], KEPT)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn the_document_that_is_served_is_what_the_code_describes() {
        assert!(KEPT == document_text().unwrap(), "run `make openapi` and commit openapi.json");
    }

    #[test]
    fn every_route_is_described_as_it_is_served() {
        let document = serde_json::to_value(document()).unwrap();
        let described: BTreeMap<_, BTreeSet<_>> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, methods)| {
                (path.as_str(), methods.as_object().unwrap().keys().map(String::as_str).collect())
            })
            .collect();
        let served: BTreeMap<_, BTreeSet<_>> = router::ROUTES
            .iter()
            .map(|(path, methods)| (*path, methods.iter().copied().collect()))
            .collect();
        assert_eq!(described, served);
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
        let mut ids = BTreeSet::new();
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
