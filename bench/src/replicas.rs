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

/// Measures on a cluster of its own, started with the programs in `binaries`, and gives the table.
///
/// # Errors
/// Where PostgreSQL or Keyway does not start, or what is made before a measurement is refused.
pub(crate) async fn measure(
    plan: &Plan,
    binaries: &Path,
    cores: &Cores,
    is_quick: bool,
) -> anyhow::Result<String> {
    let cluster = Cluster::start(binaries, cores.upstream).await?;
    let used = cluster.database(USED, None).await?;
    let used = Plan { database: used, ..plan.clone() }.start().await?;
    used.warm_up().await?;
    run::end(vec![used]).await?;

    let database = cluster.database("replicas", Some(USED)).await?;
    let on_replicas = Plan { database, ..plan.clone() };
    let replicas = start(&on_replicas, cores).await?;
    let mut rows = Vec::new();
    for count in [1, MOST] {
        rows.extend(storm::measure(&on_replicas, &replicas[..count]).await?);
    }
    let statements = Statements::of(&cluster, "replicas").await?;
    let rounds = if is_quick { warm::QUICK_ROUNDS } else { warm::ROUNDS };
    rows.extend(warm::measure(&replicas, statements, cores, rounds).await?);
    rows.push(revocation::measure(&replicas).await?);
    rows.extend(herd::measure(&on_replicas, &replicas[0]).await?);
    run::end(replicas).await?;
    rows.extend(killed::measure(&on_replicas).await?);
    let scale = if is_quick { curve::QUICK } else { curve::WHOLE };
    rows.extend(curve::measure(&cluster, plan, USED, scale).await?);
    Ok(table(&rows)?)
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

fn table(rows: &[Row]) -> Result<String, fmt::Error> {
    let mut text = String::from("\n| measured on PostgreSQL | goal | keyway |\n|---|---|---|\n");
    for Row { figure, goal, measured, is_met } in rows {
        let verdict = if *is_met { "" } else { " **missed**" };
        writeln!(text, "| {figure} | {goal} | {measured}{verdict} |")?;
    }
    Ok(text)
}
