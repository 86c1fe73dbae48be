//! A thousand users whose tokens have all expired, who all call at once: each needs a refresh of their own at
//! the one authorization server, and nobody else is to feel it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use http::HeaderMap;
use tokio::{runtime::Builder, task::spawn_blocking, time::Instant};

use super::{Found, behave, called_by, counts};
use crate::{
    connection::Connection,
    goals::Row,
    keyway::{self, Plan},
    load::Loop,
    rotation::{Behaviour, Counts},
    sign_in,
    spread::percentile,
    target::Target,
};

/// How many users there are.
const USERS: usize = 1_000;
/// How many refreshes Keyway has under way at one token endpoint.
const BOUND: usize = 32;
/// How many of them sign in at a time.
const SIGN_INS: usize = 8;
/// How long the first tokens live, in ms.
const LIFETIME: u64 = 1_000;
/// How long the authorization server takes for a refresh, in ms.
const DELAY: u64 = 100;
/// Connections of the user who is not concerned.
const OTHERS: usize = 4;
/// How long that user calls before.
const BEFORE: Duration = Duration::from_secs(2);
/// What the herd may not last longer than; a call that hangs ends the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the calls and the authorization server tell.
struct Herd {
    counts: Counts,
    /// What each call that failed was answered.
    failed: Vec<String>,
    /// From the first call to the last answer.
    lasted: Duration,
    /// What 99 of 100 calls of the other user do not reach, in µs: before, and during the herd.
    others: [f64; 2],
}

/// Has the users signed in to this replica, lets their tokens expire, and lets them all call.
///
/// # Errors
/// Where a user cannot be signed in, or the other user's call fails.
pub(super) async fn measure(plan: &Plan, replica: &Target) -> anyhow::Result<Found> {
    behave(plan, Behaviour { lifetime: LIFETIME, delay: 0, spends_late: false }).await?;
    let users: Vec<String> = (0..USERS).map(|number| format!("herd-{number}")).collect();
    let sign_ins = users.iter().map(|user| sign_in::sign_in(replica.address, plan.upstream, user));
    stream::iter(sign_ins).buffer_unordered(SIGN_INS).try_collect::<()>().await?;
    let expired = Instant::now() + Duration::from_millis(LIFETIME);
    behave(plan, Behaviour { lifetime: 3_600_000, delay: DELAY, spends_late: false }).await?;

    let callers = users.iter().map(|user| keyway::caller(Some(user)));
    let callers = callers.collect::<anyhow::Result<Vec<HeaderMap>>>()?;
    let mut calls = Loop::connect(&called_by(replica, callers), USERS).await?;
    tokio::time::sleep_until(expired).await;

    let before = others(replica, async { tokio::time::sleep(BEFORE).await }).await?.1;
    let begun = Instant::now();
    let herd = async {
        let answers = tokio::time::timeout(PATIENCE, calls.each_once()).await;
        (answers, begun.elapsed())
    };
    let ((answers, lasted), during) = others(replica, herd).await?;
    let failed = answers?.into_iter().filter_map(Result::err).map(|error| error.to_string());
    let (failed, counts) = (failed.collect(), counts(plan).await?);
    Ok(found(&Herd { counts, failed, lasted, others: [before, during] }))
}

/// Calls as one warm user while something goes on, and gives what that came to and the p99 of the calls, in µs.
async fn others<T>(replica: &Target, other: impl Future<Output = T>) -> anyhow::Result<(T, f64)> {
    let target = called_by(replica, replica.callers.iter().take(1).cloned().collect());
    let has_ended = Arc::new(AtomicBool::new(false));
    let ended = has_ended.clone();
    // A thread of its own, so that what the herd's thousand connections wait for in this one is not counted.
    let calls = spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(try_join_all((0..OTHERS).map(|_| call_until(&target, &ended))))
    });
    let came_to = other.await;
    has_ended.store(true, Ordering::Relaxed);
    let mut times = calls.await??.concat();
    times.sort_by(f64::total_cmp);
    Ok((came_to, percentile(&times, 0.99)))
}

/// Calls back to back, and gives each time in µs.
async fn call_until(target: &Target, ended: &AtomicBool) -> anyhow::Result<Vec<f64>> {
    let mut connection = Connection::open(target, 0).await?;
    let mut times = Vec::new();
    for id in 0.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        times.push(connection.call(id).await?);
    }
    Ok(times)
}

fn found(herd: &Herd) -> Found {
    let Herd { counts, failed, lasted, others: [before, during] } = herd;
    let first = failed.first().map_or_else(String::new, |first| format!(" ({first})"));
    let refreshes = Row {
        figure: format!("refreshes of {USERS} users at once whose tokens have expired"),
        goal: "one for each; no call fails",
        measured: format!(
            "{}; {} failed{first}; {} refresh tokens shown twice; the last answer after {} ms",
            counts.refreshes,
            failed.len(),
            counts.reused,
            lasted.as_millis()
        ),
        is_met: usize::try_from(counts.refreshes).is_ok_and(|refreshes| refreshes == USERS)
            && counts.reused == 0
            && failed.is_empty(),
    };
    let at_once = Row {
        figure: "of them at one time at the authorization server".to_owned(),
        goal: "≤ 32",
        measured: format!("{} at the most", counts.most_at_once),
        is_met: usize::try_from(counts.most_at_once).is_ok_and(|most| most <= BOUND),
    };
    let others = Row {
        figure: "p99 of another user's warm calls during that / before".to_owned(),
        goal: "≤ 1.5",
        measured: format!("{:.2} ({during:.0} µs / {before:.0} µs)", during / before),
        is_met: during / before <= 1.5,
    };
    Found { counted: vec![refreshes, at_once], measured: vec![others] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_needs_one_refresh_and_they_come_a_few_at_a_time() {
        let is_met = |refreshes, most_at_once| {
            let counts = Counts { refreshes, most_at_once, ..Counts::default() };
            let lasted = Duration::from_secs(1);
            found(&Herd { counts, failed: vec![], lasted, others: [1.0, 1.2] })
                .miscounts()
                .is_empty()
        };
        assert!(is_met(1_000, 32));
        assert!(!is_met(999, 32) && !is_met(1_001, 32));
        assert!(!is_met(1_000, 33));
    }
}
