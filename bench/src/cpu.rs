//! The processor time of a process, thread by thread: the kernel tells it in nanoseconds there, and for the
//! whole process in ticks of 10 ms, which are too coarse for short turns.

use std::{collections::BTreeMap, fs};

use anyhow::Context as _;

use crate::machine::Stat;

/// What each thread of a process has taken until now, in seconds.
pub(crate) struct CpuTime(BTreeMap<u32, f64>);

impl CpuTime {
    /// Of this process; in ticks, and as if of one thread, where the kernel does not tell more.
    ///
    /// # Errors
    /// Where it has ended.
    pub(crate) fn of(id: u32) -> anyhow::Result<Self> {
        let threads = fs::read_dir(format!("/proc/{id}/task")).context("it has ended")?.flatten();
        let times = threads.filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            Some((thread.file_name().to_str()?.parse().ok()?, scheduled(&text)?))
        });
        let times: BTreeMap<u32, f64> = times.collect();
        if times.is_empty() {
            return Ok(Self(BTreeMap::from([(id, Stat::of(id)?.cpu)])));
        }
        Ok(Self(times))
    }

    /// What was taken since `before`, in seconds. A thread that has ended since then is not in it.
    pub(crate) fn since(&self, before: &Self) -> f64 {
        let earlier = |thread| before.0.get(thread).copied().unwrap_or(0.0);
        self.0.iter().map(|(thread, now)| now - earlier(thread)).sum()
    }
}

/// The first field of a `schedstat`: nanoseconds on a processor.
fn scheduled(text: &str) -> Option<f64> {
    Some(text.split_ascii_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_new_counts_whole_and_one_that_ended_does_not_count() {
        let before = CpuTime(BTreeMap::from([(1, 1.0), (2, 8.0)]));
        let after = CpuTime(BTreeMap::from([(1, 1.5), (3, 0.25)]));
        assert!((after.since(&before) - 0.75).abs() < f64::EPSILON);
    }

    #[test]
    fn the_first_field_is_nanoseconds() {
        assert_eq!(scheduled("2500000000 69984 1\n"), Some(2.5));
        assert_eq!(scheduled(""), None);
    }

    #[test]
    fn a_process_that_works_takes_time() {
        let id = std::process::id();
        let before = CpuTime::of(id).expect("it runs");
        let took = || CpuTime::of(id).expect("it runs").since(&before);
        assert!((0..1_000_000).any(|_| took() > 0.0));
    }
}
