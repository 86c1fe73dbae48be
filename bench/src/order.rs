//! `make order`: the functions that a call runs through, and those of the start, in the order in which they call one
//! another. Linked in this order they lie on few pages of memory, instead of being scattered over the binary with all
//! that is seldom used: a call that was preceded by a pause waits for less of it, and an idle process holds less.

mod callgrind;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use callgrind::Profile;

use crate::{
    connection::Connection,
    goals::Row,
    keyway::{Mode, Plan},
    machine::Cores,
    run,
    target::Target,
};

/// How often each kind of call is made.
const CALLS: u64 = 50;
/// The callers whose calls are looked at. An OAuth token is sent as a header of the connector's is.
const MODES: [Mode; 2] = [Mode::SingleUser, Mode::Tokens];

/// What is looked at.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The release binary, with its symbols.
    #[arg(long, default_value = "target/release/keyway")]
    keyway: PathBuf,
    /// Where the lists are written.
    #[arg(long, default_value = "crates/server")]
    into: PathBuf,
}

/// Runs the binary under valgrind with calls and without, and writes the functions that calls alone run through, and
/// the others.
///
/// # Errors
/// Where valgrind is not installed, something cannot be started or answers wrongly, or the binary has no symbols.
pub(crate) async fn run(options: &Options, cores: &Cores) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (process, upstream) = run::start_own(&["upstream".as_ref()], cores.upstream).await?;
    let keyway = options.keyway.canonicalize()?;
    let binary = keyway.to_string_lossy();
    let mut whole = Profile::default();
    for mode in MODES {
        let file = directory.path().join("profile");
        let mut plan = Plan::new(&keyway, mode, directory.path(), upstream, cores.target);
        plan.under = valgrind(&file);
        let mut profiles = Vec::new();
        for calls in [0, CALLS] {
            let mut target =
                if calls == 0 { plan.start().await? } else { plan.start_again().await? };
            call(&target, calls).await?;
            if let Some(process) = target.process.take() {
                process.end_by_itself().await?;
            }
            profiles.push(Profile::read(&fs::read_to_string(&file)?, &binary));
        }
        if let [without, with] = &profiles[..] {
            whole.add(with.beyond(without, CALLS / 2));
        }
    }
    process.end().await?;
    write(&options.into.join("call.order"), "a call", whole.of_calls())?;
    write(
        &options.into.join("start.order"),
        "a start, and what runs beside calls",
        whole.of_the_rest(),
    )
}

/// Whether the binary is linked in this order, which flags or a linker of one's own prevent.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn look(keyway: &Path) -> anyhow::Result<Row> {
    const SECTION: &[u8] = b"\0.text.order\0";
    let is_met = fs::read(keyway)?.windows(SECTION.len()).any(|bytes| bytes == SECTION);
    Ok(Row {
        figure: "functions of a call linked side by side".to_owned(),
        goal: "yes",
        measured: if is_met { "yes" } else { "no" }.to_owned(),
        is_met,
    })
}

/// Calls, of whose answers some stream.
async fn call(target: &Target, calls: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(target, 0).await?;
    for id in 0..calls {
        connection.call(id).await?;
        connection.first_byte(id).await?;
    }
    Ok(())
}

fn valgrind(file: &Path) -> Vec<OsString> {
    let mut output = OsString::from("--callgrind-out-file=");
    output.push(file);
    let plain = ["--compress-strings=no", "--compress-pos=no", "--demangle=no"];
    let tool = ["valgrind", "--tool=callgrind"].into_iter().chain(plain).map(OsString::from);
    tool.chain([output]).collect()
}

fn write<'a>(
    file: &Path,
    what: &str,
    functions: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let mut text = format!(
        "# The functions of {what}, in the order in which it runs through them, for the linker.\n\
         # Written by `make order`; see bench/src/order.rs. A line that names nothing does no harm.\n"
    );
    let mut written = BTreeSet::new();
    for function in functions.map(callgrind::pattern) {
        if written.insert(function.clone()) {
            text.extend([&function, "\n"]);
        }
    }
    anyhow::ensure!(!written.is_empty(), "nothing is known of {what}: the binary has no symbols");
    Ok(fs::write(file, text)?)
}
