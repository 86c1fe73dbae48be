//! System calls and instructions of a call, by `perf stat`, where it is installed and allowed. In a loop of its
//! own: what counts them takes time.

use std::{process::Stdio, time::Duration};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{load::Loop, rounds::MANY, target::Target};

const TIME: Duration = Duration::from_secs(1);
/// How long perf may take to do as it is told.
const PATIENCE: Duration = Duration::from_secs(5);

const SYSTEM_CALLS: &str = "raw_syscalls:sys_enter";
const INSTRUCTIONS: &str = "instructions:u";

/// What a call with [`MANY`] connections takes of its target; none where it cannot be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PerCall {
    /// System calls.
    pub(crate) system_calls: Option<f64>,
    /// Instructions outside the kernel.
    pub(crate) instructions: Option<f64>,
}

/// Counts over a loop.
///
/// # Errors
/// Where a call fails. That nothing can be counted is no error.
pub(crate) async fn measure(target: &Target) -> anyhow::Result<PerCall> {
    let Some(process) = &target.process else { return Ok(PerCall::default()) };
    let mut calls = Loop::open(target, MANY).await?;
    let Ok(counting) = Counting::begin(process.id()).await else { return Ok(PerCall::default()) };
    let load = calls.run(TIME).await?;
    let said = counting.end().await.unwrap_or_default();
    let per_call = |event| Some(counted(&said, event)? / load.calls());
    Ok(PerCall { system_calls: per_call(SYSTEM_CALLS), instructions: per_call(INSTRUCTIONS) })
}

/// A perf that counts; killed when it is dropped.
struct Counting {
    child: Child,
    told: ChildStdin,
    heard: BufReader<ChildStdout>,
}

impl Counting {
    /// Starts it and waits until it counts.
    async fn begin(process: u32) -> anyhow::Result<Self> {
        // It begins without counting, is told to over its standard input, and answers when it does.
        let mut child = Command::new("perf")
            .args(["stat", "-x", ",", "--delay", "-1", "--control", "fd:0,1"])
            .args(["-e", SYSTEM_CALLS, "-e", INSTRUCTIONS, "-p", &process.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let told = child.stdin.take().context("it has no standard input")?;
        let heard = child.stdout.take().context("it has no standard output")?;
        let mut counting = Self { child, told, heard: BufReader::new(heard) };
        counting.tell("enable\n").await?;
        Ok(counting)
    }

    /// Tells it something and waits until it has done so.
    async fn tell(&mut self, command: &str) -> anyhow::Result<()> {
        self.told.write_all(command.as_bytes()).await?;
        let mut answer = Vec::new();
        timeout(PATIENCE, self.heard.read_until(b'\n', &mut answer)).await??;
        anyhow::ensure!(answer.ends_with(b"ack\n"), "perf does not count");
        Ok(())
    }

    /// Stops it and gives what it says.
    async fn end(mut self) -> anyhow::Result<String> {
        self.tell("disable\n").await?;
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.context("perf has ended")?, Signal::INT)?;
        let mut said = String::new();
        let mut errors = self.child.stderr.take().context("standard error was read already")?;
        timeout(PATIENCE, errors.read_to_string(&mut said)).await??;
        timeout(PATIENCE, self.child.wait()).await??;
        Ok(said)
    }
}

/// The count of an event in lines `count,unit,event,…`; none where it is not supported.
fn counted(said: &str, event: &str) -> Option<f64> {
    said.lines().find_map(|line| {
        let mut fields = line.split(',');
        let count = fields.next()?.parse().ok()?;
        (fields.nth(1)? == event).then_some(count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_supported_is_not_counted() {
        let said = "Events enabled\n1154353,,raw_syscalls:sys_enter,501361785,100.00,,\n\
                    <not supported>,,instructions:u,0,100.00,,\n";
        assert_eq!(counted(said, SYSTEM_CALLS), Some(1_154_353.0));
        assert_eq!(counted(said, INSTRUCTIONS), None);
    }
}
