//! `keyway doctor`: the probe in the terminal, without a database. It tells every step, and in the end
//! what the server is and whose fault it is if it cannot be used.

mod report;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Args;
use keyway_connectors::probe::{self, ProbeOutcome};
use secrecy::SecretString;

use self::report::Paint;
use super::say;
use crate::{
    app,
    config::{Config, environment},
};

/// What to look at.
#[derive(Args)]
pub(super) struct Arguments {
    /// The MCP server's address.
    url: String,
    /// A header to try it with, as 'Name: value'; can be given several times. Never shown.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, SecretString)>,
}

/// Looks, and tells what was seen. Succeeds where the server can be used.
pub(super) async fn run(config: &Config, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let public = app::public_origin(config, config.listen)?;
    let (egress, settings) = app::reach(config, &public)?;
    let own = [Some(config.listen), config.metrics_listen].into_iter().flatten();
    egress.refuse_own_listeners(&own.collect::<Vec<_>>());
    let report = probe::probe(&egress, &settings, &arguments.url, arguments.headers, None).await?;
    let plain = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    let paint = Paint { colours: !plain && io::stdout().is_terminal() };
    for line in report::lines(&report, paint) {
        say(&line)?;
    }
    let usable = matches!(report.outcome, ProbeOutcome::Open | ProbeOutcome::OAuth);
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn header(text: &str) -> Result<(String, SecretString), String> {
    let (name, value) = text.split_once(':').ok_or("write 'Name: value'")?;
    Ok((name.trim().to_owned(), SecretString::from(value.trim())))
}
