//! What runs beside the requests as long as the process serves.

use std::{future::Future, time::Duration};

use keyway_connectors::{access_token, audit, cleanup, revocations};
use keyway_gateway::changes;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::state::AppState;

/// How often what is over is deleted.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How often the memory of what nobody asks for is given back.
const DROP_INTERVAL: Duration = Duration::from_secs(60);
/// How often the recorder condenses what it collected.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Starts every job; each ends when `stop` is cancelled.
pub(crate) fn start(app: &AppState, stop: &CancellationToken, tracker: &TaskTracker) {
    let run = |job: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let stop = stop.clone();
        tracker.spawn(async move {
            stop.run_until_cancelled_owned(job).await;
        });
    };
    run(Box::pin(access_token::follow_changes(app.context.clone())));
    run(Box::pin(changes::follow(app.gateway.clone())));
    run(Box::pin(forget_changed_identities(app.clone())));
    run(Box::pin(clean_up(app.clone())));
    run(Box::pin(audit::write(app.context.clone())));
    run(Box::pin(revocations::run(app.context.clone())));
    run(Box::pin(condense_metrics(app.clone())));
    run(Box::pin(drop_old(app.clone())));
}

/// Keeps the remembered identities true: a revoked key or session is forgotten at once.
async fn forget_changed_identities(app: AppState) {
    let mut changes = app.context.background.changes();
    loop {
        match changes.recv().await {
            Ok(change) => app.identities.forget(&change),
            Err(RecvError::Lagged(_)) => app.identities.forget_all(),
            Err(RecvError::Closed) => return,
        }
    }
}

async fn clean_up(app: AppState) {
    let mut ticks = interval(CLEANUP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = cleanup::run(&app.context).await {
            tracing::warn!(%error, "what is over could not be deleted; it is tried again in an hour");
        }
    }
}

async fn drop_old(app: AppState) {
    let mut ticks = interval(DROP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.gateway.drop_old();
    }
}

async fn condense_metrics(app: AppState) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        app.metrics.run_upkeep();
    }
}
