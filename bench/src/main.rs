//! `make bench`: Keyway's release binary beside a byte pass-through on the same HTTP stack, and nginx where
//! it is installed. Tables against the goals: a count that is not what is due fails the run, any other goal that
//! is missed is printed.

mod cached;
mod call;
mod connection;
mod copies;
mod cpu;
mod curve;
mod floor;
mod goals;
mod grants;
mod keyway;
mod load;
mod machine;
mod memory;
mod nagle;
mod nginx;
mod noise;
mod once;
mod order;
mod paced;
mod peers;
mod perf;
mod postgres;
mod process;
mod replicas;
mod report;
mod rotation;
mod rounds;
mod run;
mod server;
mod sign_in;
mod spread;
mod statements;
mod target;
mod targets;
mod turns;
mod upstream;
mod verdict;

use std::{io::Write as _, net::SocketAddr};

use axum::serve::ListenerExt as _;
use clap::Parser;
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

use machine::Cores;

/// What Keyway costs, measured side by side on loopback.
#[derive(Parser)]
#[command(name = "keyway-bench")]
enum Command {
    /// Measures and prints the table.
    Run(run::Options),
    /// Measures replicas on PostgreSQL alone, which `run --postgres` does besides, and prints their table.
    Replicas(run::Options),
    /// Writes the functions that a call and the start run through, for the linker.
    Order(order::Options),
    /// The MCP server that is called; `run` starts it.
    Upstream {
        /// Leaves Nagle's algorithm on, as a server does that knows no better.
        #[arg(long)]
        nagle: bool,
    },
    /// The pass-through that is the measure; `run` starts it.
    Floor {
        /// Where the server listens.
        upstream: SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Run(options) => measure(async |cores| run::run(&options, cores).await),
        Command::Replicas(options) => measure(async |cores| run::replicas(&options, cores).await),
        Command::Order(options) => measure(async |cores| order::run(&options, cores).await),
        Command::Upstream { nagle } => on_loopback(async |listener| {
            let listener = listener.tap_io(move |stream| {
                stream.set_nodelay(!nagle).expect("a socket of loopback takes TCP_NODELAY");
            });
            Ok(axum::serve(listener, upstream::router()).await?)
        }),
        Command::Floor { upstream } => {
            on_loopback(async |listener| floor::serve(listener, upstream).await)
        }
    }
}

/// Measures in this process, which makes the load, and keeps it on its core.
fn measure(run: impl AsyncFnOnce(&Cores) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let cores = Cores::of_this_machine()?;
    cores.pin_this_process()?;
    machine::allow_many_files()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(until_stopped(run(&cores)))
}

/// Goes on until the end or a signal: what is dropped by either takes its processes with it.
async fn until_stopped(run: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = run => ended,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("terminated"),
    }
}

/// Serves on a free port of loopback, says which on the first line, and goes on until it is killed. The
/// runtime is the one that `keyway serve` has.
fn on_loopback(serve: impl AsyncFnOnce(TcpListener) -> anyhow::Result<()>) -> anyhow::Result<()> {
    Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        serve(listener).await
    })
}
