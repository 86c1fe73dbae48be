//! The rounds: every process anew, the loops one after the other, and a round made again in which others took
//! too much of the machine.

use std::{net::SocketAddr, time::Duration};

use crate::{
    load::{self, Loop},
    noise::{self, Noise, Reading},
    process::Process,
    run,
    target::Target,
    targets::Targets,
    turns::{Shape, Turns},
    upstream,
};

/// How many connections call at once in the second loop.
pub(crate) const MANY: usize = 32;
/// How many in the third.
pub(crate) const CROWD: usize = 256;

/// What part of the floor's calls a second are made in the open loop: so few that no target is busy
/// throughout.
const SHARE: f64 = 1.0 / 3.0;

/// In how many turns each loop runs. A crowd has only one, since each begins with more connections to the server than
/// a target keeps.
const TURNS_OF_ONE: u32 = 30;
const TURNS_OF_MANY: u32 = 10;
const TURNS_OF_CROWD: u32 = 1;
const TURNS_AT_RATE: u32 = 3;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// How many rounds.
    pub(crate) rounds: usize,
    /// How long each loop of a round runs over each target.
    pub(crate) time: Duration,
    /// How many streams each round opens over each target.
    pub(crate) streams: u64,
}

/// What one loop over one target measured.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Calls in a second.
    pub(crate) rate: f64,
    /// The median of the latency, in µs.
    pub(crate) median: f64,
    /// The latency that 99 of 100 calls do not reach, in µs.
    pub(crate) p99: f64,
    /// The target's processor time for a call, in µs; none where it has no process of its own.
    pub(crate) cpu: Option<f64>,
    /// Requests that the server took for a call, by its own count.
    pub(crate) requests: f64,
    /// Requests sent to servers for a call, by Keyway's count.
    pub(crate) requests_by_keyway: Option<f64>,
    /// Database queries that a call waited for, by Keyway's count.
    pub(crate) queries: Option<f64>,
}

/// What one round measured of one target.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// With one connection.
    pub(crate) one: Figures,
    /// With [`MANY`].
    pub(crate) many: Figures,
    /// With [`CROWD`].
    pub(crate) crowd: Figures,
    /// With [`MANY`], at the fixed rate; latencies are from when a call was due.
    pub(crate) at_rate: Figures,
    /// The median time to the first byte of a stream, in µs.
    pub(crate) first_byte: f64,
}

impl Round {
    /// All its loops.
    pub(crate) fn loops(&self) -> [&Figures; 4] {
        [&self.one, &self.many, &self.crowd, &self.at_rate]
    }
}

/// The server's process and address, which each figure needs besides the target.
pub(crate) struct Upstream {
    /// Its process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Upstream {
    /// How many requests it has taken, by its own count.
    ///
    /// # Errors
    /// Where it does not say.
    pub(crate) async fn requests(&self) -> anyhow::Result<f64> {
        Ok(load::fetch(self.address, upstream::COUNT_PATH).await?.parse()?)
    }
}

/// The rounds that were made.
pub(crate) struct Rounds {
    /// Each target's, in the targets' order: of the rounds that are used.
    pub(crate) figures: Vec<Vec<Round>>,
    /// The noise of each, and whether it is used.
    pub(crate) noise: Vec<(Noise, bool)>,
}

/// The rate of the open loops: a part of what the floor does in a closed loop, in calls a second.
///
/// # Errors
/// Where a call fails.
pub(crate) async fn fixed_rate(floor: &Target, plan: Plan) -> anyhow::Result<f64> {
    let load = Loop::open(floor, MANY).await?.run(plan.time).await?;
    Ok(load.rate() * SHARE)
}

/// Measures every target in each round, the open loops at `rate` calls a second.
///
/// # Errors
/// Where a target cannot be started or a call fails: figures of wrong answers are worth nothing.
pub(crate) async fn measure(
    targets: &Targets<'_>,
    upstream: &Upstream,
    plan: Plan,
    rate: f64,
) -> anyhow::Result<Rounds> {
    let (mut made, mut noises) = (Vec::new(), Vec::new());
    while !noise::are_enough(&noises, plan.rounds) {
        let targets = targets.start_again().await?;
        let turns = Turns { targets: &targets, upstream, round: made.len() };
        let ids = targets.iter().filter_map(|target| target.process.as_ref()).map(Process::id);
        let own: Vec<u32> = ids.chain([std::process::id(), upstream.process.id()]).collect();
        let before = Reading::now(&own)?;
        made.push(round(turns, plan, rate).await?);
        noises.push(Reading::now(&own)?.since(&before)?);
        run::end(targets).await?;
    }
    let used = noise::used(&noises);
    let kept = made.into_iter().zip(&used).filter(|(_, is_used)| **is_used);
    let figures = by_target(kept.map(|(round, _)| round));
    Ok(Rounds { figures, noise: noises.into_iter().zip(used).collect() })
}

/// One round, of each target.
async fn round(turns: Turns<'_>, plan: Plan, rate: f64) -> anyhow::Result<Vec<Round>> {
    let shape = |connections, rate, turns| Shape { connections, rate, turns };
    let of = async |shape| turns.figures(shape, plan.time).await;
    let one = of(shape(1, None, TURNS_OF_ONE)).await?;
    let many = of(shape(MANY, None, TURNS_OF_MANY)).await?;
    let crowd = of(shape(CROWD, None, TURNS_OF_CROWD)).await?;
    let at_rate = of(shape(MANY, Some(rate), TURNS_AT_RATE)).await?;
    let first_bytes = turns.first_bytes(plan.streams).await?;
    let loops = one.into_iter().zip(many).zip(crowd).zip(at_rate).zip(first_bytes);
    Ok(loops
        .map(|((((one, many), crowd), at_rate), first_byte)| Round {
            one,
            many,
            crowd,
            at_rate,
            first_byte,
        })
        .collect())
}

/// Each target's rounds, from the targets of each round.
fn by_target(rounds: impl Iterator<Item = Vec<Round>>) -> Vec<Vec<Round>> {
    let mut of_targets = Vec::new();
    for round in rounds {
        of_targets.resize_with(round.len(), Vec::new);
        for (rounds, figures) in of_targets.iter_mut().zip(round) {
            rounds.push(figures);
        }
    }
    of_targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(median: f64) -> Round {
        let figures = Figures {
            rate: 1.0,
            median,
            p99: median,
            cpu: None,
            requests: 1.0,
            requests_by_keyway: None,
            queries: None,
        };
        let [one, many, crowd, at_rate] = std::array::from_fn(|_| figures.clone());
        Round { one, many, crowd, at_rate, first_byte: median }
    }

    #[test]
    fn each_target_has_its_own_figure_of_every_round() {
        let rounds = [vec![round(1.0), round(2.0)], vec![round(3.0), round(4.0)]];
        let of_targets = by_target(rounds.into_iter());
        let medians = |rounds: &[Round]| rounds.iter().map(|round| round.one.median).collect();
        let medians: Vec<Vec<f64>> = of_targets.iter().map(|rounds| medians(rounds)).collect();
        assert_eq!(medians, [[1.0, 3.0], [2.0, 4.0]]);
    }
}
