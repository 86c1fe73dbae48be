//! FastMCP's proxy of the servers in a configuration as MCP clients have it.

use std::fs;

use http::HeaderMap;
use serde_json::json;

use super::{Peer, Place, Setup};
use crate::call;

pub(crate) const PEER: Peer = Peer {
    name: "FastMCP",
    package: "fastmcp",
    version: "4.1.2",
    requirements: include_str!("../../peers/fastmcp.txt"),
    at_least: 800.0,
    setup,
};

fn setup(place: &Place<'_>) -> anyhow::Result<Setup> {
    let servers = json!({"mcpServers": {"bench": {"transport": "http", "url": place.server(),
        "headers": {call::KEY_HEADER.as_str(): call::KEY}}}});
    let file = place.directory.join("mcp.json");
    fs::write(&file, servers.to_string())?;
    let file = file.display().to_string();
    let arguments = ["run", &file, "--transport", "http", "--no-banner", "--log-level", "ERROR"];
    Ok(Setup {
        command: [place.command("fastmcp", &arguments), place.listening()].concat(),
        environment: vec![],
        path: "/mcp",
        caller: HeaderMap::new(),
        registration: None,
    })
}
