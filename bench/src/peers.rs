//! Products of others that hand calls on to MCP servers, each started from its published package with its
//! smallest settings and called in turn with Keyway. Nothing of theirs is in the repository.

mod client;
mod contextforge;
mod fastmcp;
mod install;
mod litellm;
mod mcp_proxy;
mod rounds;
mod start;
mod table;
mod tree;

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use http::HeaderMap;
use serde_json::Value;

use crate::{call, keyway, process::Process, rounds::Upstream, run, target::Target};
pub(crate) use rounds::{Plan, QUICK, WHOLE};

use client::Door;
use rounds::Way;
use table::Row;

/// What is compared with Keyway.
static PEERS: [Peer; 4] = [mcp_proxy::PEER, litellm::PEER, fastmcp::PEER, contextforge::PEER];

/// A product, and how it is started.
pub(crate) struct Peer {
    /// What the table calls it.
    name: &'static str,
    /// Its package on PyPI.
    package: &'static str,
    /// The version that is measured.
    version: &'static str,
    /// The package and all that it needs, each at one version, as pip reads it.
    requirements: &'static str,
    /// How many times its calls Keyway shall make in a second of processor time.
    at_least: f64,
    /// Writes its settings.
    setup: fn(&Place<'_>) -> anyhow::Result<Setup>,
}

/// What a peer's settings are made of.
struct Place<'a> {
    /// Where its programs lie.
    programs: &'a Path,
    /// Its own folder, which ends with the run.
    directory: &'a Path,
    /// Where it shall listen.
    address: SocketAddr,
    /// Where the server listens.
    upstream: SocketAddr,
}

impl Place<'_> {
    /// The server's URL.
    fn server(&self) -> String {
        format!("http://{}{}", self.upstream, call::PATH)
    }

    /// One of the peer's programs with its arguments.
    fn command(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let program = self.programs.join(program).display().to_string();
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        std::iter::once(program).chain(arguments).collect()
    }

    /// The options that all of them have for where they listen.
    fn listening(&self) -> Vec<String> {
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        vec!["--host".to_owned(), host, "--port".to_owned(), port]
    }
}

/// A peer as it is started and called.
struct Setup {
    /// The program and its arguments.
    command: Vec<String>,
    /// Its environment, besides the search path.
    environment: Vec<(&'static str, String)>,
    /// The path of its endpoint.
    path: &'static str,
    /// What the caller shows.
    caller: HeaderMap,
    /// What makes the server known to it once it listens: a path and what is posted there.
    registration: Option<(&'static str, Value)>,
}

/// A peer and where its programs lie, or why there are none.
pub(crate) struct Installed {
    peer: &'static Peer,
    programs: anyhow::Result<PathBuf>,
}

/// Installs what is not there from an earlier run. A peer that cannot be installed is left out later, and
/// the table says so.
///
/// # Errors
/// Where there is no Python to install them with.
pub(crate) async fn install(python: Option<&Path>) -> anyhow::Result<Vec<Installed>> {
    let python = install::python(python).await?;
    let mut installed = Vec::with_capacity(PEERS.len());
    for peer in &PEERS {
        writeln!(io::stderr(), "peers: {} {} is being prepared", peer.name, peer.version)?;
        installed.push(Installed { peer, programs: install::programs(peer, &python).await });
    }
    Ok(installed)
}

/// Calls the floor, Keyway and the peers in turn; what is given is the table.
///
/// # Errors
/// Where Keyway or the floor does not answer as it must. A peer that does not has it in its row.
pub(crate) async fn measure(
    installed: Vec<Installed>,
    keyway: &keyway::Plan,
    upstream: &Upstream,
    plan: Plan,
) -> anyhow::Result<String> {
    let to = upstream.address.to_string();
    let floor: [&OsStr; 2] = ["floor".as_ref(), to.as_ref()];
    let (floor, address) = run::start_own(&floor, keyway.core).await?;
    let targets = vec![Target::plain("floor", address, Some(floor)), keyway.start_again().await?];
    let mut rows = Vec::new();
    for target in &targets {
        rows.push(Row { name: target.name.to_owned(), at_least: None, way: Ok(own(target)?) });
    }
    let directory = keyway.file().and_then(Path::parent).context("the database lies nowhere")?;
    for Installed { peer, programs } in installed {
        let way = way(peer, programs, directory, keyway).await;
        let name = format!("{} {}", peer.name, peer.version);
        rows.push(Row { name, at_least: Some(peer.at_least), way });
    }
    rounds::measure(&mut rows, upstream, plan).await?;
    let text = table::table(&rows, plan)?;
    drop(rows);
    run::end(targets).await?;
    Ok(text)
}

/// The way through a target of the bench.
fn own(target: &Target) -> anyhow::Result<Way> {
    let process = target.process.as_ref().map(Process::id).context("it has no process")?;
    let caller = target.callers.first().cloned().unwrap_or_default();
    let door = Door { address: target.address, path: target.path.clone(), caller };
    Way::new(process, door, None)
}

/// The way through a peer.
async fn way(
    peer: &Peer,
    programs: anyhow::Result<PathBuf>,
    directory: &Path,
    keyway: &keyway::Plan,
) -> anyhow::Result<Way> {
    let programs = programs.context("it cannot be installed")?;
    let directory = directory.join(peer.package);
    fs::create_dir_all(&directory)?;
    let address = start::free_address().await?;
    let (programs, directory, upstream) = (&programs, &directory, keyway.upstream);
    let place = Place { programs, directory, address, upstream };
    let running = start::start(&place, (peer.setup)(&place)?, keyway.core).await?;
    Way::new(running.tree.id(), running.door, Some(running.tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_of_a_peer_is_of_one_version() {
        for peer in &PEERS {
            let mut lines = peer.requirements.lines();
            assert!(lines.all(|line| line.split_once("==").is_some()), "{}", peer.name);
            let pinned = format!("{}=={}", peer.package, peer.version);
            assert!(peer.requirements.lines().any(|line| line == pinned), "{pinned}");
        }
    }
}
