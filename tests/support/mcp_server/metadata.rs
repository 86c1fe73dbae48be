//! The protected resource metadata (RFC 9728) and where it is found.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{ENDPOINT, Protection, Shared};
use crate::{fault::Fault, merge::merge, serving::Connection};

pub(super) const AT_PATH: &str = "/.well-known/oauth-protected-resource/mcp";
pub(super) const AT_ROOT: &str = "/.well-known/oauth-protected-resource";
pub(super) const AT_CUSTOM: &str = "/custom/metadata/location.json";

type Shares = State<Arc<Shared>>;

pub(super) async fn at_path(State(shared): Shares, connection: Extension<Connection>) -> Response {
    let there = shared.script().metadata_at.path;
    document(&shared, there, connection).await
}

pub(super) async fn at_root(State(shared): Shares, connection: Extension<Connection>) -> Response {
    let there = shared.script().metadata_at.root;
    document(&shared, there, connection).await
}

pub(super) async fn at_custom(
    State(shared): Shares,
    connection: Extension<Connection>,
) -> Response {
    let there = shared.script().metadata_at.custom;
    document(&shared, there, connection).await
}

/// The address that a challenge names.
pub(super) fn address(shared: &Shared) -> String {
    let at = shared.script().metadata_at;
    let path = match (at.custom, at.path) {
        (true, _) => AT_CUSTOM,
        (_, true) => AT_PATH,
        _ => AT_ROOT,
    };
    format!("{}{path}", shared.origin)
}

/// The resource identifier that the metadata states; nothing where there is no metadata.
pub(super) fn resource(shared: &Shared) -> Option<String> {
    Some(proper(shared)?["resource"].as_str()?.to_owned())
}

async fn document(shared: &Shared, there: bool, connection: Extension<Connection>) -> Response {
    let script = shared.script().clone();
    let Some(document) = proper(shared).filter(|_| there) else {
        let miss = script.metadata_miss.unwrap_or(Fault::Status(404));
        return miss.play(&connection).await;
    };
    match script.metadata_fault {
        Some(fault) => fault.play(&connection).await,
        None => Json(document).into_response(),
    }
}

fn proper(shared: &Shared) -> Option<Value> {
    let Protection::Tokens(server) = &shared.protection else { return None };
    let mut document = json!({
        "resource": format!("{}{ENDPOINT}", shared.origin),
        "authorization_servers": [server.issuer()],
        "bearer_methods_supported": ["header"],
        "resource_name": "scripted notes",
    });
    merge(&mut document, &shared.script().metadata);
    Some(document)
}
