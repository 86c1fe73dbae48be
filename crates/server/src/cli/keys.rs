//! `keyway keys`.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Subcommand;
use keyway_model::Random;
use keyway_storage::{Database, KeyRing};

use super::{configuration, database, say};
use crate::keys::key_ring;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print a new key as KEYWAY_MASTER_KEYS takes it. Nothing is stored.
    Generate,
    /// List the configured keys, and how many values are sealed under each.
    List,
    /// Seal everything under the first key, while Keyway serves; succeeds if nothing is left under another.
    Rotate,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Generate => say(&KeyRing::generate(&Random::system())),
        Command::List => {
            let config = configuration()?;
            let keys = key_ring(&config, &Random::system())?;
            list(&keys, &database(&config).await?).await.map(drop)
        }
        Command::Rotate => rotate().await,
    }
}

async fn rotate() -> anyhow::Result<()> {
    let config = configuration()?;
    let keys = key_ring(&config, &Random::system())?;
    let database = database(&config).await?;
    let done = database.reseal().await?;
    say(&format!("{} values were sealed anew", done.values))?;
    let left = list(&keys, &database).await?;
    if done.unopened > 0 {
        bail!(
            "{} values open under no key and were left as they are; whoever they belong to must sign in \
             again or enter them anew, then run this again",
            done.unopened
        );
    }
    if left > 0 {
        bail!(
            "{left} values are sealed under another key than the first; give every replica the same list, \
             restart it, and run this again"
        );
    }
    say("nothing is left under another key than the first; the others can be taken away")
}

/// Lists the keys, and answers how many values are sealed under others than the first.
async fn list(keys: &KeyRing, database: &Database) -> anyhow::Result<i64> {
    let counts = database.sealed_value_counts().await?;
    let counts: BTreeMap<_, _> = counts.into_iter().collect();
    let mut left = 0;
    for (position, id) in keys.ids().enumerate() {
        let count = counts.get(id).unwrap_or(&0);
        let role = if position == 0 { "seals" } else { "opens" };
        left += if position == 0 { 0 } else { *count };
        say(&format!("{id}\t{role}\t{count} values"))?;
    }
    Ok(left)
}
