//! Warm calls over more and more replicas: what one costs does not depend on how many there are, and none of them
//! asks the database.

use std::time::Duration;

use super::{Found, MOST};
use crate::{
    cpu::CpuTime, goals::Row, load::Loop, machine::Cores, process::Process, rounds::MANY,
    spread::Spread, statements::Statements, target::Target, verdict::Verdict,
};

/// Over how many the calls go, of those that are running.
const COUNTS: [usize; 3] = [1, 2, MOST];
const TIME: Duration = Duration::from_secs(2);
/// In a whole run.
pub(super) const ROUNDS: usize = 7;
/// In a quick one.
pub(super) const QUICK_ROUNDS: usize = 3;

/// One loop over so many replicas.
struct Figures {
    /// Calls in a second, over all of them.
    rate: f64,
    /// The processor time of a call, in µs.
    cpu: f64,
    /// Queries in a second that calls waited for.
    queries: f64,
    /// Statements in a second that PostgreSQL counted, jobs' as well; `None` where it does not count.
    statements: Option<f64>,
}

/// Calls over one, two and all of these replicas in each round, as callers whom all of them know.
///
/// # Errors
/// Where a call fails.
pub(super) async fn measure(
    replicas: &[Target],
    mut statements: Option<Statements>,
    cores: &Cores,
    rounds: usize,
) -> anyhow::Result<Found> {
    for replica in replicas {
        replica.warm_up().await?;
    }
    let mut measured = COUNTS.map(|_| Vec::with_capacity(rounds));
    for number in 0..rounds {
        let mut order: Vec<usize> = (0..COUNTS.len()).collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let figures = figures(&replicas[..COUNTS[index]], statements.as_mut()).await?;
            measured[index].push(figures);
        }
    }
    Ok(found(&measured, cores))
}

async fn figures(
    replicas: &[Target],
    mut statements: Option<&mut Statements>,
) -> anyhow::Result<Figures> {
    let mut calls = Loop::across(replicas, MANY * replicas.len()).await?;
    if let Some(statements) = &mut statements {
        statements.forget().await?;
    }
    let before = (cpu(replicas)?, asked(replicas).await?);
    let load = calls.run(TIME).await?;
    let after = (cpu(replicas)?, asked(replicas).await?);
    let cpu: f64 = after.0.iter().zip(&before.0).map(|(after, before)| after.since(before)).sum();
    let seconds = load.time.as_secs_f64();
    let ran = match statements {
        Some(statements) => Some(statements.ran().await?),
        None => None,
    };
    Ok(Figures {
        rate: load.rate(),
        cpu: cpu / load.calls() * 1e6,
        queries: (after.1 - before.1) / seconds,
        statements: ran.map(|ran| ran.count() / seconds),
    })
}

fn cpu(replicas: &[Target]) -> anyhow::Result<Vec<CpuTime>> {
    replicas.iter().filter_map(|replica| replica.process.as_ref()).map(Process::cpu_time).collect()
}

async fn asked(replicas: &[Target]) -> anyhow::Result<f64> {
    let mut asked = 0.0;
    for replica in replicas {
        let counted = replica.counter("keyway_database_queries_total", "purpose=\"request\"");
        asked += counted.await?.unwrap_or(0.0);
    }
    Ok(asked)
}

/// What was measured over each count of replicas.
type Measured = [Vec<Figures>; COUNTS.len()];

fn found(measured: &Measured, cores: &Cores) -> Found {
    let mut rows = Vec::new();
    let [one, more @ ..] = measured;
    for (count, rounds) in COUNTS.iter().skip(1).zip(more) {
        let ratio = |of: fn(&Figures) -> f64| {
            Spread::of(rounds.iter().zip(one).map(|(more, one)| of(more) / of(one)))
        };
        rows.extend(ratio(|figures| figures.rate).map(|rate| rate_row(*count, &rate, cores)));
        rows.extend(ratio(|figures| figures.cpu).map(|cpu| Row {
            figure: format!("CPU per warm call over {count} replicas / over 1"),
            goal: "≤ 1.05",
            measured: format!("{cpu:.2}"),
            is_met: Verdict::of_spread(&cpu, 1.05, 2) != Verdict::Missed,
        }));
    }
    let [queries, statements] = queries(measured);
    rows.push(statements);
    Found { counted: vec![queries], measured: rows }
}

/// How the rate grows can be judged where each replica has a core of its own.
fn rate_row(count: usize, rate: &Spread, cores: &Cores) -> Row {
    let (goal, least) = if count == MOST { ("≥ 3.8", 3.8) } else { ("", 0.0) };
    let is_judged = cores.are_enough_for(count);
    let not_judged = format!("; judged with {} cores", count + 2);
    Row {
        figure: format!("warm calls a second over {count} replicas / over 1"),
        goal,
        measured: format!("{rate:.2}{}", if is_judged { "" } else { &not_judged }),
        is_met: !is_judged || rate.high >= least,
    }
}

/// What the warm calls asked of the database, and what it was asked in all.
fn queries(measured: &Measured) -> [Row; 2] {
    let over = COUNTS.map(|count| count.to_string()).join(" / ");
    let each = |of: fn(&Figures) -> Option<f64>| {
        let spreads = measured.iter().map(|rounds| Spread::of(rounds.iter().filter_map(of)));
        let shown = spreads.map(|spread| {
            spread.map_or_else(|| "not counted".to_owned(), |spread| format!("{spread:.1}"))
        });
        shown.collect::<Vec<_>>().join(" / ")
    };
    [
        Row {
            figure: format!("queries a second that warm calls wait for, over {over} replicas"),
            goal: "0",
            measured: each(|figures| Some(figures.queries)),
            is_met: measured.iter().flatten().all(|figures| figures.queries <= 0.0),
        },
        Row {
            figure: format!("statements a second by PostgreSQL's count, over {over} replicas"),
            goal: "",
            measured: each(|figures| figures.statements),
            is_met: true,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(figures: [(f64, f64); 3]) -> Measured {
        figures.map(|(rate, queries)| vec![Figures { rate, cpu: 20.0, queries, statements: None }])
    }

    #[test]
    fn how_the_rate_grows_is_judged_where_each_replica_has_a_core_alone() {
        let cores = |more| Cores { generator: Some(0), upstream: Some(2), target: Some(1), more };
        let measured = measured([(100.0, 0.0), (120.0, 0.0), (130.0, 0.0)]);
        assert!(found(&measured, &cores(vec![])).measured.iter().all(|row| row.is_met));
        let judged = found(&measured, &cores(vec![3, 4, 5])).measured;
        let missed: Vec<&Row> = judged.iter().filter(|row| !row.is_met).collect();
        assert_eq!(missed.len(), 1);
        assert_eq!(missed[0].measured, "1.30");
    }

    #[test]
    fn one_query_of_a_warm_call_misses_the_goal() {
        assert!(!queries(&measured([(1.0, 0.0), (1.0, 0.5), (1.0, 0.0)]))[0].is_met);
        assert!(queries(&measured([(1.0, 0.0); 3]))[0].is_met);
    }
}
