//! The tables, as Markdown.

use std::fmt::{self, Write as _};

use crate::{
    goals::{Counter, Goal, Measured, Results, Row},
    machine::Cores,
    noise::Noise,
    perf::PerCall,
    rounds::{CROWD, Figures, MANY, Plan, Round},
    spread::median_of,
    verdict::Verdict,
};

/// Everything that was measured, in words and tables.
pub(crate) fn tables(results: &Results, cores: &Cores, plan: Plan) -> Result<String, fmt::Error> {
    let mut text = String::new();
    conditions(&mut text, results, cores, plan)?;
    figures(&mut text, results)?;
    goals(&mut text, results)?;
    once(&mut text, results)?;
    Ok(text)
}

fn all(results: &Results) -> impl Iterator<Item = &Measured> {
    let before = [&results.direct, &results.floor].into_iter().chain(&results.nginx);
    before.chain(&results.keyway)
}

fn conditions(text: &mut String, results: &Results, cores: &Cores, plan: Plan) -> fmt::Result {
    let time = plan.time.as_secs_f64();
    writeln!(text, "{} rounds of {time} s for each loop and target.", plan.rounds)?;
    writeln!(text, "At the fixed rate: {:.0} calls/s over {MANY} connections.", results.rate)?;
    match cores {
        Cores {
            generator: Some(generator),
            upstream: Some(upstream),
            target: Some(target),
            ..
        } => {
            writeln!(
                text,
                "Load on core {generator}, server on core {upstream}, target on core {target}."
            )?;
        }
        _ => writeln!(text, "No cores are kept apart: one core, or no taskset.")?,
    }
    if results.nginx.is_none() {
        writeln!(text, "nginx is not installed and left out.")?;
    }
    noise(text, &results.noise, plan.rounds)
}

/// The machine in each round, and what was dropped.
fn noise(text: &mut String, rounds: &[(Noise, bool)], planned: usize) -> fmt::Result {
    let used = rounds.iter().filter(|(_, is_used)| *is_used).count();
    let noisy = rounds.iter().filter(|(noise, _)| !noise.is_quiet()).count();
    let dropped = rounds.len() - used;
    let (made, took) = (rounds.len(), "others or the host took more than 5 % of a core");
    match (noisy, dropped) {
        (0, _) => writeln!(text, "No round was noisy.")?,
        (_, 0) => {
            writeln!(text, "**Noisy**: in {noisy} of {made} rounds {took}, and all are used.")?;
        }
        _ => {
            writeln!(text, "{dropped} of {made} rounds were dropped, in which {took}.")?;
            writeln!(text, "{used} rounds are used of {planned} planned.")?;
        }
    }
    writeln!(text, "\n| round | load average | steal, % of a core | others, % of a core | |")?;
    writeln!(text, "|{}", "---|".repeat(5))?;
    for (number, (Noise { load_average, steal, others }, is_used)) in (1..).zip(rounds) {
        let (steal, others) = (steal * 100.0, others * 100.0);
        let dropped = if *is_used { "" } else { "dropped" };
        writeln!(text, "| {number} | {load_average:.2} | {steal:.1} | {others:.1} | {dropped} |")?;
    }
    writeln!(text)
}

fn figures(text: &mut String, results: &Results) -> fmt::Result {
    write!(
        text,
        "| target | calls/s, 1 | median, 1 | p99, 1 | CPU/call, 1 | calls/s, {MANY} | median, {MANY} \
         | p99, {MANY} | CPU/call, {MANY} | p99, fixed rate | CPU/call, {CROWD} | first byte | idle | per connection |"
    )?;
    let perf = counted_by_perf(results);
    for (name, _) in &perf {
        write!(text, " {name}/call, {MANY} |")?;
    }
    writeln!(text, "\n|{}", "---|".repeat(14 + perf.len()))?;
    for measured in all(results) {
        write!(text, "| {} |", measured.name)?;
        loops(text, &measured.rounds, |round| &round.one)?;
        loops(text, &measured.rounds, |round| &round.many)?;
        let at_rate = measured.rounds.iter().map(|round| round.at_rate.p99);
        cell(text, median_of(at_rate.collect()), 0, "µs")?;
        let crowd = measured.rounds.iter().filter_map(|round| round.crowd.cpu);
        cell(text, median_of(crowd.collect()), 1, "µs")?;
        let first = measured.rounds.iter().map(|round| round.first_byte);
        cell(text, median_of(first.collect()), 0, "µs")?;
        let memory = measured.memory.as_ref();
        cell(text, memory.map(|memory| memory.idle / 1024.0), 1, "MiB")?;
        cell(text, memory.map(|memory| memory.per_connection), 1, "KiB")?;
        for (_, of) in &perf {
            cell(text, of(&measured.per_call), 1, "")?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}

type CountedByPerf = (&'static str, fn(&PerCall) -> Option<f64>);

/// What perf could count here.
fn counted_by_perf(results: &Results) -> Vec<CountedByPerf> {
    let counters: [CountedByPerf; 2] = [
        ("system calls", |per_call| per_call.system_calls),
        ("instructions", |per_call| per_call.instructions),
    ];
    let is_there = |(_, of): &CountedByPerf| all(results).any(|one| of(&one.per_call).is_some());
    counters.into_iter().filter(is_there).collect()
}

/// The four cells of one loop: each the median of the rounds.
fn loops(text: &mut String, rounds: &[Round], of: fn(&Round) -> &Figures) -> fmt::Result {
    let median = |figure: fn(&Figures) -> Option<f64>| {
        median_of(rounds.iter().map(of).filter_map(figure).collect())
    };
    cell(text, median(|figures| Some(figures.rate)), 0, "")?;
    cell(text, median(|figures| Some(figures.median)), 0, "µs")?;
    cell(text, median(|figures| Some(figures.p99)), 0, "µs")?;
    cell(text, median(|figures| figures.cpu), 1, "µs")
}

fn cell(text: &mut String, figure: Option<f64>, digits: usize, unit: &str) -> fmt::Result {
    match figure {
        Some(figure) if unit.is_empty() => write!(text, " {figure:.digits$} |"),
        Some(figure) => write!(text, " {figure:.digits$} {unit} |"),
        None => write!(text, " – |"),
    }
}

fn goals(text: &mut String, results: &Results) -> fmt::Result {
    write!(text, "| median (95 % interval of the rounds) | goal |")?;
    for keyway in &results.keyway {
        write!(text, " {} |", keyway.name)?;
    }
    writeln!(text, "\n|{}", "---|".repeat(2 + results.keyway.len()))?;
    for counter in results.counters() {
        counter_row(text, &counter)?;
    }
    for goal in results.goals() {
        goal_row(text, &goal)?;
    }
    Ok(())
}

fn counter_row(text: &mut String, counter: &Counter) -> fmt::Result {
    write!(text, "| {} | {} |", counter.figure, counter.due)?;
    for counts in &counter.counted {
        let Some(counts) = counts else {
            write!(text, " – |")?;
            continue;
        };
        write!(text, " {counts}{} |", after(Some(counter.verdict(counts))))?;
    }
    writeln!(text)
}

fn goal_row(text: &mut String, goal: &Goal) -> fmt::Result {
    let at_most = goal.at_most.map_or_else(String::new, |at_most| format!("≤ {at_most}"));
    write!(text, "| {} | {at_most} |", goal.figure)?;
    for spread in &goal.measured {
        let Some(spread) = spread else {
            write!(text, " – |")?;
            continue;
        };
        write!(text, " {spread:.*}{} |", goal.digits, after(goal.verdict(spread)))?;
    }
    writeln!(text)
}

/// A verdict as it follows the figure.
fn after(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(String::new, |verdict| format!(" {verdict}"))
}

/// What is counted comes first.
fn once(text: &mut String, results: &Results) -> fmt::Result {
    writeln!(text, "\n| measured once | goal | keyway, OAuth of 256 users | |\n|---|---|---|---|")?;
    for Row { figure, goal, measured, is_met } in results.counted.iter().chain(&results.once) {
        let verdict = (!goal.is_empty()).then(|| Verdict::of(*is_met));
        writeln!(text, "| {figure} | {goal} | {measured} |{} |", after(verdict))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(others: &[f64], are_used: bool) -> String {
        let rounds = others.iter().map(|&others| {
            let noise = Noise { load_average: 2.0, steal: 0.0, others };
            (noise, are_used || noise.is_quiet())
        });
        let mut text = String::new();
        noise(&mut text, &rounds.collect::<Vec<_>>(), 3).expect("a text");
        text
    }

    #[test]
    fn it_is_told_how_many_rounds_were_dropped_and_when_noisy_ones_are_used() {
        assert!(told(&[0.01; 3], false).starts_with("No round was noisy.\n"));
        let dropped = told(&[0.01, 0.5, 0.01, 0.01], false);
        assert!(dropped.starts_with("1 of 4 rounds were dropped"), "{dropped}");
        assert!(dropped.contains("| 2 | 2.00 | 0.0 | 50.0 | dropped |\n| 3 |"), "{dropped}");
        assert!(dropped.contains("\n3 rounds are used of 3 planned."), "{dropped}");
        let noisy = told(&[0.5; 6], true);
        assert!(noisy.starts_with("**Noisy**: in 6 of 6 rounds"), "{noisy}");
    }
}
