//! `keyway serve`.

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
