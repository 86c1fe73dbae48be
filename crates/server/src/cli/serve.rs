//! `keyway serve`.

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::say;
use crate::{
    app::{self, Seams},
    config::Config,
    telemetry,
};

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    telemetry::log_to_stderr(&config.log);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = app::start(config, Seams::system()).await?;
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
