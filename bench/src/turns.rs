//! One loop over every target in short turns, there and back: what is compared was measured within a fraction of
//! a second, and what the machine does meanwhile falls on all.

use std::time::Duration;

use crate::{
    connection::Connection,
    load::{Load, Loop},
    process::Process,
    rounds::{Figures, Upstream},
    spread::{median_of, percentile},
    target::Target,
};

/// How long a turn calls before anything is measured: by then the target is awake again.
const LEAD_IN: Duration = Duration::from_millis(5);
/// In how many turns the streams of a round are opened.
const TURNS_OF_STREAMS: usize = 10;
/// How many streams a turn opens before anything is measured, for the same.
const STREAMS_BEFORE: u64 = 5;

/// A loop of each round.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// How many connections call at once.
    pub(crate) connections: usize,
    /// The calls a second of an open loop; none where each connection calls as soon as it is answered.
    pub(crate) rate: Option<f64>,
    /// In how many turns.
    pub(crate) turns: u32,
}

/// The targets of a round.
#[derive(Clone, Copy)]
pub(crate) struct Turns<'a> {
    /// What is called.
    pub(crate) targets: &'a [Target],
    /// The server behind all of them.
    pub(crate) upstream: &'a Upstream,
    /// Which round it is: every other begins at the other end.
    pub(crate) round: usize,
}

impl Turns<'_> {
    /// What a loop measures of each target, which has `time` for it.
    ///
    /// # Errors
    /// Where a call fails.
    pub(crate) async fn figures(
        &self,
        shape: Shape,
        time: Duration,
    ) -> anyhow::Result<Vec<Figures>> {
        let mut lanes = Vec::with_capacity(self.targets.len());
        for target in self.targets {
            lanes.push(Lane::open(target, shape.connections).await?);
        }
        let mut counted = self.upstream.requests().await?;
        for turn in 0..shape.turns {
            for index in order(lanes.len(), self.round + usize::try_from(turn)?) {
                lanes[index].turn(shape.rate, time / shape.turns).await?;
                let before = std::mem::replace(&mut counted, self.upstream.requests().await?);
                lanes[index].requests += counted - before;
            }
        }
        let mut figures = Vec::with_capacity(lanes.len());
        for lane in lanes {
            figures.push(lane.figures().await?);
        }
        Ok(figures)
    }

    /// The median time to the first byte of a stream of each target, in µs.
    ///
    /// # Errors
    /// Where a stream does not hold what is due.
    pub(crate) async fn first_bytes(&self, streams: u64) -> anyhow::Result<Vec<f64>> {
        let mut connections = Vec::with_capacity(self.targets.len());
        for target in self.targets {
            connections.push((Connection::open(target, 0).await?, Vec::new()));
        }
        for turn in 0..TURNS_OF_STREAMS {
            for index in order(connections.len(), self.round + turn) {
                let (connection, times) = &mut connections[index];
                for _ in 0..STREAMS_BEFORE {
                    connection.first_byte(0).await?;
                }
                for id in (1..=streams).skip(turn).step_by(TURNS_OF_STREAMS) {
                    times.push(connection.first_byte(id).await?);
                }
            }
        }
        Ok(connections.into_iter().filter_map(|(_, times)| median_of(times)).collect())
    }
}

/// The indexes of so many targets in one turn, and the other way round in the next.
fn order(targets: usize, turn: usize) -> impl Iterator<Item = usize> {
    (0..targets).map(move |index| if turn.is_multiple_of(2) { index } else { targets - 1 - index })
}

/// A target in its turns.
struct Lane<'a> {
    target: &'a Target,
    calls: Loop,
    before: Counters,
    latencies: Vec<f64>,
    time: Duration,
    cpu: Option<f64>,
    requests: f64,
    /// The calls that were only counted.
    lead_in: f64,
}

/// Keyway's own counters at one moment.
struct Counters {
    requests: Option<f64>,
    queries: Option<f64>,
}

impl Counters {
    async fn of(target: &Target) -> anyhow::Result<Self> {
        let requests = target.counter("keyway_upstream_requests_total", "").await?;
        Ok(Self { requests, queries: target.queries().await? })
    }
}

impl<'a> Lane<'a> {
    async fn open(target: &'a Target, connections: usize) -> anyhow::Result<Self> {
        let calls = Loop::open(target, connections).await?;
        let before = Counters::of(target).await?;
        let cpu = target.process.as_ref().map(|_| 0.0);
        let (latencies, time) = (Vec::new(), Duration::ZERO);
        let (requests, lead_in) = (0.0, 0.0);
        Ok(Self { target, calls, before, latencies, time, cpu, requests, lead_in })
    }

    async fn turn(&mut self, rate: Option<f64>, time: Duration) -> anyhow::Result<()> {
        self.lead_in += self.calls.run(LEAD_IN).await?.calls();
        let cpu_time = || self.target.process.as_ref().map(Process::cpu_time).transpose();
        let before = cpu_time()?;
        let load = match rate {
            Some(rate) => self.calls.run_at(rate, time).await?,
            None => self.calls.run(time).await?,
        };
        if let (Some(cpu), Some(before), Some(after)) = (&mut self.cpu, before, cpu_time()?) {
            *cpu += after.since(&before);
        }
        self.latencies.extend(load.latencies);
        self.time += load.time;
        Ok(())
    }

    async fn figures(mut self) -> anyhow::Result<Figures> {
        let after = Counters::of(self.target).await?;
        self.latencies.sort_by(f64::total_cmp);
        let load = Load { latencies: self.latencies, time: self.time };
        let (calls, counted) = (load.calls(), load.calls() + self.lead_in);
        let per_call = |before: Option<f64>, after: Option<f64>| Some((after? - before?) / counted);
        Ok(Figures {
            rate: load.rate(),
            median: percentile(&load.latencies, 0.5),
            p99: percentile(&load.latencies, 0.99),
            cpu: self.cpu.map(|cpu| cpu / calls * 1e6),
            requests: self.requests / counted,
            requests_by_keyway: per_call(self.before.requests, after.requests),
            queries: per_call(self.before.queries, after.queries),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_turn_goes_the_other_way() {
        assert_eq!(order(3, 0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(order(3, 1).collect::<Vec<_>>(), [2, 1, 0]);
    }
}
