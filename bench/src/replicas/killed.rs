//! The replica that leads a refresh is killed in the middle of it, and the other one goes on.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::{behave, called_by, counts};
use crate::{
    connection::{Answer, Connection},
    goals::Row,
    keyway::{self, Plan},
    rotation::{Behaviour, Counts},
    run, sign_in,
    target::Target,
};

/// How long the first tokens live.
const LIFETIME: Duration = Duration::from_secs(3);
/// How long the authorization server takes for a refresh, in ms.
const DELAY: u64 = 1_000;
/// How often it is asked whether it has been.
const PAUSE: Duration = Duration::from_millis(20);
/// What the other replica may not take without ending the run.
const PATIENCE: Duration = Duration::from_secs(60);
const READY: &str = "ready";

/// How it ended.
struct End {
    /// Whether the authorization server had spent the refresh token before, so that its answer is lost.
    was_spent: bool,
    /// From the kill to the answer that settles it.
    after: Duration,
    /// Answers before that said to try again.
    put_off: u32,
    /// What the connector's state is then.
    state: String,
    /// What the authorization server counted up to there.
    counts: Counts,
    /// Refreshes that it was asked for by one call more.
    later: u64,
}

/// Kills the leader of two replicas, once before and once after its refresh token was spent.
///
/// # Errors
/// Where Keyway does not start, or the user cannot be signed in.
pub(super) async fn measure(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for was_spent in [false, true] {
        let leader = plan.start_again().await?;
        let other = plan.start_again().await?;
        rows.push(row(&kill(plan, leader, &other, was_spent).await?));
        run::end(vec![other]).await?;
    }
    Ok(rows)
}

async fn kill(
    plan: &Plan,
    mut leader: Target,
    other: &Target,
    was_spent: bool,
) -> anyhow::Result<End> {
    let user = if was_spent { "killed-after" } else { "killed-before" };
    let lifetime = u64::try_from(LIFETIME.as_millis())?;
    behave(plan, Behaviour { lifetime, delay: 0, spends_late: false }).await?;
    sign_in::sign_in(leader.address, plan.upstream, user).await?;
    let expired = Instant::now() + LIFETIME;
    let lifetime = 3_600_000;
    behave(plan, Behaviour { lifetime, delay: DELAY, spends_late: !was_spent }).await?;

    let headers = keyway::caller(Some(user))?;
    let mut to_leader = Connection::open(&called_by(&leader, vec![headers.clone()]), 0).await?;
    let mut to_other = Connection::open(&called_by(other, vec![headers]), 0).await?;
    to_leader.call(1).await?;
    to_other.call(1).await?;
    tokio::time::sleep_until(expired).await;
    let process = leader.process.take().context("Keyway is a process")?;
    let killed = async {
        while counts(plan).await?.under_way == 0 {
            tokio::time::sleep(PAUSE).await;
        }
        process.end().await
    };
    let (unanswered, killed) = tokio::join!(to_leader.attempt(2), killed);
    killed?;
    anyhow::ensure!(unanswered.is_err(), "the leader answered before it was killed");

    let begun = Instant::now();
    let settled = settle(&mut to_other, other, user);
    let (put_off, state) = tokio::time::timeout(PATIENCE, settled).await??;
    let (after, before) = (begun.elapsed(), counts(plan).await?);
    to_other.attempt(0).await?;
    let later = counts(plan).await?.refreshes - before.refreshes;
    Ok(End { was_spent, after, put_off, state, counts: before, later })
}

/// Calls until there is the answer that is due, or a person is needed. Gives how many said to try again.
async fn settle(
    connection: &mut Connection,
    replica: &Target,
    user: &str,
) -> anyhow::Result<(u32, String)> {
    for put_off in 0.. {
        let answer = connection.attempt(u64::from(put_off) + 2).await?;
        let state = sign_in::state(replica.address, user).await?;
        if matches!(answer, Answer::Due(_)) || state != READY {
            return Ok((put_off, state));
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("no call was answered")
}

fn row(end: &End) -> Row {
    let End { was_spent, after, put_off, state, counts, later } = end;
    let (when, goal) = if *was_spent {
        (
            "after its refresh token was spent, so that the answer is lost",
            "signed in to once more at the most",
        )
    } else {
        ("before its refresh token was spent", "the other refreshes with it; nobody signs in")
    };
    let is_settled = if *was_spent { *later == 0 } else { state == READY && *later == 0 };
    Row {
        figure: format!("a replica killed in a refresh, {when}"),
        goal,
        measured: format!(
            "{state} after {:.1} s; {} token requests, {} refresh tokens shown twice, {put_off} calls put off",
            after.as_secs_f64(),
            counts.refreshes,
            counts.reused
        ),
        is_met: is_settled && counts.reused <= u64::from(*was_spent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(was_spent: bool, state: &str, reused: u64, later: u64) -> bool {
        let counts = Counts { refreshes: 2, reused, ..Counts::default() };
        let (after, state) = (Duration::from_secs(15), state.to_owned());
        row(&End { was_spent, after, put_off: 1, state, counts, later }).is_met
    }

    #[test]
    fn a_person_may_be_needed_only_where_the_answer_is_lost() {
        assert!(end(false, "ready", 0, 0) && end(true, "reauth_required", 1, 0));
        assert!(!end(false, "reauth_required", 0, 0) && !end(false, "ready", 1, 0));
    }

    #[test]
    fn a_spent_refresh_token_may_not_be_shown_again_and_again() {
        assert!(!end(true, "reauth_required", 2, 0) && !end(true, "reauth_required", 1, 1));
    }
}
