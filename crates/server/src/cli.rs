//! The command line: what can be asked of the binary, and where each command is carried out.

mod connectors;
mod doctor;
mod healthcheck;
mod keys;
mod serve;
mod service_keys;

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use keyway_storage::Database;

use crate::{
    app::{self, Seams},
    config::{Config, environment},
    keys::key_ring,
    openapi,
};

/// Keyway: the MCP connector manager.
#[derive(Parser)]
#[command(name = "keyway", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve; prints one JSON line when ready.
    Serve,
    /// Bring the database's tables up to date and check the keys.
    Migrate,
    /// The master keys that seal the secrets.
    #[command(subcommand)]
    Keys(keys::Command),
    /// The keys with which backends call.
    #[command(subcommand)]
    ServiceKeys(service_keys::Command),
    /// The users' connectors.
    #[command(subcommand)]
    Connectors(connectors::Command),
    /// Follow the whole way to an MCP server and tell every step; exits with 0 if it can be used.
    Doctor(doctor::Arguments),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask a server whether it is alive; exits with 0 if it is.
    Healthcheck {
        /// What to ask; by default /healthz where KEYWAY_LISTEN says.
        url: Option<String>,
    },
}

impl Arguments {
    /// What was written on the command line; where it is nothing but `keyway serve`, without the parser of all
    /// commands, which a server would carry in memory for as long as it runs. Leaves the process where it
    /// cannot be understood.
    pub fn of_command_line() -> Self {
        if is_serve(env::args_os().skip(1)) {
            Self { command: Command::Serve }
        } else {
            Self::parse()
        }
    }
}

fn is_serve(mut words: impl Iterator<Item = OsString>) -> bool {
    words.next().is_some_and(|word| word == "serve") && words.next().is_none()
}

/// Carries a command out.
///
/// # Errors
/// Where it could not be; the message says what to do.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Serve => Box::pin(serve::run(configuration()?)).await?,
        Command::Migrate => {
            database(&configuration()?).await?;
            say("the database is up to date and its keys are the right ones")?;
        }
        Command::Keys(command) => keys::run(command).await?,
        Command::ServiceKeys(command) => service_keys::run(command).await?,
        Command::Connectors(command) => return connectors::run(command).await,
        Command::Doctor(arguments) => return doctor::run(&configuration()?, arguments).await,
        Command::Openapi => say(openapi::document_text()?.trim_end())?,
        Command::Healthcheck { url } => healthcheck::run(url).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of the process's environment; every mistake is in the error.
fn configuration() -> anyhow::Result<Config> {
    Config::from_environment(&environment).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(|error| format!("  {error}")).collect();
        anyhow::anyhow!("the settings are not usable:\n{}", lines.join("\n"))
    })
}

/// The database of the configuration, up to date.
async fn database(config: &Config) -> anyhow::Result<Database> {
    let seams = Seams::system();
    app::open_database(config, &seams, key_ring(config, &seams.random)?).await
}

/// Prints one line for the caller or a script.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("the output could not be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_serve_alone_does_without_the_parser() {
        let is = |words: &[&str]| is_serve(words.iter().map(OsString::from));
        assert!(is(&["serve"]));
        for others in [&[][..], &["serve", "--help"], &["--version"], &["migrate"]] {
            assert!(!is(others), "{others:?}");
        }
        let parsed = Arguments::try_parse_from(["keyway", "serve"]).unwrap();
        assert!(matches!(parsed.command, Command::Serve), "the parser knows it as well");
    }
}
