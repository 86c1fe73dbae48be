//! The rounds: every target in turn, there and back, so that what the machine does besides falls on all.

use std::{net::SocketAddr, time::Duration};

use crate::{
    connection::Connection,
    load::{self, Loop},
    machine,
    process::Process,
    spread::percentile,
    target::Target,
    upstream,
};

/// How many connections call at once in the second loop.
pub(crate) const MANY: usize = 32;
/// How many in the third.
pub(crate) const CROWD: usize = 256;

/// What part of the floor's calls a second are made in the open loop: so few that no target is busy
/// throughout.
const SHARE: f64 = 1.0 / 3.0;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// How many rounds.
    pub(crate) rounds: usize,
    /// How long each loop of a round runs.
    pub(crate) time: Duration,
    /// How many streams each round opens.
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
    /// The cores that other work of the machine took.
    pub(crate) others: f64,
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

/// The rate of the open loops: a part of what the floor does in a closed loop, in calls a second.
///
/// # Errors
/// Where a call fails.
pub(crate) async fn fixed_rate(floor: &Target, plan: Plan) -> anyhow::Result<f64> {
    let load = Loop::open(floor, MANY).await?.run(plan.time).await?;
    Ok(load.rate() * SHARE)
}

/// Measures every target in each round, the open loops at `rate` calls a second; what is given is each
/// target's rounds, in the targets' order.
///
/// # Errors
/// Where a call fails: figures of wrong answers are worth nothing.
pub(crate) async fn measure(
    targets: &[Target],
    upstream: &Upstream,
    plan: Plan,
    rate: f64,
) -> anyhow::Result<Vec<Vec<Round>>> {
    let mut measured = vec![Vec::with_capacity(plan.rounds); targets.len()];
    for round in 0..plan.rounds {
        let mut order: Vec<usize> = (0..targets.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let target = &targets[index];
            measured[index].push(Round {
                one: figures(target, upstream, 1, None, plan.time).await?,
                many: figures(target, upstream, MANY, None, plan.time).await?,
                crowd: figures(target, upstream, CROWD, None, plan.time).await?,
                at_rate: figures(target, upstream, MANY, Some(rate), plan.time).await?,
                first_byte: first_byte(target, plan.streams).await?,
            });
        }
    }
    Ok(measured)
}

/// The counters and clocks at one moment.
struct Reading {
    target_cpu: Option<f64>,
    own_cpu: f64,
    busy: f64,
    requests: f64,
    requests_by_keyway: Option<f64>,
    queries: Option<f64>,
}

async fn reading(target: &Target, upstream: &Upstream) -> anyhow::Result<Reading> {
    let requests = load::fetch(upstream.address, upstream::COUNT_PATH).await?.parse()?;
    let requests_by_keyway = target.counter("keyway_upstream_requests_total", "").await?;
    let queries = target.counter("keyway_database_queries_total", "purpose=\"request\"").await?;
    let target_cpu = target.process.as_ref().map(Process::cpu_seconds).transpose()?;
    let load_cpu = machine::cpu_seconds(std::process::id())? + upstream.process.cpu_seconds()?;
    let own_cpu = load_cpu + target_cpu.unwrap_or(0.0);
    let busy = machine::busy_seconds()?;
    Ok(Reading { target_cpu, own_cpu, busy, requests, requests_by_keyway, queries })
}

/// What one loop measures: an open one where there is a rate.
async fn figures(
    target: &Target,
    upstream: &Upstream,
    connections: usize,
    rate: Option<f64>,
    time: Duration,
) -> anyhow::Result<Figures> {
    let calls = Loop::open(target, connections).await?;
    let before = reading(target, upstream).await?;
    let load = match rate {
        Some(rate) => calls.run_at(rate, time).await?,
        None => calls.run(time).await?,
    };
    let after = reading(target, upstream).await?;

    let calls = load.calls();
    let per_call = |before: Option<f64>, after: Option<f64>| Some((after? - before?) / calls);
    let others = (after.busy - before.busy) - (after.own_cpu - before.own_cpu);
    Ok(Figures {
        rate: load.rate(),
        median: percentile(&load.latencies, 0.5),
        p99: percentile(&load.latencies, 0.99),
        cpu: per_call(before.target_cpu, after.target_cpu).map(|cpu| cpu * 1e6),
        requests: (after.requests - before.requests) / calls,
        requests_by_keyway: per_call(before.requests_by_keyway, after.requests_by_keyway),
        queries: per_call(before.queries, after.queries),
        others: (others / load.time.as_secs_f64()).max(0.0),
    })
}

async fn first_byte(target: &Target, streams: u64) -> anyhow::Result<f64> {
    let mut connection = Connection::open(target, 0).await?;
    connection.call(0).await?;
    let mut times = Vec::new();
    for id in 0..streams {
        times.push(connection.first_byte(id).await?);
    }
    times.sort_by(f64::total_cmp);
    Ok(percentile(&times, 0.5))
}
