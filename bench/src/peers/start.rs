//! From an installed peer to one that answers.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::Context as _;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{
    Place, Setup,
    client::{Client, Door},
    tree::{Start, Tree},
};
use crate::load;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

/// A peer that answers.
pub(crate) struct Running {
    /// Its processes.
    pub(crate) tree: Tree,
    /// Where it takes calls.
    pub(crate) door: Door,
}

/// Starts what `setup` says and waits until the tool can be called.
///
/// # Errors
/// Where it ends, or does not answer in time; with the last that it said.
pub(crate) async fn start(
    place: &Place<'_>,
    setup: Setup,
    core: Option<usize>,
) -> anyhow::Result<Running> {
    let log = place.directory.join("log");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", place.programs.display());
    let home = place.directory.display().to_string();
    let mut environment = BTreeMap::from([("PATH", path), ("HOME", home)]);
    environment.extend(setup.environment.iter().cloned());
    let directory = place.directory;
    let command = &setup.command;
    let mut tree = Tree::start(&Start { command, environment, directory, core, log: &log })?;
    let caller = setup.caller.clone();
    let door = Door { address: place.address, path: setup.path.to_owned(), caller };
    let ready = timeout(PATIENCE, answers(&mut tree, &door, &setup)).await;
    let ready = ready.unwrap_or_else(|_| Err(anyhow::anyhow!("it does not answer")));
    ready.with_context(|| last_line(&log))?;
    Ok(Running { tree, door })
}

/// A free address of loopback.
///
/// # Errors
/// Where there is none.
pub(crate) async fn free_address() -> anyhow::Result<std::net::SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

async fn answers(tree: &mut Tree, door: &Door, setup: &Setup) -> anyhow::Result<()> {
    while TcpStream::connect(door.address).await.is_err() {
        anyhow::ensure!(!tree.has_ended(), "it ended before it listened");
        sleep(PAUSE).await;
    }
    if let Some((path, body)) = &setup.registration {
        load::post(door.address, path, setup.caller.clone(), body.to_string()).await?;
    }
    // What a server offers may be asked for after the start.
    while let Err(refused) = Client::open(door).await {
        anyhow::ensure!(!tree.has_ended(), "it ended: {refused:#}");
        sleep(PAUSE).await;
    }
    Ok(())
}

fn last_line(log: &Path) -> String {
    let said = fs::read_to_string(log).unwrap_or_default();
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    last.trim().to_owned()
}
