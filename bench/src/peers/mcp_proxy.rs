//! The mcp-proxy of PyPI. It puts Streamable HTTP before a program and a program before Streamable HTTP, and
//! not the one before the other, so there are two of it, back to back over standard input and output.

use http::HeaderMap;

use super::{Peer, Place, Setup};
use crate::call;

pub(crate) const PEER: Peer = Peer {
    name: "mcp-proxy",
    package: "mcp-proxy",
    version: "0.13.0",
    requirements: include_str!("../../peers/mcp-proxy.txt"),
    at_least: 100.0,
    setup,
};

#[expect(clippy::unnecessary_wraps, reason = "the others write files")]
fn setup(place: &Place<'_>) -> anyhow::Result<Setup> {
    let server = place.server();
    let quiet = ["--log-level", "ERROR"];
    let key = call::KEY_HEADER;
    let to_server =
        ["--transport", "streamablehttp", "--headers", key.as_str(), call::KEY, &server];
    let inner = [&quiet[..], &to_server].concat();
    let command = [
        place.command("mcp-proxy", &quiet),
        place.listening(),
        vec!["--".to_owned()],
        place.command("mcp-proxy", &inner),
    ];
    Ok(Setup {
        command: command.concat(),
        environment: vec![],
        path: "/mcp",
        caller: HeaderMap::new(),
        registration: None,
    })
}
