//! LiteLLM's proxy with one MCP server and nothing else. It starts only with a key of its own, which the
//! caller shows.

use std::fs;

use http::HeaderMap;

use super::{Peer, Place, Setup};
use crate::{call, load};

pub(crate) const PEER: Peer = Peer {
    name: "LiteLLM",
    package: "litellm",
    version: "1.106.2",
    requirements: include_str!("../../peers/litellm.txt"),
    at_least: 500.0,
    setup,
};

/// For a process that lives as long as the bench.
const KEY: &str = "sk-for-the-bench-alone-and-for-nothing-else-0123456789";

fn setup(place: &Place<'_>) -> anyhow::Result<Setup> {
    let (server, key) = (place.server(), call::KEY);
    let settings = format!(
        "mcp_servers:
  bench:
    url: {server}
    transport: http
    auth_type: api_key
    auth_value: {key}
"
    );
    let file = place.directory.join("config.yaml");
    fs::write(&file, settings)?;
    let arguments = ["--config", &file.display().to_string()];
    Ok(Setup {
        command: [place.command("litellm", &arguments), place.listening()].concat(),
        environment: vec![
            ("LITELLM_MASTER_KEY", KEY.to_owned()),
            ("LITELLM_LOG", "ERROR".to_owned()),
            // Without it the prices of models are looked for on the network.
            ("LITELLM_LOCAL_MODEL_COST_MAP", "True".to_owned()),
        ],
        path: "/mcp/",
        caller: HeaderMap::from_iter([load::bearer(KEY)?]),
        registration: None,
    })
}
