//! The binary `keyway`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use keyway_server::cli::{self, Arguments};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cli::run(arguments).await.unwrap_or_else(|error| {
        // The reader of the message may be gone; the exit code still tells.
        let _ = writeln!(io::stderr(), "keyway: {error:#}");
        ExitCode::FAILURE
    })
}
