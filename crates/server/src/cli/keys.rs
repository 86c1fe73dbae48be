//! `keyway keys`.

use std::collections::BTreeMap;

use clap::Subcommand;
use keyway_model::Random;
use keyway_storage::KeyRing;

use super::{configuration, database, say};
use crate::keys::key_ring;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print a new key as KEYWAY_MASTER_KEYS takes it. Nothing is stored.
    Generate,
    /// List the configured keys, and how many values are sealed under each.
    List,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Generate => say(&KeyRing::generate(&Random::system())),
        Command::List => list().await,
    }
}

async fn list() -> anyhow::Result<()> {
    let config = configuration()?;
    let keys = key_ring(&config, &Random::system())?;
    let counts = database(&config).await?.sealed_value_counts().await?;
    let counts: BTreeMap<_, _> = counts.into_iter().collect();
    for (position, id) in keys.ids().enumerate() {
        let count = counts.get(id).unwrap_or(&0);
        let role = if position == 0 { "seals" } else { "opens" };
        say(&format!("{id}\t{role}\t{count} values"))?;
    }
    Ok(())
}
