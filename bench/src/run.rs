//! One run: the server, the targets, their memory, the rounds, the table. Everything is on loopback and
//! bounded, and every process ends with the run.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

use crate::{
    cached, curve,
    goals::{Measured, Results},
    keyway::{self, Mode},
    machine::Cores,
    memory::{self, Memory},
    nagle, nginx, once, peers,
    process::{Process, Start},
    report,
    rounds::{self, Plan, Round, Upstream},
    target::Target,
};

const MODES: [Mode; 3] = [Mode::SingleUser, Mode::Tokens, Mode::OAuth];
const WHOLE: Plan = Plan { rounds: 7, time: Duration::from_millis(1_500), streams: 100 };
const QUICK: Plan = Plan { rounds: 3, time: Duration::from_millis(1_200), streams: 60 };

/// What is measured, and how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The release binary to measure.
    #[arg(long, default_value = "target/release/keyway")]
    keyway: PathBuf,
    /// Fewer and shorter rounds: two to three minutes, and less to be trusted.
    #[arg(long)]
    quick: bool,
    /// Also products of others, installed from PyPI the first time.
    #[arg(long)]
    peers: bool,
    /// The Python that they run on, 3.12 or 3.13; one is looked for if none is named.
    #[arg(long, requires = "peers")]
    python: Option<PathBuf>,
}

/// Measures the binary and prints the tables.
///
/// # Errors
/// Where something cannot be started or answers wrongly, or a count is not what is due. No other figure is an
/// error.
pub(crate) async fn run(options: &Options, cores: &Cores) -> anyhow::Result<()> {
    let keyway = options.keyway.as_path();
    anyhow::ensure!(keyway.exists(), "{} is missing: run `make bench`", keyway.display());
    let python = options.python.as_deref();
    let peers = if options.peers { Some(peers::install(python).await?) } else { None };
    let directory = tempfile::tempdir()?;
    let (process, address) = start_own(&[OsStr::new("upstream")], cores.upstream).await?;
    let upstream = Upstream { process, address };
    let of = |mode| keyway::Plan::new(keyway, mode, directory.path(), address, cores.target);

    let plan = if options.quick { QUICK } else { WHOLE };
    let targets = start_targets(keyway, directory.path(), address, cores).await?;
    let measured = measure(&targets, &upstream, plan).await;
    end(targets).await?;
    let mut results = measured?;
    results.once.extend(nagle::measure(keyway, directory.path(), cores).await?);
    let once = once::measure(&of(Mode::OAuth)).await?;
    results.counted.extend(once.counted);
    results.once.push(once.cold);
    let connectors = if options.quick { curve::QUICK_PLENTY } else { curve::PLENTY };
    results.once.extend(curve::measure(&of(Mode::OAuth), connectors).await?);
    results.once.push(cached::measure(&of(Mode::SingleUser)).await?);
    write!(io::stdout(), "{}", report::tables(&results, cores, plan)?)?;

    if let Some(installed) = peers {
        let plan = if options.quick { peers::QUICK } else { peers::WHOLE };
        let table = peers::measure(installed, &of(Mode::SingleUser), &upstream, plan).await?;
        write!(io::stdout(), "{table}")?;
    }
    upstream.process.end().await?;
    let miscounts = results.miscounts();
    anyhow::ensure!(miscounts.is_empty(), "counted, and not what is due: {}", miscounts.join("; "));
    Ok(())
}

/// Starts this binary in another part.
///
/// # Errors
/// Where it does not say where it listens.
pub(crate) async fn start_own(
    arguments: &[&OsStr],
    core: Option<usize>,
) -> anyhow::Result<(Process, SocketAddr)> {
    let program = std::env::current_exe()?;
    let start = Start { program: &program, arguments, environment: BTreeMap::new(), core };
    let mut process = Process::start(&start)?;
    let address = process.first_line().await?.parse()?;
    Ok((process, address))
}

/// Direct, the floor, Keyway in each mode, and nginx where it is installed, in this order.
async fn start_targets(
    keyway: &Path,
    directory: &Path,
    upstream: SocketAddr,
    cores: &Cores,
) -> anyhow::Result<Vec<Target>> {
    let to = upstream.to_string();
    let (floor, address) = start_own(&["floor".as_ref(), to.as_ref()], cores.target).await?;
    let mut targets =
        vec![Target::plain("direct", upstream, None), Target::plain("floor", address, Some(floor))];
    for mode in MODES {
        let plan = keyway::Plan::new(keyway, mode, directory, upstream, cores.target);
        targets.push(plan.start().await?);
    }
    targets.extend(nginx::start(directory, upstream, cores.target).await?);
    Ok(targets)
}

async fn measure(targets: &[Target], upstream: &Upstream, plan: Plan) -> anyhow::Result<Results> {
    let mut memories = Vec::with_capacity(targets.len());
    for target in targets {
        let memory = memory::measure(target).await;
        memories.push(memory.with_context(|| format!("the memory of {}", target.name))?);
    }
    let floor = targets.get(1).context("the floor is missing")?;
    let rate = rounds::fixed_rate(floor, plan).await?;
    let rounds = rounds::measure(targets, upstream, plan, rate).await?;
    results(targets, memories, rounds, rate).context("a target is missing")
}

fn results(
    targets: &[Target],
    memories: Vec<Option<Memory>>,
    rounds: Vec<Vec<Round>>,
    rate: f64,
) -> Option<Results> {
    let parts = targets.iter().zip(memories).zip(rounds);
    let mut all =
        parts.map(|((target, memory), rounds)| Measured { name: target.name, rounds, memory });
    let (direct, floor) = (all.next()?, all.next()?);
    let keyway = all.by_ref().take(MODES.len()).collect();
    Some(Results { direct, floor, keyway, nginx: all.next(), rate, counted: vec![], once: vec![] })
}

/// Ends the targets' processes.
///
/// # Errors
/// Where one cannot be ended.
pub(crate) async fn end(targets: Vec<Target>) -> anyhow::Result<()> {
    for process in targets.into_iter().filter_map(|target| target.process) {
        process.end().await?;
    }
    Ok(())
}
