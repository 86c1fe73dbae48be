//! How long what is put together of all connectors waits for the parts that are not there yet.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use keyway_model::Connector;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::gateway::Gateway;

/// How long is waited while nothing has come that can be shown.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long is waited for more after the last part that can be shown.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// What comes of the work on a connector, if it comes before the patience ends and before `enough` falls.
/// Else the work goes on all the same, and `late` is given what comes of it.
pub(crate) async fn in_time<T: Send + 'static>(
    gateway: &Gateway,
    connector: &Connector,
    (patience, enough): (Duration, &CancellationToken),
    work: impl Future<Output = T> + Send + 'static,
    late: impl FnOnce(T) + Send + 'static,
) -> Option<T> {
    let mut work = Box::pin(work);
    let came = tokio::select! {
        biased;
        came = &mut work => Some(came),
        () = enough.cancelled() => None,
        () = sleep(patience) => None,
    };
    gateway.catalogue.came(connector.id, came.is_some());
    if came.is_none() {
        gateway.cx.tasks.spawn(async move { late(work.await) }.in_current_span());
    }
    came
}

/// Gathers the parts, all at once, in the order in which they are given. Each ends when `enough` falls, if
/// not before; `is_shown` says which are worth not waiting any longer for the others.
pub(crate) async fn gather<T>(
    parts: impl IntoIterator<Item = impl Future<Output = T>>,
    enough: &CancellationToken,
    is_shown: impl Fn(&T) -> bool,
) -> Vec<T> {
    let parts = parts.into_iter().enumerate();
    let mut coming: FuturesUnordered<_> =
        parts.map(|(at, part)| async move { (at, part.await) }).collect();
    let mut came = BTreeMap::new();
    let mut wait = Wait::begun(Instant::now());
    while !coming.is_empty() {
        tokio::select! {
            Some((at, part)) = coming.next() => {
                if is_shown(&part) {
                    wait.came(Instant::now());
                }
                came.insert(at, part);
            }
            () = sleep_until(wait.until), if !enough.is_cancelled() => enough.cancel(),
        }
    }
    came.into_values().collect()
}

/// When the waiting ends.
struct Wait {
    until: Instant,
    longest: Instant,
}

impl Wait {
    fn begun(now: Instant) -> Self {
        Self { until: now + PATIENCE, longest: now + PATIENCE }
    }

    /// A part came: whoever is slower by more than the grace is not waited for.
    fn came(&mut self, now: Instant) {
        self.until = (now + GRACE).min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of parts that take so long each, and how long that took, in milliseconds.
    async fn gathered(parts: &[u64]) -> (Vec<bool>, u128) {
        let (enough, begun) = (CancellationToken::new(), Instant::now());
        let part = |millis: &u64| {
            let came = tokio::time::sleep(Duration::from_millis(*millis));
            let enough = enough.clone();
            async move {
                tokio::select! { () = came => true, () = enough.cancelled() => false }
            }
        };
        let came = gather(parts.iter().map(part), &enough, |came| *came).await;
        (came, begun.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_alone_has_all_the_patience() {
        assert_eq!(gathered(&[4_900]).await, (vec![true], 4_900));
        assert_eq!(gathered(&[60_000, 60_000]).await.1, 5_000);
        assert_eq!(gathered(&[]).await, (vec![], 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_others_wait_a_second_and_no_longer() {
        assert_eq!(gathered(&[60_000, 10, 900]).await, (vec![false, true, true], 1_900));
        assert_eq!(gathered(&[300, 1_200, 2_000]).await, (vec![true, true, true], 2_000));
        let one_by_one: Vec<u64> = (0..20).map(|part| part * 900).collect();
        assert_eq!(gathered(&one_by_one).await.1, 5_000);
    }
}
