//! One run: the server, the targets, their memory, the rounds, the table. Everything is on loopback and
//! bounded, and every process ends with the run.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;

use crate::{
    cached, curve,
    goals::{Measured, Results},
    keyway::{self, Mode},
    machine::Cores,
    memory, nagle, once, order, peers, perf, postgres,
    process::{Process, Start},
    replicas, report,
    rounds::{self, Plan, Rounds, Upstream},
    target::Target,
    targets::{MODES, Targets},
};

const WHOLE: Plan = Plan { rounds: 9, time: Duration::from_millis(1_300), streams: 300 };
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
    /// Also replicas on a PostgreSQL that is started for it.
    #[arg(long)]
    postgres: bool,
    /// Where its programs are, `initdb` and `postgres`; else `KEYWAY_TEST_POSTGRES_BIN` says it.
    #[arg(long)]
    postgres_bin: Option<PathBuf>,
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
    let postgres = options.postgres.then(|| postgres::binaries(options.postgres_bin.as_deref()));
    let postgres = postgres.transpose()?;
    let directory = tempfile::tempdir()?;
    let (process, address) = start_own(&[OsStr::new("upstream")], cores.upstream).await?;
    let upstream = Upstream { process, address };
    let targets = Targets { keyway, directory: directory.path(), upstream: address, cores };
    let of = |mode| targets.keyway(mode);

    let plan = if options.quick { QUICK } else { WHOLE };
    let mut results = measure(&targets, &upstream, plan).await?;
    results.once.push(order::look(keyway)?);
    results.once.extend(nagle::measure(keyway, directory.path(), cores).await?);
    let once = once::measure(&of(Mode::OAuth)).await?;
    results.counted.extend(once.counted);
    results.once.push(once.cold);
    let connectors = if options.quick { curve::QUICK_PLENTY } else { curve::PLENTY };
    results.once.extend(curve::measure(&of(Mode::OAuth), connectors).await?);
    results.once.push(cached::measure(&of(Mode::SingleUser)).await?);
    write!(io::stdout(), "{}", report::tables(&results, cores, plan)?)?;

    let mut miscounts = results.miscounts();
    if let Some(binaries) = postgres {
        let found = replicas::measure(&of(Mode::OAuth), &binaries, cores, options.quick).await?;
        write!(io::stdout(), "{}", found.table()?)?;
        miscounts.extend(found.miscounts());
    }
    if let Some(installed) = peers {
        let plan = if options.quick { peers::QUICK } else { peers::WHOLE };
        let table = peers::measure(installed, &of(Mode::SingleUser), &upstream, plan).await?;
        write!(io::stdout(), "{table}")?;
    }
    upstream.process.end().await?;
    fail_where_miscounted(&miscounts)
}

fn fail_where_miscounted(miscounts: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(miscounts.is_empty(), "counted, and not what is due: {}", miscounts.join("; "));
    Ok(())
}

/// Measures replicas on PostgreSQL alone and prints their table.
///
/// # Errors
/// Where something cannot be started or answers wrongly, or a count is not what is due. No other figure is an
/// error.
pub(crate) async fn replicas(options: &Options, cores: &Cores) -> anyhow::Result<()> {
    let binaries = postgres::binaries(options.postgres_bin.as_deref())?;
    let directory = tempfile::tempdir()?;
    let (process, upstream) = start_own(&[OsStr::new("upstream")], cores.upstream).await?;
    let keyway = options.keyway.as_path();
    let plan = keyway::Plan::new(keyway, Mode::OAuth, directory.path(), upstream, cores.target);
    let found = replicas::measure(&plan, &binaries, cores, options.quick).await?;
    write!(io::stdout(), "{}", found.table()?)?;
    process.end().await?;
    fail_where_miscounted(&found.miscounts())
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

async fn measure(
    targets: &Targets<'_>,
    upstream: &Upstream,
    plan: Plan,
) -> anyhow::Result<Results> {
    let first = targets.start().await?;
    let mut measured = Vec::with_capacity(first.len());
    for target in &first {
        let of =
            async || anyhow::Ok((memory::measure(target).await?, perf::measure(target).await?));
        let (memory, per_call) = of().await.with_context(|| target.name)?;
        measured.push(Measured { name: target.name, memory, per_call, rounds: vec![] });
    }
    let floor = first.get(1).context("the floor is missing")?;
    let rate = rounds::fixed_rate(floor, plan).await?;
    end(first).await?;
    let Rounds { figures, noise } = rounds::measure(targets, upstream, plan, rate).await?;
    for (measured, rounds) in measured.iter_mut().zip(figures) {
        measured.rounds = rounds;
    }
    let mut all = measured.into_iter();
    let mut next = || all.next().context("a target is missing");
    let (direct, floor) = (next()?, next()?);
    let keyway = all.by_ref().take(MODES.len()).collect();
    let (nginx, counted, once) = (all.next(), vec![], vec![]);
    Ok(Results { direct, floor, nginx, keyway, rate, noise, counted, once })
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
