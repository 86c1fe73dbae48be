//! What a target holds in memory: at rest, while a large answer passes, and for connections that idle.

use crate::{connection::Connection, load::Loop, target::Target};

/// How many connections are held; both ends' descriptors fit under the usual limit of 1,024.
const HELD: u16 = 400;

/// Figures in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident after the start, before anything was asked of it.
    pub(crate) idle: f64,
    /// Resident with its connectors, before any call.
    pub(crate) with_connectors: f64,
    /// More than before, at the most, while a 64 MiB answer passes.
    pub(crate) large_answer: f64,
    /// More than before, for each connection that was used once and idles.
    pub(crate) per_connection: f64,
}

/// Measures a target that has just been started; `None` where it has no process of its own.
///
/// # Errors
/// Where a call fails, or `/proc` cannot be read.
pub(crate) async fn measure(target: &Target) -> anyhow::Result<Option<Memory>> {
    let Some(process) = &target.process else { return Ok(None) };
    let with_connectors = process.resident()?;
    let idle = target.idle.unwrap_or(with_connectors);
    target.warm_up().await?;

    let mut connection = Connection::open(target, 0).await?;
    connection.call(0).await?;
    process.forget_peak()?;
    let before = process.resident()?;
    connection.large().await?;
    let large_answer = (process.peak()? - before).max(0.0);
    drop(connection);

    let before = process.resident()?;
    let held = Loop::open(target, usize::from(HELD)).await?;
    let per_connection = ((process.resident()? - before) / f64::from(HELD)).max(0.0);
    drop(held);
    Ok(Some(Memory { idle, with_connectors, large_answer, per_connection }))
}
