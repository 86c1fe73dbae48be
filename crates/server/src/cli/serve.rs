//! `keyway serve`.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::say;
use crate::{
    app::{self, Seams},
    config::Config,
    telemetry, traces,
};

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let seams = Seams::system();
    let collected = config.traces.as_ref();
    let collected = collected.map(|settings| traces::collect(settings, seams.random.clone()));
    let (layer, ended) = collected.unzip();
    telemetry::log_to_stderr(config.log.clone(), layer);
    allow_many_connections();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut running = app::start(config, seams).await?;
    if let Some(ended) = ended {
        running.export(ended)?;
    }
    let ready = json!({
        "listening": running.listening.to_string(),
        "public_url": running.public_url,
        "metrics": running.metrics.map(|address| address.to_string()),
    });
    say(&ready.to_string())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("shutting down");
    running.shutdown().await;
    Ok(())
}

/// Lets this process have as many connections as the system allows: each is an open file, and the limit that a
/// process starts with is often 1,024, far below the one that it may set itself.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_raised_as_far_as_it_goes() {
        let limit = getrlimit(Resource::Nofile);
        let lower = limit.maximum.map(|most| most - 1);
        setrlimit(Resource::Nofile, Rlimit { current: lower, ..limit }).expect("it can be lowered");
        allow_many_connections();
        assert_eq!(getrlimit(Resource::Nofile).current, limit.maximum);
    }
}
