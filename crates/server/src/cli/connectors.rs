//! `keyway connectors`: a user's connectors, listed, written to a file, and made from one.

mod export;
mod import;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use keyway_model::{Caller, CallerKind, UserId};

use super::{configuration, database, say};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List a user's connectors, one line each: id, slug, state, URL.
    List {
        #[command(flatten)]
        user: User,
    },
    /// Print a user's connectors as an `mcp.json`, which MCP clients and `import` read.
    ///
    /// Tokens are never in it. Header values, client secrets, private keys and assertions are left out as
    /// well, and what was left out is said on standard error.
    Export {
        #[command(flatten)]
        user: User,
        /// Write header values, client secrets, private keys and assertions into the file, in plain text:
        /// whoever reads it can use them. Tokens are not in it even so.
        #[arg(long)]
        with_secrets: bool,
    },
    /// Make connectors of the servers in an `mcp.json`; what the user has already stays as it is.
    ///
    /// One line for each server says whether it was made, skipped or refused, its name, and what is left
    /// to do or why. Exits with 1 if one was refused. Servers that are programs to be started (stdio) are
    /// refused. A header value such as ${API_KEY} is left to be entered on the settings page.
    Import {
        #[command(flatten)]
        user: User,
        /// The file; `-` or nothing reads standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

#[derive(Args)]
pub(super) struct User {
    /// The user, as the host application names it; `local` in single_user mode.
    #[arg(long = "user", value_name = "USER", value_parser = |text: &str| UserId::new(text))]
    id: UserId,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { user } => list(&user.id).await?,
        Command::Export { user, with_secrets } => export::run(user.id, with_secrets).await?,
        Command::Import { user, file } => return Box::pin(import::run(user.id, &file)).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(user: &UserId) -> anyhow::Result<()> {
    for connector in database(&configuration()?).await?.connectors_of(user).await? {
        let (id, slug, state) = (connector.id, connector.slug, connector.state);
        say(&format!("{id}\t{slug}\t{state}\t{}", connector.url))?;
    }
    Ok(())
}

/// The operator, who acts for a user.
fn operator_for(user: UserId) -> Caller {
    Caller { user, kind: CallerKind::Operator, connectors: None }
}
