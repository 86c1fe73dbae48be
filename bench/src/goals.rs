//! The goals, and how Keyway stands to each: ratios within one round, so that what the machine did besides
//! is in both sides.

use std::fmt;

use crate::{
    memory::Memory,
    noise::Noise,
    perf::PerCall,
    rounds::{Figures, Round},
    spread::Spread,
    verdict::Verdict,
};

/// All that was measured of one target.
pub(crate) struct Measured {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// The rounds.
    pub(crate) rounds: Vec<Round>,
    /// Memory; none where it has no process of its own.
    pub(crate) memory: Option<Memory>,
    /// What a call takes besides processor time.
    pub(crate) per_call: PerCall,
}

/// All that was measured.
pub(crate) struct Results {
    /// The load straight to the server.
    pub(crate) direct: Measured,
    /// Through the pass-through on the same stack.
    pub(crate) floor: Measured,
    /// Through nginx, where it is installed.
    pub(crate) nginx: Option<Measured>,
    /// Through Keyway, in each mode.
    pub(crate) keyway: Vec<Measured>,
    /// The rate of the open loops, in calls a second.
    pub(crate) rate: f64,
    /// The noise of each round that was made, and whether the round is used.
    pub(crate) noise: Vec<(Noise, bool)>,
    /// What is counted once and exactly, so that a miss fails the run.
    pub(crate) counted: Vec<Row>,
    /// What is measured once, beside the rounds.
    pub(crate) once: Vec<Row>,
}

/// One figure that is measured beside the rounds.
pub(crate) struct Row {
    /// What is measured.
    pub(crate) figure: String,
    /// The goal, in words; empty without one.
    pub(crate) goal: &'static str,
    /// What was measured, in words.
    pub(crate) measured: String,
    /// Whether the goal is met.
    pub(crate) is_met: bool,
}

/// One exact counter, and each mode's counts of it.
pub(crate) struct Counter {
    /// What is counted.
    pub(crate) figure: &'static str,
    /// What is due to each call.
    pub(crate) due: f64,
    /// What was counted, in the modes' order; none where it cannot be.
    pub(crate) counted: Vec<Option<Counts>>,
}

/// What was counted for a call, in the loops that had the least and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counts {
    least: f64,
    most: f64,
}

/// One goal, and each mode's figure for it.
pub(crate) struct Goal {
    /// What is measured.
    pub(crate) figure: &'static str,
    /// What it may be at the most; none where there is no goal for it.
    pub(crate) at_most: Option<f64>,
    /// How many digits after the point tell it.
    pub(crate) digits: usize,
    /// What was measured, in the modes' order; none where it cannot be.
    pub(crate) measured: Vec<Option<Spread>>,
}

impl Counter {
    /// Whether these counts are what is due, in every loop.
    pub(crate) fn verdict(&self, counts: &Counts) -> Verdict {
        let is_due = |count: f64| (count - self.due).abs() < f64::EPSILON;
        Verdict::of(is_due(counts.least) && is_due(counts.most))
    }
}

impl Counts {
    fn of(counts: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        Some(Self {
            least: counts.clone().min_by(f64::total_cmp)?,
            most: counts.max_by(f64::total_cmp)?,
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, most } = self;
        if most > least {
            return write!(f, "{least:.6}–{most:.6}");
        }
        write!(f, "{most:.4}")
    }
}

impl Goal {
    /// How a figure stands to it; none where there is no goal.
    pub(crate) fn verdict(&self, spread: &Spread) -> Option<Verdict> {
        Some(Verdict::of_spread(spread, self.at_most?, self.digits))
    }
}

type Compute<'a> = Box<dyn Fn(&Measured) -> Option<Spread> + 'a>;

impl Results {
    /// The goals but for those that are counted.
    pub(crate) fn goals(&self) -> Vec<Goal> {
        let mut goals = self.ratios();
        goals.extend(self.memory());
        goals
    }

    /// What is counted for each warm call.
    pub(crate) fn counters(&self) -> Vec<Counter> {
        let counter = |figure, due, count: fn(&Figures) -> Option<f64>| {
            let counted = self.keyway.iter().map(|keyway| {
                Counts::of(keyway.rounds.iter().flat_map(Round::loops).filter_map(count))
            });
            Counter { figure, due, counted: counted.collect() }
        };
        vec![
            counter("server requests per warm call, counted by the server", 1.0, |figures| {
                Some(figures.requests)
            }),
            counter("server requests per warm call, counted by Keyway", 1.0, |figures| {
                figures.requests_by_keyway
            }),
            counter("database queries per warm call", 0.0, |figures| figures.queries),
        ]
    }

    /// What was counted and is not what is due. There is no noise in it, so it fails the run.
    pub(crate) fn miscounts(&self) -> Vec<String> {
        let counters = self.counters();
        let warm = counters.iter().filter(|counter| {
            let mut counts = counter.counted.iter().flatten();
            counts.any(|counts| counter.verdict(counts) == Verdict::Missed)
        });
        let once = self.counted.iter().filter(|row| !row.is_met).map(|row| row.figure.clone());
        warm.map(|counter| counter.figure.to_owned()).chain(once).collect()
    }

    fn ratios(&self) -> Vec<Goal> {
        let (floor, direct) = (&self.floor, &self.direct);
        let cpu: fn(&Round) -> Option<f64> = |round| round.many.cpu;
        let nginx = self.nginx.as_ref();
        let added: Compute<'_> = Box::new(move |keyway| {
            let rounds = keyway.rounds.iter().zip(&floor.rounds).zip(&direct.rounds);
            Spread::of(rounds.filter_map(|((keyway, floor), direct)| {
                let added = |round: &Round| round.one.median - direct.one.median;
                // Where the floor adds nothing the round is noise.
                (added(floor) > 0.0).then(|| added(keyway) / added(floor))
            }))
        });
        let to_floor = |figure: fn(&Round) -> Option<f64>| -> Compute<'_> {
            Box::new(move |keyway| ratio(keyway, floor, figure))
        };
        let to_nginx = |keyway: &Measured| ratio(keyway, nginx?, cpu);
        let crowd = to_floor(|round| round.crowd.cpu);
        let p99 = to_floor(|round| Some(round.many.p99));
        let at_rate = to_floor(|round| Some(round.at_rate.p99));
        let first_byte = to_floor(|round| Some(round.first_byte));
        vec![
            self.goal("CPU per call at 32 connections / floor", 1.25, 2, to_floor(cpu)),
            self.goal("CPU per call at 32 connections / nginx", 1.45, 2, to_nginx),
            self.goal("median added at 1 connection / what the floor adds", 1.15, 2, added),
            self.goal("CPU per call at 256 connections / floor", 1.25, 2, crowd),
            self.goal("p99 at 32 connections / floor", 1.3, 2, p99),
            self.goal("p99 at 32 connections and the fixed rate / floor", None, 2, at_rate),
            self.goal("first byte of a stream / floor", 1.1, 2, first_byte),
        ]
    }

    fn memory(&self) -> Vec<Goal> {
        let of = |figure: fn(&Memory) -> f64| -> Compute<'_> {
            Box::new(move |keyway| Spread::of(keyway.memory.as_ref().map(figure)))
        };
        let with_connectors = of(|memory| memory.with_connectors / 1024.0);
        vec![
            self.goal("idle process, MiB resident", 15.0, 1, of(|memory| memory.idle / 1024.0)),
            self.goal("the same with its connectors made, MiB", None, 1, with_connectors),
            self.goal("idle client connection, KiB", 16.0, 1, of(|memory| memory.per_connection)),
            self.goal(
                "extra for an answer of 64 MiB, KiB",
                256.0,
                0,
                of(|memory| memory.large_answer),
            ),
        ]
    }

    fn goal(
        &self,
        figure: &'static str,
        at_most: impl Into<Option<f64>>,
        digits: usize,
        compute: impl Fn(&Measured) -> Option<Spread>,
    ) -> Goal {
        let measured = self.keyway.iter().map(compute).collect();
        Goal { figure, at_most: at_most.into(), digits, measured }
    }
}

/// The ratio of a figure, round by round.
fn ratio(of: &Measured, to: &Measured, figure: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
    let rounds = of.rounds.iter().zip(&to.rounds);
    let ratios = rounds.filter_map(|(of, to)| Some(figure(of)? / figure(to)?));
    Spread::of(ratios.filter(|ratio| ratio.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(median: f64, cpu: f64) -> Figures {
        Figures {
            rate: 1.0,
            median,
            p99: median,
            cpu: Some(cpu),
            requests: 1.0,
            requests_by_keyway: Some(1.0),
            queries: Some(0.0),
        }
    }

    fn measured(name: &'static str, rounds: &[(f64, f64)]) -> Measured {
        let rounds = rounds.iter().map(|(median, cpu)| Round {
            one: figures(*median, *cpu),
            many: figures(*median, *cpu),
            crowd: figures(*median, *cpu),
            at_rate: figures(*median, *cpu),
            first_byte: *median,
        });
        Measured { name, rounds: rounds.collect(), memory: None, per_call: PerCall::default() }
    }

    fn goal_of(results: &Results, figure: &str) -> Option<Spread> {
        let goals = results.goals();
        goals.iter().find(|goal| goal.figure == figure)?.measured[0]
    }

    fn results() -> Results {
        Results {
            direct: measured("direct", &[(10.0, 0.0), (20.0, 0.0)]),
            floor: measured("floor", &[(60.0, 10.0), (120.0, 20.0)]),
            nginx: None,
            keyway: vec![measured("keyway", &[(70.0, 11.0), (140.0, 22.0)])],
            rate: 1.0,
            noise: vec![],
            counted: vec![],
            once: vec![],
        }
    }

    #[test]
    fn ratios_are_of_the_same_round_and_what_is_not_there_is_left_out() {
        let results = results();
        let cpu = goal_of(&results, "CPU per call at 32 connections / floor");
        assert_eq!(cpu.map(|cpu| format!("{cpu:.2}")).as_deref(), Some("1.10"));
        let added = goal_of(&results, "median added at 1 connection / what the floor adds");
        assert_eq!(added.map(|added| format!("{added:.2}")).as_deref(), Some("1.20"));
        assert_eq!(goal_of(&results, "CPU per call at 32 connections / nginx"), None);
        assert_eq!(goal_of(&results, "idle process, MiB resident"), None);
    }

    #[test]
    fn a_count_that_is_not_due_in_one_loop_fails_the_run() {
        let mut results = results();
        let row = |figure: &str, is_met| Row {
            figure: figure.to_owned(),
            goal: "1",
            measured: String::new(),
            is_met,
        };
        results.once = vec![row("a latency", false)];
        results.counted = vec![row("queries of a cold call", true), row("token requests", false)];
        assert_eq!(results.miscounts(), ["token requests"]);
        results.keyway[0].rounds[1].crowd.queries = Some(0.000_01);
        assert_eq!(results.miscounts(), ["database queries per warm call", "token requests"]);
        let counted = results.counters()[2].counted[0].expect("there are counts");
        assert_eq!(counted.to_string(), "0.000000–0.000010");
    }
}
