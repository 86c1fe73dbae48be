//! A connector that is deleted at one replica, and how long the others still let calls through.

use std::time::Duration;

use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use tokio::time::Instant;

use super::called_by;
use crate::{
    connection::{Answer, Connection},
    goals::Row,
    keyway::SLUG,
    sign_in,
    spread::percentile,
    target::Target,
};

/// How many connectors are deleted, one after the other: the last users', whom nothing else is measured with.
const DELETED: usize = 20;
/// What the others may take to see it.
const GOAL: Duration = Duration::from_secs(1);
/// What they may not take without ending the run.
const PATIENCE: Duration = Duration::from_secs(30);

/// Deletes connectors that all replicas know at the first, and calls the others until they refuse.
///
/// # Errors
/// Where a connector cannot be deleted, or a call is answered neither as before nor with 404.
pub(super) async fn measure(replicas: &[Target]) -> anyhow::Result<Row> {
    let Some((first, others)) = replicas.split_first() else { anyhow::bail!("no replica runs") };
    let mut times = Vec::with_capacity(DELETED);
    for headers in first.callers.iter().rev().take(DELETED) {
        let mut connections = Vec::with_capacity(others.len());
        for other in others {
            let mut connection =
                Connection::open(&called_by(other, vec![headers.clone()]), 0).await?;
            connection.call(0).await?;
            connections.push(connection);
        }
        let path = format!("/api/v1/connectors/{SLUG}");
        let begun = Instant::now();
        sign_in::ask(first.address, Method::DELETE, headers, &path).await?;
        let refusals = try_join_all(connections.iter_mut().map(until_refused));
        tokio::time::timeout(PATIENCE, refusals).await??;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(row(&times, others.len()))
}

/// Calls until the connector is not found.
async fn until_refused(connection: &mut Connection) -> anyhow::Result<()> {
    for id in 1.. {
        match connection.attempt(id).await? {
            Answer::Due(_) => {}
            Answer::Other(StatusCode::NOT_FOUND, _) => break,
            Answer::Other(status, text) => {
                anyhow::bail!("neither refused nor let through: {status} {text}")
            }
        }
    }
    Ok(())
}

/// The row of these times, sorted and in ms.
fn row(times: &[f64], others: usize) -> Row {
    let (median, last) = (percentile(times, 0.5), percentile(times, 1.0));
    Row {
        figure: format!(
            "from deleting a connector at one replica to its refusal by the last of {others} others"
        ),
        goal: "≤ 1 s",
        measured: format!("{last:.1} ms the longest, {median:.1} ms the median, of {DELETED}"),
        is_met: last <= GOAL.as_secs_f64() * 1e3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_all_is_judged() {
        assert!(row(&[1.0, 2.0, 999.0], 3).is_met);
        assert!(!row(&[1.0, 2.0, 1001.0], 3).is_met);
    }
}
