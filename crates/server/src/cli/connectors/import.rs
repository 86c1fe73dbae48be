//! `keyway connectors import`: a line on standard output for each server of the file.

use std::{
    io::{self, Read as _},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use keyway_connectors::{
    audit,
    mcp_json::{self, Entry},
    transfer::{Import, Outcome},
};
use keyway_model::{Connector, ConnectorState, UserId};

use super::{configuration, operator_for, say};
use crate::app::{self, Seams};

pub(super) async fn run(user: UserId, file: &Path) -> anyhow::Result<ExitCode> {
    let config = configuration()?;
    ensure!(
        !config.is_single_user() || user == UserId::local(),
        "in single_user mode there is one user; write --user local"
    );
    let entries = mcp_json::read(&text(file)?)?;
    let (cx, caller) = (app::context_beside(&config, &Seams::system()).await?, operator_for(user));
    let ended = take(Import::begin(&cx, &caller).await?, entries).await;
    audit::flush(&cx).await?;
    ended
}

async fn take(mut import: Import<'_>, entries: Vec<Entry>) -> anyhow::Result<ExitCode> {
    let mut ended = ExitCode::SUCCESS;
    for entry in entries {
        let name = entry.name.clone();
        match import.take(entry).await? {
            Outcome::Made { connector, to_enter } => {
                tell("made", connector.slug.as_str(), &next(&connector, &to_enter))?;
            }
            Outcome::Skipped(why) => tell("skipped", &name, &why)?,
            Outcome::Refused(why) => {
                tell("refused", &name, &why)?;
                ended = ExitCode::FAILURE;
            }
        }
    }
    Ok(ended)
}

fn text(file: &Path) -> anyhow::Result<String> {
    if file != Path::new("-") {
        let read = std::fs::read_to_string(file);
        return read.with_context(|| format!("{} could not be read", file.display()));
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("standard input could not be read")?;
    Ok(text)
}

/// What is left to do until the connector can be used.
fn next(connector: &Connector, to_enter: &[String]) -> String {
    if !to_enter.is_empty() {
        return format!("enter the value of {} on the settings page", to_enter.join(", "));
    }
    match connector.state {
        _ if !connector.enabled => "switched off".to_owned(),
        ConnectorState::SignInRequired if !connector.oauth.grant.is_unattended() => {
            "sign in on the settings page".to_owned()
        }
        _ => "ready".to_owned(),
    }
}

/// One line. Names are the file's: what could begin another line or steer a terminal is left out.
fn tell(outcome: &str, name: &str, detail: &str) -> anyhow::Result<()> {
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    say(&format!("{outcome}\t{}\t{}", plain(name), plain(detail)))
}
