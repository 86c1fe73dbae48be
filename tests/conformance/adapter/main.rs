//! What the official MCP conformance suite starts as the client under test. It is no MCP client itself: it
//! drives a running Keyway over REST, as a host and a person with a browser would, so that Keyway's own
//! engine speaks to the suite's servers.

mod arguments;
mod assignment;
mod visit;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use keyway_tests::api::{Api, Credentials};

use assignment::Assignment;
use visit::Visit;

/// Shorter than the suite's own patience (30 s), which ends without freeing the suite's server.
const PATIENCE: Duration = Duration::from_secs(22);

/// What is left for removing the connector: its streams would keep the suite's server from closing.
const FAREWELL: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    // Without the backtrace that an `Err` of main would print in some environments.
    let _ = writeln!(io::stderr(), "{error:#}");
    ExitCode::FAILURE
}

async fn run() -> anyhow::Result<()> {
    let assignment = Assignment::of_environment()?;
    let api = Api::new(&assignment.keyway, Credentials::None);
    let visit = Visit::begin(api, &assignment).await?;
    // The harness panics where a test would fail; in a task of its own that leaves time to clean up.
    let running = tokio::spawn({
        let visit = visit.clone();
        async move { visit.run(&assignment).await }
    });
    let outcome = tokio::time::timeout(PATIENCE, running).await;
    let ended = tokio::time::timeout(FAREWELL, visit.end()).await;
    match outcome {
        Err(_) => bail!("it took longer than {} s", PATIENCE.as_secs()),
        Ok(Err(panicked)) => bail!("{panicked}"),
        Ok(Ok(outcome)) => outcome?,
    }
    ended.context("the connector was not removed in time")?
}
