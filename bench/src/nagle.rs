//! A server that leaves Nagle's algorithm on and writes a small event in two writes: the second waits for
//! the acknowledgement of the first, which is the reader's to give at once or late.

use std::{ffi::OsStr, path::Path};

use crate::{
    connection::Connection,
    goals::Row,
    keyway::{self, Mode, Plan},
    machine::Cores,
    run,
    spread::percentile,
    target::Target,
};

const CALLS: u64 = 60;

/// The median of such a call: direct, through the floor, through Keyway.
///
/// # Errors
/// Where something cannot be started or answers wrongly.
pub(crate) async fn measure(
    keyway: &Path,
    directory: &Path,
    cores: &Cores,
) -> anyhow::Result<Vec<Row>> {
    let server: [&OsStr; 2] = ["upstream".as_ref(), "--nagle".as_ref()];
    let (server, address) = run::start_own(&server, cores.upstream).await?;
    let to = address.to_string();
    let floor: [&OsStr; 2] = ["floor".as_ref(), to.as_ref()];
    let (floor, floor_address) = run::start_own(&floor, cores.target).await?;
    let plan = Plan {
        database: keyway::sqlite(&directory.join("nagle.db")),
        ..Plan::new(keyway, Mode::SingleUser, directory, address, cores.target)
    };
    let targets = vec![
        Target::plain("direct", address, Some(server)),
        Target::plain("floor", floor_address, Some(floor)),
        plan.start().await?,
    ];
    let mut medians = Vec::with_capacity(targets.len());
    for target in &targets {
        medians.push(median(target).await?);
    }
    run::end(targets).await?;
    let [direct, floor, keyway] = medians[..] else { return Ok(vec![]) };
    Ok(vec![Row {
        figure: "an event in two writes of a server with Nagle on, median".to_owned(),
        goal: "≤ 1/50 of direct",
        measured: format!("{keyway:.0} µs; direct {direct:.0} µs, floor {floor:.0} µs"),
        is_met: keyway <= direct / 50.0,
    }])
}

async fn median(target: &Target) -> anyhow::Result<f64> {
    let mut connection = Connection::open(target, 0).await?;
    let mut times = Vec::new();
    for id in 0..CALLS {
        times.push(connection.parts(id).await?);
    }
    times.sort_by(f64::total_cmp);
    Ok(percentile(&times, 0.5))
}
