//! A thousand calls at once that find an expired grant, whose authorization server takes each refresh token
//! once and ends what came of one that is shown twice.

use std::time::Duration;

use tokio::time::Instant;

use super::{Found, behave, called_by, counts};
use crate::{
    connection::Connection,
    goals::Row,
    keyway::{self, Plan},
    load::Loop,
    rotation::{Behaviour, Counts},
    sign_in,
    target::Target,
};

/// How many call at once.
const STORM: usize = 1_000;
/// How long the first tokens live; the calls before they end must be made by then.
const LIFETIME: Duration = Duration::from_secs(6);
/// How long the authorization server takes for a refresh.
const DELAY: Duration = Duration::from_millis(100);
/// What the last answer may take more than that.
const MORE: Duration = Duration::from_millis(100);
/// What the storm may not last longer than; a call that hangs ends the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the calls and the authorization server tell.
struct Storm {
    replicas: usize,
    counts: Counts,
    /// What each call that failed was answered.
    failed: Vec<String>,
    /// From the first call to the last answer.
    lasted: Duration,
    /// The same of as many calls on a token that works.
    warm: Duration,
}

/// Storms over these replicas.
///
/// # Errors
/// Where the user cannot be signed in, or Keyway does not answer.
pub(crate) async fn measure(plan: &Plan, replicas: &[Target]) -> anyhow::Result<Found> {
    let user = format!("storm-{}", replicas.len());
    let lifetime = |time: Duration| u64::try_from(time.as_millis());
    let (short, long) = (lifetime(LIFETIME)?, lifetime(LIFETIME * 600)?);
    behave(plan, Behaviour { lifetime: short, delay: 0, spends_late: false }).await?;
    sign_in::sign_in(replicas[0].address, plan.upstream, &user).await?;
    let expired = Instant::now() + LIFETIME;
    behave(plan, Behaviour { lifetime: long, delay: lifetime(DELAY)?, spends_late: false }).await?;

    let headers = keyway::caller(Some(&user))?;
    let targets: Vec<Target> =
        replicas.iter().map(|replica| called_by(replica, vec![headers.clone()])).collect();
    for target in &targets {
        Connection::open(target, 0).await?.call(0).await?;
    }
    let mut calls = Loop::across(&targets, STORM).await?;
    let (_, warm) = at_once(&mut calls).await?;
    tokio::time::sleep_until(expired).await;
    let (failed, lasted) = at_once(&mut calls).await?;
    let counts = counts(plan).await?;
    Ok(found(&Storm { replicas: replicas.len(), counts, failed, lasted, warm }))
}

/// Calls over all connections, and gives what the calls that failed were answered, and how long all took.
async fn at_once(calls: &mut Loop) -> anyhow::Result<(Vec<String>, Duration)> {
    let begun = Instant::now();
    let answers = tokio::time::timeout(PATIENCE, calls.each_once()).await?;
    let lasted = begun.elapsed();
    let failed = answers.into_iter().filter_map(Result::err);
    Ok((failed.map(|error| error.to_string()).collect(), lasted))
}

fn found(storm: &Storm) -> Found {
    let Storm { replicas, counts, failed, lasted, warm } = storm;
    let over = if *replicas == 1 { "1 replica".to_owned() } else { format!("{replicas} replicas") };
    let first = failed.first().map_or_else(String::new, |first| format!(" ({first})"));
    let requests = Row {
        figure: format!(
            "token requests of 1,000 calls at once over {over}, refresh tokens rotated"
        ),
        goal: "1; no call fails, no refresh token is shown twice",
        measured: format!(
            "{}; {} failed{first}, {} shown twice, {} calls with a token that had ended",
            counts.refreshes,
            failed.len(),
            counts.reused,
            counts.refused_calls
        ),
        is_met: counts.refreshes == 1 && counts.reused == 0 && failed.is_empty(),
    };
    let last = Row {
        figure: format!("the last of their answers, over {over}"),
        goal: "≤ the authorization server's 100 ms + 100 ms",
        measured: format!(
            "{} ms (of 1,000 warm calls at once {} ms)",
            lasted.as_millis(),
            warm.as_millis()
        ),
        is_met: *lasted <= DELAY + MORE,
    };
    Found { counted: vec![requests], measured: vec![last] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_that_fails_or_one_token_shown_twice_misses_the_goal() {
        let (lasted, warm) = (Duration::from_millis(150), Duration::from_millis(50));
        let storm = |failed: &[&str], reused| {
            let counts = Counts { refreshes: 1, reused, ..Counts::default() };
            let failed = failed.iter().map(|&text| text.to_owned()).collect();
            found(&Storm { replicas: 1, counts, failed, lasted, warm }).counted[0].is_met
        };
        assert!(storm(&[], 0));
        assert!(!storm(&["503"], 0) && !storm(&[], 1));
    }
}
