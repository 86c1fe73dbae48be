//! The cost curve: what calls cost beside few and beside very many connectors of users who are away.

use std::time::Duration;

use anyhow::Context as _;

use crate::{
    copies,
    goals::Row,
    keyway::Plan,
    load::Loop,
    once::{self, Cold},
    rounds::MANY,
    run,
    spread::Spread,
    target::Target,
};

const FEW: u32 = 1_000;
/// In a whole run, and in a quick one.
pub(crate) const PLENTY: u32 = 1_000_000;
pub(crate) const QUICK_PLENTY: u32 = 100_000;
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(1);

/// The ratios of the dearer database to the cheaper, on copies of one whose users have called before.
///
/// # Errors
/// Where a database cannot be filled, Keyway does not start, or a call fails.
pub(crate) async fn measure(plan: &Plan, connectors: u32) -> anyhow::Result<Vec<Row>> {
    let few = beside(plan, FEW).await?.start_again().await?;
    let plenty = beside(plan, connectors).await?.start_again().await?;
    let cold = [once::cold(&few).await?, once::cold(&plenty).await?];
    few.warm_up().await?;
    plenty.warm_up().await?;
    let mut ratios = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let before = cpu(&few).await?;
        ratios.push(cpu(&plenty).await? / before);
    }
    run::end(vec![few, plenty]).await?;
    Ok(rows(Spread::of(ratios), &cold, connectors))
}

fn rows(warm: Option<Spread>, [few, plenty]: &[Cold; 2], connectors: u32) -> Vec<Row> {
    let (queries, more) = (plenty.queries, plenty.more / few.more);
    let (before, after) = (few.more, plenty.more);
    vec![
        Row {
            figure: format!("CPU per warm call beside {connectors} connectors / beside {FEW}"),
            goal: "≤ 1.05",
            measured: warm.map_or_else(String::new, |warm| format!("{warm:.2}")),
            is_met: warm.is_some_and(|warm| warm.median <= 1.05),
        },
        Row {
            figure: format!("what a cold call takes more, beside {connectors} / beside {FEW}"),
            goal: "≤ 1.6",
            measured: format!("{more:.2} ({after:.0} µs / {before:.0} µs; {queries:.4} queries)"),
            is_met: more <= 1.6,
        },
    ]
}

/// A copy of the database with a connector and a grant besides of each of that many other users.
async fn beside(plan: &Plan, connectors: u32) -> anyhow::Result<Plan> {
    let statements = [
        copies::of_a_connector("others", connectors),
        "UPDATE others SET id = randomblob(16), user_id = 'other-' || rowid".to_owned(),
        "CREATE TEMP TABLE theirs AS SELECT g.* FROM others, (SELECT * FROM grants LIMIT 1) AS g"
            .to_owned(),
        "UPDATE theirs SET user_id = 'other-' || rowid, \
         connector_id = (SELECT id FROM others WHERE others.rowid = theirs.rowid)"
            .to_owned(),
        "INSERT INTO connectors SELECT * FROM others".to_owned(),
        "INSERT INTO grants SELECT * FROM theirs".to_owned(),
    ];
    copies::of_database(plan, &connectors.to_string(), &statements).await
}

/// The processor time of a warm call, in µs.
///
/// # Errors
/// Where a call fails.
pub(crate) async fn cpu(target: &Target) -> anyhow::Result<f64> {
    let process = target.process.as_ref().context("Keyway is a process")?;
    let mut calls = Loop::open(target, MANY).await?;
    let before = process.cpu_time()?;
    let load = calls.run(TIME).await?;
    Ok(process.cpu_time()?.since(&before) / load.calls() * 1e6)
}
