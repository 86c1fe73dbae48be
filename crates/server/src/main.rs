//! The binary `keyway`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use keyway_server::cli::{self, Arguments};

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Arguments::of_command_line()).await.unwrap_or_else(|error| {
        // The reader of the message may be gone; the exit code still tells.
        let _ = writeln!(io::stderr(), "keyway: {error:#}");
        ExitCode::FAILURE
    })
}
