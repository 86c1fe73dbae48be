//! The cost curve: what calls cost beside more and more connectors of users who are away, and what the
//! database itself takes for a cold one.

use super::Found;
use crate::{
    curve,
    goals::Row,
    keyway::{Plan, USERS},
    once,
    postgres::Cluster,
    run,
    spread::Spread,
    statements::{Ran, Statements},
    verdict::Verdict,
};

/// How many connectors and grants of others, the cheapest first.
const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How many of them are measured, and in how many rounds.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    sizes: usize,
    rounds: usize,
}

/// In a whole run.
pub(super) const WHOLE: Scale = Scale { sizes: 4, rounds: 5 };
/// In a quick one.
pub(super) const QUICK: Scale = Scale { sizes: 3, rounds: 3 };

/// One round beside so many connectors.
struct Round {
    /// The processor time of a warm call, in µs.
    warm: f64,
    /// Database queries that a cold call waited for.
    queries: f64,
    /// What PostgreSQL counted while each user called twice, the first time cold; `None` where it does not
    /// count.
    ran: Option<Ran>,
}

impl Round {
    /// What PostgreSQL took for a look-up, in µs.
    fn time(&self) -> Option<f64> {
        self.ran.as_ref().map(Ran::look_up_time)
    }
}

/// Measures on databases that begin as copies of this one, whose users have called before.
///
/// # Errors
/// Where a database cannot be filled, Keyway does not start, or a call fails.
pub(super) async fn measure(
    cluster: &Cluster,
    plan: &Plan,
    copied: &str,
    scale: Scale,
) -> anyhow::Result<Found> {
    let sizes = &SIZES[..scale.sizes];
    let mut plans = Vec::with_capacity(sizes.len());
    for size in sizes {
        let name = name(*size);
        let database = cluster.database(&name, Some(copied)).await?;
        cluster.execute(&name, &filling(*size)).await?;
        plans.push(Plan { database, ..plan.clone() });
    }
    let mut measured: Vec<Vec<Round>> = sizes.iter().map(|_| Vec::new()).collect();
    for number in 0..scale.rounds {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let database = name(sizes[index]);
            measured[index].push(round(cluster, &plans[index], &database).await?);
        }
    }
    Ok(found(sizes, &measured))
}

fn name(size: u32) -> String {
    format!("beside_{size}")
}

/// A connector and a grant of each of so many others, like those that are there. What binds one row to another
/// is true of them, and is not looked at for each.
fn filling(size: u32) -> String {
    format!(
        "SET session_replication_role = replica; \
         CREATE TEMP TABLE others AS SELECT c.* FROM generate_series(1, {size}) AS n, \
         (SELECT * FROM connectors LIMIT 1) AS c; \
         UPDATE others SET id = gen_random_uuid(), user_id = 'other-' || gen_random_uuid(); \
         CREATE TEMP TABLE theirs AS SELECT o.id AS of_id, o.user_id AS of_user, g.* \
         FROM others AS o, (SELECT * FROM grants LIMIT 1) AS g; \
         UPDATE theirs SET connector_id = of_id, user_id = of_user; \
         ALTER TABLE theirs DROP COLUMN of_id, DROP COLUMN of_user; \
         INSERT INTO connectors SELECT * FROM others; \
         INSERT INTO grants SELECT * FROM theirs; \
         VACUUM (ANALYZE) connectors; \
         VACUUM (ANALYZE) grants; \
         CHECKPOINT"
    )
}

/// Starts Keyway, calls as users it does not know yet, and then with warm ones.
async fn round(cluster: &Cluster, plan: &Plan, database: &str) -> anyhow::Result<Round> {
    let target = plan.start_again().await?;
    let mut statements = Statements::of(cluster, database).await?;
    if let Some(statements) = &mut statements {
        statements.forget().await?;
    }
    let queries = once::cold(&target).await?.queries;
    let ran = match &mut statements {
        Some(statements) => Some(statements.ran().await?),
        None => None,
    };
    target.warm_up().await?;
    let warm = curve::cpu(&target).await?;
    run::end(vec![target]).await?;
    Ok(Round { warm, queries, ran })
}

fn found(sizes: &[u32], measured: &[Vec<Round>]) -> Found {
    let counted = std::iter::once(queries(sizes, measured)).chain(statements(sizes, measured));
    let mut found = Found { counted: counted.collect(), measured: vec![] };
    let mut all = sizes.iter().zip(measured);
    let Some((few, rounds_beside_few)) = all.next() else { return found };
    for (size, rounds) in all {
        let warm = rounds.iter().zip(rounds_beside_few).map(|(more, few)| more.warm / few.warm);
        found.measured.push(row(
            format!("CPU per warm call beside {size} connectors / beside {few}"),
            ("≤ 1.05", 1.05),
            Spread::of(warm),
            "",
        ));
        let ratios = rounds.iter().zip(rounds_beside_few);
        let ratios = ratios.filter_map(|(more, few)| Some(more.time()? / few.time()?));
        let time = |rounds: &[Round]| Spread::of(rounds.iter().filter_map(Round::time));
        let times = time(rounds).zip(time(rounds_beside_few));
        let times =
            times.map(|(more, few)| format!(": {:.0} µs / {:.0} µs", more.median, few.median));
        found.measured.push(row(
            format!("PostgreSQL's own time of a cold call beside {size} / beside {few}"),
            ("≤ 1.6", 1.6),
            Spread::of(ratios),
            &times.unwrap_or_default(),
        ));
    }
    found
}

fn row(figure: String, (goal, most): (&'static str, f64), ratio: Option<Spread>, of: &str) -> Row {
    let is_missed = |ratio: Spread| Verdict::of_spread(&ratio, most, 2) == Verdict::Missed;
    let is_met = !ratio.is_some_and(is_missed);
    let measured =
        ratio.map_or_else(|| "not counted".to_owned(), |ratio| format!("{ratio:.2}{of}"));
    Row { figure, goal, measured, is_met }
}

/// What each cold call asked, by Keyway's count, in all rounds.
fn queries(sizes: &[u32], measured: &[Vec<Round>]) -> Row {
    let beside: Vec<String> = sizes.iter().map(u32::to_string).collect();
    let spreads =
        measured.iter().filter_map(|rounds| Spread::of(rounds.iter().map(|round| round.queries)));
    let spreads: Vec<Spread> = spreads.collect();
    let shown: Vec<String> = spreads.iter().map(|spread| format!("{spread:.4}")).collect();
    Row {
        figure: format!("database queries of a cold call beside {} connectors", beside.join(" / ")),
        goal: "1",
        measured: shown.join(" / "),
        is_met: measured.iter().flatten().all(|round| (round.queries - 1.0).abs() < f64::EPSILON),
    }
}

/// All that PostgreSQL was asked in the last round beside the most.
fn statements(sizes: &[u32], measured: &[Vec<Round>]) -> Option<Row> {
    let ran = measured.last()?.last()?.ran.as_ref()?;
    Some(Row {
        figure: format!("statements while {USERS} users called cold, beside {}", sizes.last()?),
        goal: "one for each",
        measured: ran.list(),
        is_met: usize::try_from(ran.look_ups()).is_ok_and(|look_ups| look_ups == USERS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(figures: &[(f64, f64)]) -> Vec<Round> {
        let rounds = figures.iter().map(|&(warm, queries)| Round { warm, queries, ran: None });
        rounds.collect()
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let few = beside(&[(20.0, 1.0), (40.0, 1.0)]);
        let rows = found(&SIZES[..2], &[few, beside(&[(20.0, 1.0), (44.0, 1.0)])]).measured;
        assert_eq!(rows[0].measured, "1.05 (1.00–1.10)");
        assert!(rows[0].is_met);
        assert_eq!(rows[1].measured, "not counted");
    }

    #[test]
    fn one_query_too_many_in_one_round_misses_the_goal() {
        let (few, more) = (beside(&[(20.0, 1.0); 2]), beside(&[(20.0, 1.0), (20.0, 1.004)]));
        let row = queries(&SIZES[..2], &[few, more]);
        assert_eq!(row.measured, "1.0000 / 1.0020 (1.0000–1.0040)");
        assert!(!row.is_met);
    }
}
