//! The processes that are measured: kept on their core, read through `/proc`, ended by their id.

use std::{collections::BTreeMap, ffi::OsStr, fs, path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{cpu::CpuTime, machine};

const PATIENCE: Duration = Duration::from_secs(30);

/// A process of ours; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    id: u32,
}

/// What to start.
pub(crate) struct Start<'a> {
    /// The program.
    pub(crate) program: &'a Path,
    /// Its arguments.
    pub(crate) arguments: &'a [&'a OsStr],
    /// Its whole environment.
    pub(crate) environment: BTreeMap<&'a str, String>,
    /// The core that it is kept on.
    pub(crate) core: Option<usize>,
}

impl Process {
    /// Starts it. `taskset` becomes the program, so the id is the program's.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start(start: &Start<'_>) -> anyhow::Result<Self> {
        let mut command = match start.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(start.program);
                command
            }
            None => Command::new(start.program),
        };
        let child = command
            .args(start.arguments)
            .env_clear()
            .envs(std::iter::once(("PATH", "/usr/local/bin:/usr/bin:/bin")))
            .envs(&start.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", start.program.display()))?;
        let id = child.id().context("the process has already ended")?;
        Ok(Self { child, id })
    }

    /// The first line that it writes, with which it says where it listens.
    ///
    /// # Errors
    /// Where it ends, or says nothing for half a minute.
    pub(crate) async fn first_line(&mut self) -> anyhow::Result<String> {
        let output = self.child.stdout.take().context("the first line was read already")?;
        let mut errors = self.child.stderr.take().context("standard error was read already")?;
        let mut lines = BufReader::new(output).lines();
        let line =
            timeout(PATIENCE, lines.next_line()).await.context("it did not become ready")??;
        let Some(line) = line else {
            let mut said = String::new();
            errors.read_to_string(&mut said).await?;
            anyhow::bail!("it ended before it was ready: {said}");
        };
        // Reading on keeps the pipes from filling up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        tokio::spawn(async move { tokio::io::copy(&mut errors, &mut tokio::io::sink()).await });
        Ok(line)
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// The processor time that it has taken until now.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<CpuTime> {
        CpuTime::of(self.id)
    }

    /// What it holds in memory now, in KiB.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        self.kibibytes("VmRSS:")
    }

    /// The most that it held in memory since the peak was forgotten, in KiB.
    pub(crate) fn peak(&self) -> anyhow::Result<f64> {
        self.kibibytes("VmHWM:")
    }

    /// Forgets the peak.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.id), "5")?)
    }

    /// Asks it to end, and waits until it did.
    ///
    /// # Errors
    /// Where it has not ended after half a minute.
    pub(crate) async fn end_by_itself(mut self) -> anyhow::Result<()> {
        let id = Pid::from_raw(i32::try_from(self.id)?).context("no process has this id")?;
        kill_process(id, Signal::TERM)?;
        timeout(PATIENCE, self.child.wait()).await.context("it did not end")??;
        Ok(())
    }

    /// Ends it and waits until it did.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    fn kibibytes(&self, name: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let value = machine::field(&status, name).and_then(|value| value.strip_suffix(" kB"));
        Ok(value.context("/proc/…/status has no such line")?.parse()?)
    }
}
