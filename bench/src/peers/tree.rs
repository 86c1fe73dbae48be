//! A process and all that it has started: its processor time, its memory, and its end, which is theirs too.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::machine::{self, Stat};

/// A process of ours in a group of its own; it and all that it has started are killed when it is dropped.
pub(crate) struct Tree(Child);

/// What to start.
pub(crate) struct Start<'a> {
    /// The program and its arguments.
    pub(crate) command: &'a [String],
    /// Its whole environment.
    pub(crate) environment: BTreeMap<&'a str, String>,
    /// Where it works, and leaves what it writes.
    pub(crate) directory: &'a Path,
    /// The core that it is kept on.
    pub(crate) core: Option<usize>,
    /// What it says goes here.
    pub(crate) log: &'a Path,
}

impl Tree {
    /// Starts it. `taskset` becomes the program, and what that starts stays on the core.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start(start: &Start<'_>) -> anyhow::Result<Self> {
        let pin = start.core.map(|core| ["taskset".to_owned(), "-c".to_owned(), core.to_string()]);
        let mut words = pin.iter().flatten().chain(start.command);
        let log = File::create(start.log)?;
        let child = Command::new(words.next().context("there is no program")?)
            .args(words)
            .env_clear()
            .envs(&start.environment)
            .current_dir(start.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // A child may have left the group for one of its own, and is found while its parent lives.
        let members = members(self.id());
        let id = |id: u32| Pid::from_raw(id.try_into().ok()?);
        // None of these can fail but for a process that has ended, which is what they are for.
        if let Some(group) = id(self.id()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        for member in members.into_iter().filter_map(id) {
            let _ = kill_process(member, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// The processor time that a process has taken with all that it has started, in seconds.
///
/// # Errors
/// Where the process has ended.
pub(crate) fn cpu_seconds(root: u32) -> anyhow::Result<f64> {
    Stat::of(root)?;
    let stats = members(root).into_iter().filter_map(|id| Stat::of(id).ok());
    Ok(cpu_of(stats))
}

/// With those that have ended and were waited for, so that it never falls.
fn cpu_of(stats: impl Iterator<Item = Stat>) -> f64 {
    stats.map(|stat| stat.cpu + stat.cpu_of_ended_children).sum()
}

/// What they hold in memory, in KiB: pages that several share are counted once (PSS).
///
/// # Errors
/// Where the process has ended.
pub(crate) fn memory(root: u32) -> anyhow::Result<f64> {
    Stat::of(root)?;
    Ok(members(root).into_iter().filter_map(proportional_set_size).sum())
}

fn proportional_set_size(id: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    machine::field(&text, "Pss:")?.strip_suffix(" kB")?.parse().ok()
}

/// The process and its descendants, as they are now.
fn members(root: u32) -> Vec<u32> {
    let parents: Vec<_> = machine::processes().map(|(id, stat)| (id, stat.parent)).collect();
    descendants(root, &parents)
}

/// `root` and all whose parents lead to it; `parents` is pairs of a process and who started it.
fn descendants(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_children_of_children_and_nobody_else() {
        let parents = [(2, 1), (9, 8), (3, 2), (8, 3), (4, 1), (7, 6)];
        assert_eq!(descendants(2, &parents), [2, 3, 8, 9]);
        assert_eq!(descendants(7, &parents), [7]);
    }

    #[test]
    fn what_a_tree_has_taken_holds_its_ended_children() {
        let stat = |cpu, cpu_of_ended_children| Stat { parent: 1, cpu, cpu_of_ended_children };
        let cpu = cpu_of([stat(1.0, 0.5), stat(2.0, 0.0)].into_iter());
        assert!((cpu - 3.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_child_in_a_group_of_its_own_ends_with_the_tree() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = "setsid sleep 600 & echo $!; wait".to_owned();
        let log = directory.path().join("log");
        let tree = Tree::start(&Start {
            command: &["/bin/sh".to_owned(), "-c".to_owned(), script],
            environment: BTreeMap::from([("PATH", "/usr/bin:/bin".to_owned())]),
            directory: directory.path(),
            core: None,
            log: &log,
        })
        .expect("a shell");
        let child = loop {
            let said = fs::read_to_string(&log).expect("the log");
            if let Ok(id) = said.trim().parse::<u32>() {
                break id;
            }
            std::thread::yield_now();
        };
        assert!(members(tree.id()).contains(&child));
        drop(tree);
        assert!((0..200_000).any(|_| is_gone(child)), "{child} still runs");
    }

    /// Whether it has ended, waited for or not.
    fn is_gone(id: u32) -> bool {
        std::thread::yield_now();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        machine::field(&status, "State:").is_none_or(|state| state.starts_with(['Z', 'X']))
    }
}
