//! Keyway on PostgreSQL: several replicas on one database, and what a call costs beside very many rows.

mod curve;
mod herd;
mod killed;
mod revocation;
mod storm;
mod warm;

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use http::HeaderMap;

use crate::{
    goals::Row,
    keyway::Plan,
    load,
    machine::Cores,
    postgres::Cluster,
    rotation::{BEHAVIOUR_PATH, Behaviour, COUNTS_PATH, Counts},
    run,
    statements::Statements,
    target::Target,
};

/// How many replicas there are at the most.
const MOST: usize = 4;

/// The database whose users have called, which others begin as copies of.
const USED: &str = "used";

/// What was found, in rows.
#[derive(Default)]
pub(crate) struct Found {
    /// What is counted exactly, so that a miss fails the run.
    counted: Vec<Row>,
    /// What has chance in it.
    measured: Vec<Row>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.counted.extend(other.counted);
        self.measured.extend(other.measured);
    }

    /// The table, as Markdown; what is counted comes first.
    pub(crate) fn table(&self) -> Result<String, fmt::Error> {
        let mut text =
            String::from("\n| measured on PostgreSQL | goal | keyway |\n|---|---|---|\n");
        for Row { figure, goal, measured, is_met } in self.counted.iter().chain(&self.measured) {
            let verdict = if *is_met { "" } else { " **missed**" };
            writeln!(text, "| {figure} | {goal} | {measured}{verdict} |")?;
        }
        Ok(text)
    }

    /// What was counted and is not what is due.
    pub(crate) fn miscounts(&self) -> Vec<String> {
        let missed = self.counted.iter().filter(|row| !row.is_met);
        missed.map(|row| row.figure.clone()).collect()
    }
}

/// Measures on a cluster of its own, started with the programs in `binaries`.
///
/// # Errors
/// Where PostgreSQL or Keyway does not start, or what is made before a measurement is refused.
pub(crate) async fn measure(
    plan: &Plan,
    binaries: &Path,
    cores: &Cores,
    is_quick: bool,
) -> anyhow::Result<Found> {
    let cluster = Cluster::start(binaries, cores.upstream).await?;
    let used = cluster.database(USED, None).await?;
    let used = Plan { database: used, ..plan.clone() }.start().await?;
    used.warm_up().await?;
    run::end(vec![used]).await?;

    let database = cluster.database("replicas", Some(USED)).await?;
    let on_replicas = Plan { database, ..plan.clone() };
    let replicas = start(&on_replicas, cores).await?;
    let mut found = Found::default();
    for count in [1, MOST] {
        found.add(storm::measure(&on_replicas, &replicas[..count]).await?);
    }
    let statements = Statements::of(&cluster, "replicas").await?;
    let rounds = if is_quick { warm::QUICK_ROUNDS } else { warm::ROUNDS };
    found.add(warm::measure(&replicas, statements, cores, rounds).await?);
    found.measured.push(revocation::measure(&replicas).await?);
    found.add(herd::measure(&on_replicas, &replicas[0]).await?);
    run::end(replicas).await?;
    found.counted.extend(killed::measure(&on_replicas).await?);
    let scale = if is_quick { curve::QUICK } else { curve::WHOLE };
    found.add(curve::measure(&cluster, plan, USED, scale).await?);
    Ok(found)
}

/// As many replicas on the plan's database as there are at the most, on cores of their own where there are
/// enough.
async fn start(plan: &Plan, cores: &Cores) -> anyhow::Result<Vec<Target>> {
    let mut replicas = Vec::with_capacity(MOST);
    for core in cores.of_targets(MOST) {
        replicas.push(Plan { core, ..plan.clone() }.start_again().await?);
    }
    Ok(replicas)
}

/// The target, called by these callers.
fn called_by(target: &Target, callers: Vec<HeaderMap>) -> Target {
    Target {
        name: target.name,
        address: target.address,
        path: target.path.clone(),
        callers,
        process: None,
        metrics: target.metrics,
        idle: None,
    }
}

/// Has the authorization server that rotates behave so, and count anew.
async fn behave(plan: &Plan, behaviour: Behaviour) -> anyhow::Result<()> {
    let body = serde_json::to_string(&behaviour)?;
    load::post(plan.upstream, BEHAVIOUR_PATH, HeaderMap::new(), body).await?;
    Ok(())
}

/// What that authorization server counted.
async fn counts(plan: &Plan) -> anyhow::Result<Counts> {
    Ok(serde_json::from_str(&load::fetch(plan.upstream, COUNTS_PATH).await?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_not_due_is_told_and_a_figure_with_chance_in_it_is_not() {
        let row = |figure: &str, is_met| Row {
            figure: figure.to_owned(),
            goal: "1",
            measured: "2".to_owned(),
            is_met,
        };
        let mut found = Found { counted: vec![row("queries", false)], measured: vec![] };
        found
            .add(Found { counted: vec![row("requests", true)], measured: vec![row("p99", false)] });
        assert_eq!(found.miscounts(), ["queries"]);
        let table = found.table().expect("it is text");
        assert!(table.ends_with("| requests | 1 | 2 |\n| p99 | 1 | 2 **missed** |\n"), "{table}");
    }
}
