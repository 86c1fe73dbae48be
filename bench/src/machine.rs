//! Which core does what, and how much other work the machine has.

use std::{fs, process::Command};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// USER_HZ: the unit of `/proc` in ticks each second, 100 on every Linux that Keyway is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// The cores of each part; without any, the kernel decides.
pub(crate) struct Cores {
    /// Where the load is made.
    pub(crate) generator: Option<usize>,
    /// Where the server runs; the generator's core where there are only two.
    pub(crate) upstream: Option<usize>,
    /// Where the target runs, alone.
    pub(crate) target: Option<usize>,
    /// Those that are left, where several targets run at once.
    pub(crate) more: Vec<usize>,
}

impl Cores {
    /// Cores of those that this process may use, where there are two of them and `taskset`.
    ///
    /// # Errors
    /// Where `/proc` cannot be read: this runs on Linux alone.
    pub(crate) fn of_this_machine() -> anyhow::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")
            .context("/proc/self/status cannot be read; the bench runs on Linux")?;
        let pins = Command::new("taskset").arg("--version").output().is_ok();
        let cores = field(&status, "Cpus_allowed_list:").map(numbers).unwrap_or_default();
        Ok(match cores.as_slice() {
            [generator, target, rest @ ..] if pins => Self {
                generator: Some(*generator),
                upstream: Some(*rest.first().unwrap_or(generator)),
                target: Some(*target),
                more: rest.iter().skip(1).copied().collect(),
            },
            _ => Self { generator: None, upstream: None, target: None, more: vec![] },
        })
    }

    /// A core for each of so many targets: the target's for all of them where there are too few.
    pub(crate) fn of_targets(&self, count: usize) -> Vec<Option<usize>> {
        if !self.are_enough_for(count) {
            return vec![self.target; count];
        }
        self.target.iter().chain(&self.more).copied().map(Some).take(count).collect()
    }

    /// Whether each of so many targets has a core of its own, beside the load's and the server's.
    pub(crate) fn are_enough_for(&self, count: usize) -> bool {
        self.target.is_some() && self.more.len() + 1 >= count
    }

    /// Keeps this process, which makes the load, on its core.
    ///
    /// # Errors
    /// Where `taskset` cannot.
    pub(crate) fn pin_this_process(&self) -> anyhow::Result<()> {
        let Some(core) = self.generator else { return Ok(()) };
        let (core, id) = (core.to_string(), std::process::id().to_string());
        let pinned = Command::new("taskset").args(["-c", "-p", &core, &id]).output()?;
        anyhow::ensure!(pinned.status.success(), "taskset could not keep the load on core {core}");
        Ok(())
    }
}

/// The cores of a list as the kernel writes it: `0-2,5`.
fn numbers(text: &str) -> Vec<usize> {
    let ranges = text.split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    });
    ranges.flatten().collect()
}

/// Lets this process, and those that it starts, open as many files as the system allows: in every loop each
/// target has connections of its own.
///
/// # Errors
/// Where the limit cannot be raised.
pub(crate) fn allow_many_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

/// The value of a line `name value` of a file of `/proc`.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// What the host took away from this machine for other guests, in seconds, over all cores.
///
/// # Errors
/// Where `/proc/stat` cannot be read.
pub(crate) fn steal_seconds() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks = field(&text, "cpu ").and_then(steal_ticks);
    Ok(ticks.context("/proc/stat has no line cpu")? / TICKS_PER_SECOND)
}

/// The eighth of `user nice system idle iowait irq softirq steal`.
fn steal_ticks(line: &str) -> Option<f64> {
    line.split_ascii_whitespace().nth(7)?.parse().ok()
}

/// The processes that there are now, with their ids.
pub(crate) fn processes() -> impl Iterator<Item = (u32, Stat)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that has ended meanwhile is no longer there.
    ids.filter_map(|id| Some((id, Stat::of(id).ok()?)))
}

/// What `/proc/PID/stat` tells of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stat {
    /// Who started it.
    pub(crate) parent: u32,
    /// The processor time it has taken, user and system, in seconds.
    pub(crate) cpu: f64,
    /// What its children had taken that have ended, in seconds.
    pub(crate) cpu_of_ended_children: f64,
}

impl Stat {
    /// Of this process.
    ///
    /// # Errors
    /// Where it has ended.
    pub(crate) fn of(id: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
        Self::read(&text).context("/proc/…/stat has too few fields")
    }

    /// ppid, utime, stime, cutime and cstime, fields 4 and 14 to 17; the name, field 2, may hold spaces and
    /// brackets.
    fn read(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        let seconds =
            |index: usize| Some(fields.get(index)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            cpu: seconds(11)? + seconds(12)?,
            cpu_of_ended_children: seconds(13)? + seconds(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_is_ranges_and_single_ones() {
        assert_eq!(numbers("0-2,5"), [0, 1, 2, 5]);
        assert!(numbers("").is_empty());
    }

    #[test]
    fn targets_that_have_no_core_of_their_own_share_one() {
        let cores = |more| Cores { generator: Some(0), upstream: Some(2), target: Some(1), more };
        assert_eq!(cores(vec![3, 4]).of_targets(3), [Some(1), Some(3), Some(4)]);
        assert_eq!(cores(vec![3]).of_targets(3), [Some(1); 3]);
        assert!(cores(vec![3]).are_enough_for(2) && !cores(vec![]).are_enough_for(2));
    }

    #[test]
    fn a_process_whose_name_has_brackets_is_read_past_it() {
        let stat = "7 (a) (b) c) S 3 7 7 0 -1 0 0 0 0 0 30 12 50 25 20 0";
        let due = Stat { parent: 3, cpu: 0.42, cpu_of_ended_children: 0.75 };
        assert_eq!(Stat::read(stat), Some(due));
        assert_eq!(Stat::read("7 (a) S 3"), None);
    }

    #[test]
    fn what_the_host_took_is_told_apart_from_work_and_rest() {
        assert_eq!(steal_ticks("1 2 3 1000 1000 4 5 6 0 0"), Some(6.0));
        assert_eq!(steal_ticks("1 2 3"), None);
    }
}
