//! What the load is sent to.

use std::{net::SocketAddr, time::Duration};

use http::{HeaderMap, HeaderValue};

use crate::{call, connection::Connection, load, process::Process};

/// How long a process rests after its start before its memory is looked at.
const REST: Duration = Duration::from_millis(500);
/// How long what goes on beside the calls is waited for, and how often at the most.
const SETTLING: Duration = Duration::from_millis(50);
const PASSES: usize = 40;

/// One way to the server.
pub(crate) struct Target {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where it takes calls.
    pub(crate) path: String,
    /// The headers of each call, for each of those who call; never empty.
    pub(crate) callers: Vec<HeaderMap>,
    /// Its process; `None` where the load goes straight to the server.
    pub(crate) process: Option<Process>,
    /// Where it tells its counters.
    pub(crate) metrics: Option<SocketAddr>,
    /// Resident before it was asked anything, in KiB, if that was looked at.
    pub(crate) idle: Option<f64>,
}

impl Target {
    /// A target that hands on what it gets, so that the caller shows the server's key.
    pub(crate) fn plain(name: &'static str, address: SocketAddr, process: Option<Process>) -> Self {
        let mut headers = call::headers();
        headers.insert(call::KEY_HEADER, HeaderValue::from_static(call::KEY));
        Self {
            name,
            address,
            path: call::PATH.to_owned(),
            callers: vec![headers],
            process,
            metrics: None,
            idle: None,
        }
    }

    /// Lets it come to rest after its start, and looks at its memory.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub(crate) async fn rest(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(REST).await;
        self.idle = self.process.as_ref().map(Process::resident).transpose()?;
        Ok(())
    }

    /// Its counter now, the sum over all labels that `with` is among; `None` where it has no counters.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(crate) async fn counter(&self, name: &str, with: &str) -> anyhow::Result<Option<f64>> {
        let Some(address) = self.metrics else { return Ok(None) };
        Ok(Some(counted(&load::fetch(address, "/metrics").await?, name, with)))
    }

    /// The database queries that calls have waited for until now; `None` where it has no counters.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(crate) async fn queries(&self) -> anyhow::Result<Option<f64>> {
        self.counter("keyway_database_queries_total", "purpose=\"request\"").await
    }

    /// Calls it so often that nothing is done for the first time any more: until a call of each caller costs no
    /// query, twice.
    ///
    /// # Errors
    /// Where a call fails, or goes on to cost queries.
    pub(crate) async fn warm_up(&self) -> anyhow::Result<()> {
        let mut connection = Connection::open(self, 0).await?;
        for id in 0..200 {
            connection.call(id).await?;
        }
        // What a first contact tells is written down off the call's path, and forgets what was cached.
        let (mut asked, mut still) = (None, 0);
        for _ in 0..PASSES {
            for caller in 0..self.callers.len() {
                Connection::open(self, caller).await?.call(0).await?;
            }
            let Some(queries) = self.queries().await? else { return Ok(()) };
            still = if asked.replace(queries) == Some(queries) { still + 1 } else { 0 };
            if still == 2 {
                return Ok(());
            }
            tokio::time::sleep(SETTLING).await;
        }
        anyhow::bail!("{}: its calls go on to cost database queries", self.name)
    }
}

/// The sum of a counter's samples in Prometheus text, of those whose labels hold `with`.
fn counted(text: &str, name: &str, with: &str) -> f64 {
    let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
    let ours = samples.filter(|(sample, _)| {
        let labels = sample.strip_prefix(name);
        labels.is_some_and(|labels| {
            (labels.is_empty() || labels.starts_with('{')) && labels.contains(with)
        })
    });
    ours.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_the_labels_that_are_asked_for() {
        let text =
            "# TYPE q counter\nq{purpose=\"request\"} 3\nq{purpose=\"background\"} 4\nqq 9\n";
        assert!((counted(text, "q", "") - 7.0).abs() < f64::EPSILON);
        assert!((counted(text, "q", "purpose=\"request\"") - 3.0).abs() < f64::EPSILON);
        assert!(counted(text, "none", "").abs() < f64::EPSILON);
    }
}
