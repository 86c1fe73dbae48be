//! What is counted exactly and need not be repeated: the first call of each user after a start, and a
//! thousand calls at once on a grant that has expired.

use std::time::Duration;

use crate::{
    connection::Connection,
    goals::Row,
    grants::{self, STORM_EXPIRY, STORM_USER},
    keyway::{self, Plan},
    load::{self, Loop},
    run,
    spread::percentile,
    target::Target,
};

/// How many call at once.
const STORM: usize = 1_000;
/// What the storm may not last longer than; a call that hangs ends the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is counted once, and what is measured with it.
pub(crate) struct Once {
    /// The counts.
    pub(crate) counted: [Row; 2],
    /// How much longer a cold call takes.
    pub(crate) cold: Row,
}

/// Both, on a database whose users have called before.
///
/// # Errors
/// Where Keyway does not start, or a call fails.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Once> {
    let target = plan.start_again().await?;
    let cold = cold(&target).await?;
    let storm = storm(plan, &target).await?;
    run::end(vec![target]).await?;
    let queries = Row {
        figure: "database queries of a cold call".to_owned(),
        goal: "1",
        measured: format!("{:.4}", cold.queries),
        is_met: (cold.queries - 1.0).abs() < f64::EPSILON,
    };
    let cold = Row {
        figure: "a cold call more than a warm one, median".to_owned(),
        goal: "",
        measured: format!("{:.0} µs", cold.more),
        is_met: true,
    };
    Ok(Once { counted: [queries, storm], cold })
}

/// What the first call of each user costs.
pub(crate) struct Cold {
    /// Database queries that it waited for.
    pub(crate) queries: f64,
    /// How much longer it took than the user's next call, in µs, the median.
    pub(crate) more: f64,
}

/// Calls twice as each user of a Keyway that has just been started.
///
/// # Errors
/// Where a call fails.
pub(crate) async fn cold(target: &Target) -> anyhow::Result<Cold> {
    let mut connections = Vec::with_capacity(target.callers.len());
    for caller in 0..target.callers.len() {
        connections.push(Connection::open(target, caller).await?);
    }
    let before = queries(target).await?;
    let mut first = Vec::with_capacity(connections.len());
    for connection in &mut connections {
        first.push(connection.call(1).await?);
    }
    let asked = queries(target).await? - before;
    let mut more = Vec::with_capacity(connections.len());
    for (connection, first) in connections.iter_mut().zip(&first) {
        more.push(first - connection.call(2).await?);
    }
    more.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred users")]
    let users = first.len() as f64;
    Ok(Cold { queries: asked / users, more: percentile(&more, 0.5) })
}

async fn queries(target: &Target) -> anyhow::Result<f64> {
    Ok(target.queries().await?.unwrap_or(0.0))
}

/// How many token requests [`STORM`] calls make that find an expired grant, and how long the last took.
async fn storm(plan: &Plan, target: &Target) -> anyhow::Result<Row> {
    let headers = keyway::caller(Some(STORM_USER))?;
    let connector = keyway::with_oauth(plan.upstream, STORM_USER);
    keyway::create_connector(target.address, &headers, connector).await?;
    let target = Target {
        name: target.name,
        address: target.address,
        path: target.path.clone(),
        callers: vec![headers],
        process: None,
        metrics: None,
        idle: None,
    };
    Connection::open(&target, 0).await?.call(0).await?;
    let storm = Loop::connect(&target, STORM).await?;
    tokio::time::sleep(STORM_EXPIRY).await;
    let before = token_requests(plan).await?;
    let times = tokio::time::timeout(PATIENCE, storm.once()).await??;
    let requests = token_requests(plan).await? - before;
    let last = percentile(&times, 1.0) / 1_000.0;
    Ok(Row {
        figure: "token requests of 1,000 calls at once on an expired grant".to_owned(),
        goal: "1",
        measured: format!("{requests}; the last answer after {last:.0} ms"),
        is_met: requests == 1,
    })
}

async fn token_requests(plan: &Plan) -> anyhow::Result<u64> {
    Ok(load::fetch(plan.upstream, &grants::count_path(STORM_USER)).await?.parse()?)
}
