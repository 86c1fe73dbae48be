//! The renewals under way in this process: one at a time for a connector, each detached from whoever
//! wants it, and the pauses after those that failed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keyway_model::{
    Action, Connector, ConnectorId, ConnectorRef, ConnectorState, Timestamp, UserId,
};
use tokio::sync::watch;
use tracing::Instrument as _;

use super::{Outcome, turns::Turns};
use crate::{audit, context::Context, trace};

/// How long a caller waits for a refresh.
const PATIENCE: Duration = Duration::from_secs(12);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The refreshes under way in this process, the turns at the token endpoints, and the pauses after failed ones.
#[derive(Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<ConnectorId, watch::Receiver<Option<Outcome>>>>,
    pauses: Mutex<HashMap<ConnectorId, Pause>>,
    pub(super) turns: Turns,
}

#[derive(Clone, Copy)]
struct Pause {
    until: Timestamp,
    failures: u32,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    /// How long nothing is to be sent for the connector, after a failure.
    pub(super) fn pause(&self, cx: &Context, connector: ConnectorId) -> Option<Duration> {
        let now = cx.clock.now();
        let pause = locked(&self.pauses).get(&connector).copied()?;
        (pause.until > now).then(|| pause.until.since(now))
    }

    /// How long nothing is sent after a failure: what the server asks for, else twice as long each time,
    /// with jitter.
    pub(super) fn pause_after_failure(
        &self,
        cx: &Context,
        connector: ConnectorId,
        asked: Option<Duration>,
    ) -> Duration {
        let mut pauses = locked(&self.pauses);
        let failures = pauses.get(&connector).map_or(0, |pause| pause.failures);
        let longest = Duration::from_secs(1 << failures.min(9)).min(LONGEST_PAUSE);
        let pause = asked.unwrap_or_else(|| longest.mul_f64(0.5 + cx.random.fraction() / 2.0));
        let until = cx.clock.now().plus(pause);
        pauses.insert(connector, Pause { until, failures: failures + 1 });
        pause
    }

    /// Forgets that renewals failed.
    pub(super) fn end_pause(&self, connector: ConnectorId) {
        locked(&self.pauses).remove(&connector);
    }
}

/// Waits for a renewal, but not for ever.
pub(super) async fn landed(mut outcome: watch::Receiver<Option<Outcome>>) -> Outcome {
    let ended = tokio::time::timeout(PATIENCE, outcome.wait_for(Option::is_some)).await;
    match ended {
        Ok(Ok(outcome)) => outcome.clone().unwrap_or(Outcome::Unavailable(Duration::from_secs(1))),
        _ => Outcome::Unavailable(Duration::from_secs(1)),
    }
}

/// What a renewal is for.
pub(super) struct Renewed {
    /// Whose connector.
    pub(super) user: UserId,
    /// Which one.
    pub(super) connector: ConnectorRef,
    /// Whether it did not work before.
    pub(super) ailing: bool,
}

impl Renewed {
    /// For this connector.
    pub(super) fn of(connector: &Connector) -> Self {
        Self {
            user: connector.user_id.clone(),
            connector: connector.reference(),
            ailing: connector.state == ConnectorState::ReauthRequired,
        }
    }
}

/// Lets one renewal at a time run for a connector, detached from whoever wants it.
pub(super) fn fly(
    cx: &Context,
    renewed: Renewed,
    work: impl Future<Output = Outcome> + Send + 'static,
) -> watch::Receiver<Option<Outcome>> {
    let id = renewed.connector.id;
    let mut under_way = locked(&cx.flights.under_way);
    if let Some(flight) = under_way.get(&id) {
        return flight.clone();
    }
    let (tell, told) = watch::channel(None);
    under_way.insert(id, told.clone());
    let cx = cx.clone();
    let span = trace::renewal(id);
    cx.clone().tasks.spawn(async move {
        let failing = locked(&cx.flights.pauses).contains_key(&id);
        let landing = Landing { cx: cx.clone(), connector: id };
        let outcome = work.instrument(span.clone()).await;
        trace::note_outcome(&span, outcome.word());
        record(&cx, &renewed, failing, &outcome);
        drop(landing);
        if !matches!(outcome, Outcome::Unavailable(_)) {
            cx.credentials.forget(id);
        }
        tell.send_replace(Some(outcome));
    });
    told
}

/// Tells what is news: that a token could not be renewed, and that it can be again.
fn record(cx: &Context, renewed: &Renewed, failing: bool, outcome: &Outcome) {
    let ailing = failing || renewed.ailing;
    let code = match outcome {
        Outcome::Renewed(_) if ailing => "ok",
        Outcome::Rejected(reason) => reason.as_str(),
        Outcome::Unavailable(_) if !failing => "unavailable",
        _ => return,
    };
    let told = audit::activity(cx, &renewed.user, Action::TokenRefreshed, code);
    audit::record(cx, told.of_reference(&renewed.connector));
}

/// Whether a renewal is under way in this process.
pub(crate) fn is_under_way(cx: &Context, connector: ConnectorId) -> bool {
    locked(&cx.flights.under_way).contains_key(&connector)
}

/// Takes a renewal off the list when it has ended, however it ended.
struct Landing {
    cx: Context,
    connector: ConnectorId,
}

impl Drop for Landing {
    fn drop(&mut self) {
        locked(&self.cx.flights.under_way).remove(&self.connector);
    }
}
