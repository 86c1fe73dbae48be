//! Keyway as a process of its own: the real binary, its first line, its log, its metrics, its end.

use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    sync::OnceCell,
};

use crate::{
    api::{Api, Credentials},
    client::client,
    metrics::Metrics,
    settings::{Settings, host_jwt},
};

/// How long a process may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `keyway serve`; killed when it is dropped.
pub struct Process {
    child: Child,
    origin: String,
    metrics: String,
    log: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
}

impl Process {
    /// Starts `keyway serve` and waits for its line; its log goes into `directory`.
    pub async fn serve(settings: &Settings, directory: &TempDir) -> Self {
        let log = tempfile::Builder::new().suffix(".log").tempfile_in(directory.path());
        let (file, log) = log.and_then(|log| Ok(log.keep()?)).expect("a log can be written");
        let mut child = command(settings, &["serve"])
            .await
            .stderr(file)
            .spawn()
            .expect("the keyway binary can be started");
        let line = first_line(&mut child).await;
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("keyway did not become ready: {line:?} {}", read(&log));
        });
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        Self { child, origin: text("public_url"), metrics: text("metrics"), log }
    }

    /// The origin it is known by.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A caller without credentials.
    pub fn api(&self) -> Api {
        Api::new(&self.origin, Credentials::None)
    }

    /// A caller with a JWT of the host for `user`.
    pub fn api_of(&self, user: &str) -> Api {
        Api::new(&self.origin, Credentials::Bearer(host_jwt(user)))
    }

    /// Its counters now.
    pub async fn metrics(&self) -> Metrics {
        let base = self.metrics.trim_end_matches("/metrics");
        let base = base.strip_prefix("http://").unwrap_or(base);
        let asked = client(PATIENCE).get(format!("http://{base}/metrics")).send().await;
        let text = asked.expect("the metrics listener answers").text().await;
        Metrics::parse(&text.expect("metrics are text"))
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// Ends it at once, as `kill -9` does.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the child is ours to kill");
    }

    /// Asks it to end (SIGTERM) and waits until it did.
    pub async fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().expect("the child has not ended").to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "SIGTERM could not be sent");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it ends within its grace period").expect("its status can be read")
    }
}

/// Runs one command of the binary to its end.
pub async fn run(settings: &Settings, arguments: &[&str]) -> Ended {
    ended(command(settings, arguments).await.stderr(Stdio::piped()).spawn()).await
}

/// Runs one command of the binary that reads `input` from standard input.
pub async fn run_with_input(settings: &Settings, arguments: &[&str], input: &str) -> Ended {
    let mut command = command(settings, arguments).await;
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    if let Some(mut stdin) = child.as_mut().ok().and_then(|child| child.stdin.take()) {
        stdin.write_all(input.as_bytes()).await.expect("the command reads its input");
    }
    ended(child).await
}

async fn ended(child: io::Result<Child>) -> Ended {
    let running = child.expect("the keyway binary can be started").wait_with_output();
    let output = tokio::time::timeout(PATIENCE, running).await;
    let output = output.expect("the command ends").expect("its output can be read");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { status: output.status, output: text(&output.stdout), errors: text(&output.stderr) }
}

async fn command(settings: &Settings, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary().await);
    command
        .args(arguments)
        .env_clear()
        .envs(settings.variables())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn first_line(child: &mut Child) -> String {
    let output = child.stdout.take().expect("standard output is piped");
    let mut lines = BufReader::new(output).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    // Reading on keeps the pipe from filling up.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    line.ok().and_then(Result::ok).flatten().unwrap_or_default()
}

/// The binary, built once for this run of the tests so that it is never an old one.
async fn binary() -> &'static Path {
    static BINARY: OnceCell<PathBuf> = OnceCell::const_new();
    BINARY.get_or_init(build).await
}

async fn build() -> PathBuf {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let built = Command::new(cargo)
        .args(["build", "--quiet", "-p", "keyway-server", "--bin", "keyway"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .await;
    let built = built.is_ok_and(|status| status.success());
    assert!(built, "the binary is missing: `cargo build -p keyway-server` failed");
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test.ancestors().nth(2).expect("tests lie in target/{profile}/deps");
    let binary = folder.join("keyway");
    assert!(
        binary.exists(),
        "no binary at {}: run `cargo build -p keyway-server`",
        binary.display()
    );
    binary
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}
