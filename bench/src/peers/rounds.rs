//! The rounds: each way in turn, there and back, with one connection and with many, all by the same client.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use super::{
    client::{Client, Door},
    table::Row,
    tree::{self, Tree},
};
use crate::{
    load,
    rounds::{MANY, Upstream},
    spread::percentile,
    upstream::COUNT_PATH,
};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// How many rounds.
    pub(crate) rounds: usize,
    /// How long the loop with one connection runs.
    pub(crate) one: Duration,
    /// How long the loop with [`MANY`] runs.
    pub(crate) many: Duration,
}

/// For a table that is kept.
pub(crate) const WHOLE: Plan =
    Plan { rounds: 3, one: Duration::from_secs(3), many: Duration::from_secs(8) };
/// For a first look.
pub(crate) const QUICK: Plan =
    Plan { rounds: 2, one: Duration::from_secs(2), many: Duration::from_secs(4) };

/// A product that answers, and what was measured of it so far.
pub(crate) struct Way {
    /// Its first process.
    process: u32,
    /// Where it takes calls.
    door: Door,
    /// What was measured.
    pub(crate) measured: Measured,
    /// Its processes, which end with it; none where they are another's.
    _tree: Option<Tree>,
}

/// What was measured of a product.
#[derive(Default)]
pub(crate) struct Measured {
    /// What its processes held after the start, in KiB.
    pub(crate) idle: f64,
    /// What they held at the most at the end of a loop, in KiB.
    pub(crate) peak: f64,
    /// The rounds with one connection.
    pub(crate) one: Vec<Figures>,
    /// The rounds with [`MANY`]; shorter where it failed.
    pub(crate) many: Vec<Figures>,
    /// The first call that failed; it was not called in later rounds.
    pub(crate) failed: Option<String>,
}

/// What one loop measured.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Calls in a second.
    pub(crate) rate: f64,
    /// The median of the latency, in µs.
    pub(crate) median: f64,
    /// The latency that 99 of 100 calls do not reach, in µs.
    pub(crate) p99: f64,
    /// The processor time of a call, in µs.
    pub(crate) cpu: f64,
    /// Requests that the server took for a call, by its own count.
    pub(crate) requests: f64,
}

impl Way {
    /// A product whose first process is `process`, at rest.
    ///
    /// # Errors
    /// Where it has ended.
    pub(crate) fn new(process: u32, door: Door, tree: Option<Tree>) -> anyhow::Result<Self> {
        let idle = tree::memory(process)?;
        let measured = Measured { idle, peak: idle, ..Measured::default() };
        Ok(Self { process, door, measured, _tree: tree })
    }
}

/// Measures every way in each round, in the other direction in every other one.
///
/// # Errors
/// Where Keyway or the floor fails, which have no goal of their own here.
pub(crate) async fn measure(
    rows: &mut [Row],
    upstream: &Upstream,
    plan: Plan,
) -> anyhow::Result<()> {
    for round in 0..plan.rounds {
        let mut order: Vec<&mut Row> = rows.iter_mut().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for row in order {
            let is_peer = row.at_least.is_some();
            let Ok(way) = &mut row.way else { continue };
            if way.measured.failed.is_some() {
                continue;
            }
            if let Err(failed) = both(way, upstream, plan).await {
                anyhow::ensure!(is_peer, "{}: {failed:#}", row.name);
                way.measured.failed = Some(format!("{failed:#}"));
            }
        }
    }
    Ok(())
}

async fn both(way: &mut Way, upstream: &Upstream, plan: Plan) -> anyhow::Result<()> {
    let one = figures(way, upstream, 1, plan.one).await?;
    way.measured.one.push(one);
    let many = figures(way, upstream, MANY, plan.many).await?;
    way.measured.many.push(many);
    Ok(())
}

/// The counter and the clock at one moment.
struct Reading {
    cpu: f64,
    requests: f64,
}

async fn reading(way: &Way, upstream: &Upstream) -> anyhow::Result<Reading> {
    let requests = load::fetch(upstream.address, COUNT_PATH).await?.parse()?;
    Ok(Reading { cpu: tree::cpu_seconds(way.process)?, requests })
}

async fn figures(
    way: &mut Way,
    upstream: &Upstream,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Figures> {
    let mut clients = try_join_all((0..connections).map(|_| warm(&way.door))).await?;
    let before = reading(way, upstream).await?;
    let begun = Instant::now();
    let loops = clients.iter_mut().map(|client| back_to_back(client, begun, time));
    let latencies = try_join_all(loops).await;
    let seconds = begun.elapsed().as_secs_f64();
    let after = reading(way, upstream).await?;
    way.measured.peak = way.measured.peak.max(tree::memory(way.process)?);
    join_all(clients.into_iter().map(Client::close)).await;

    let mut latencies = latencies?.concat();
    latencies.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a count of calls within seconds")]
    let calls = latencies.len() as f64;
    Ok(Figures {
        rate: calls / seconds,
        median: percentile(&latencies, 0.5),
        p99: percentile(&latencies, 0.99),
        cpu: (after.cpu - before.cpu) / calls * 1e6,
        requests: (after.requests - before.requests) / calls,
    })
}

/// A client that has called before, so that what is made for a session is there.
async fn warm(door: &Door) -> anyhow::Result<Client> {
    let mut client = Client::open(door).await?;
    client.call().await?;
    Ok(client)
}

async fn back_to_back(
    client: &mut Client,
    begun: Instant,
    time: Duration,
) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::new();
    while begun.elapsed() < time {
        latencies.push(client.call().await?);
    }
    Ok(latencies)
}
