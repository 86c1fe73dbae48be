//! The table of peers, as Markdown.

use std::fmt::{self, Write as _};

use super::rounds::{Figures, Measured, Plan, Way};
use crate::{
    rounds::MANY,
    spread::{Spread, median_of},
    verdict::Verdict,
};

/// One row of the table.
pub(crate) struct Row {
    /// Product and version.
    pub(crate) name: String,
    /// How many times its calls Keyway shall make in a second of processor time; none for what is ours.
    pub(crate) at_least: Option<f64>,
    /// What was measured, or why nothing could be.
    pub(crate) way: anyhow::Result<Way>,
}

const COLUMNS: usize = 16;

/// What was measured, in words and a table; the second row is Keyway's.
///
/// # Errors
/// Where a text cannot be written.
pub(crate) fn table(rows: &[Row], plan: Plan) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let (one, many) = (plan.one.as_secs_f64(), plan.many.as_secs_f64());
    writeln!(
        text,
        "\n{} rounds of {one} s with 1 and {many} s with {MANY} connections.\n",
        plan.rounds
    )?;
    writeln!(
        text,
        "| on one core | calls/s, 1 | median, 1 | p99, 1 | CPU/call, 1 | requests/call, 1 \
         | calls/s, {MANY} | median, {MANY} | p99, {MANY} | CPU/call, {MANY} | requests/call, {MANY} \
         | PSS idle | PSS peak | Keyway's calls per second of CPU / its | goal | what failed |"
    )?;
    writeln!(text, "|{}", "---|".repeat(COLUMNS))?;
    let keyway = rows.get(1).and_then(measured).map_or(&[][..], |measured| &measured.many);
    for row in rows {
        write!(text, "| {} |", row.name)?;
        match &row.way {
            Ok(way) => figures(&mut text, &way.measured)?,
            Err(_) => text.push_str(&" – |".repeat(12)),
        }
        goal(&mut text, row, keyway)?;
    }
    Ok(text)
}

fn measured(row: &Row) -> Option<&Measured> {
    row.way.as_ref().ok().map(|way| &way.measured)
}

fn figures(text: &mut String, measured: &Measured) -> fmt::Result {
    for rounds in [&measured.one, &measured.many] {
        let median = |figure: fn(&Figures) -> f64| median_of(rounds.iter().map(figure).collect());
        cell(text, median(|figures| figures.rate), "")?;
        cell(text, median(|figures| figures.median / 1e3), " ms")?;
        cell(text, median(|figures| figures.p99 / 1e3), " ms")?;
        cell(text, median(|figures| figures.cpu / 1e3), " ms")?;
        cell(text, median(|figures| figures.requests), "")?;
    }
    write!(text, " {:.1} MiB | {:.1} MiB |", measured.idle / 1024.0, measured.peak / 1024.0)
}

/// The median of the rounds, with two digits where it is small.
fn cell(text: &mut String, median: Option<f64>, unit: &str) -> fmt::Result {
    match median {
        Some(figure) if figure < 100.0 => write!(text, " {figure:.2}{unit} |"),
        Some(figure) => write!(text, " {figure:.0}{unit} |"),
        None => write!(text, " – |"),
    }
}

fn goal(text: &mut String, row: &Row, keyway: &[Figures]) -> fmt::Result {
    let failed = match &row.way {
        Ok(way) => way.measured.failed.clone().unwrap_or_default(),
        Err(missing) => format!("left out: {missing:#}"),
    };
    let failed = failed.replace('|', "/").replace('\n', " ");
    let Some(at_least) = row.at_least else { return writeln!(text, " | | {failed} |") };
    match measured(row).and_then(|measured| times(keyway, &measured.many)) {
        Some(times) => {
            let verdict = Verdict::of(times.median >= at_least);
            writeln!(text, " {times:.0} | ≥ {at_least} {verdict} | {failed} |")
        }
        None => writeln!(text, " – | ≥ {at_least} | {failed} |"),
    }
}

/// How many calls Keyway makes in the processor time of one of the peer's, round by round.
fn times(keyway: &[Figures], peer: &[Figures]) -> Option<Spread> {
    let rounds = keyway.iter().zip(peer);
    let times = rounds.map(|(keyway, peer)| peer.cpu / keyway.cpu);
    Spread::of(times.filter(|times| times.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(cpu: f64) -> Figures {
        Figures { rate: 1.0, median: 1.0, p99: 1.0, cpu, requests: 1.0 }
    }

    #[test]
    fn a_ratio_is_of_the_same_round_and_of_the_rounds_that_both_have() {
        let keyway = [figures(10.0), figures(20.0), figures(40.0)];
        let spread = times(&keyway, &[figures(1_000.0), figures(6_000.0)]);
        assert_eq!(spread, Some(Spread { low: 100.0, median: 200.0, high: 300.0 }));
        assert_eq!(times(&keyway, &[]), None);
    }

    #[test]
    fn a_peer_that_is_missing_has_a_row_that_says_why() {
        let way = Err(anyhow::anyhow!("no | such\nversion"));
        let row = Row { name: "Peer 1".to_owned(), at_least: Some(100.0), way };
        let plan = super::super::QUICK;
        let text = table(&[row], plan).expect("a text");
        let last = text.lines().last().expect("a row");
        assert!(last.ends_with("| – | ≥ 100 | left out: no / such version |"), "{last}");
        assert_eq!(last.matches('|').count(), COLUMNS + 1);
    }
}
