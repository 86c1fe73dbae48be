//! All of a user's connectors as one MCP server: names, members, caches, both wires on both sides, what
//! a person is needed for, streams, and what bad clients and servers get.

mod bad_input;
mod caches;
mod cancellation;
mod eras;
mod hostile;
mod members;
mod names;
mod people;
mod questions;
mod sessions;
mod streams;

use keyway_tests::{
    api::Api,
    mcp_server::{Eras, McpServer},
    wire_client::WireClient,
};
use serde_json::{Value, json};

/// Where all connectors are one server.
const ENDPOINT: &str = "/mcp";

/// Starts an open server in these eras, as the caller's connector `slug`.
async fn serve(api: &Api, slug: &str, eras: Eras) -> McpServer {
    let server = McpServer::open().await;
    server.script(|script| script.eras = eras);
    let connector = json!({"url": server.url(), "slug": slug, "auth_type": "headers"});
    api.create(connector).await.expect(201);
    server
}

/// A client that lets itself be asked for nothing.
async fn client(api: &Api, version: &'static str) -> WireClient {
    WireClient::connect(api, ENDPOINT, version, json!({})).await
}

/// A client that fills in forms and opens addresses.
async fn able_client(api: &Api, version: &'static str) -> WireClient {
    WireClient::connect(api, ENDPOINT, version, able()).await
}

/// What such a client declares.
fn able() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}})
}

/// The first text of a tool's result.
fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}
