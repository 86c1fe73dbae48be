//! `keyway service-keys`.

use anyhow::bail;
use clap::Subcommand;
use keyway_model::{Clock, Random, ServiceKeyId};
use secrecy::ExposeSecret;

use super::{configuration, database, say};
use crate::identity::token;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a key and print it; it is not shown again.
    Create {
        /// What the key is for.
        #[arg(long)]
        name: String,
    },
    /// List the keys, without the keys themselves.
    List,
    /// Revoke a key; whoever uses it is refused at once.
    Revoke {
        /// The id that `list` shows.
        id: ServiceKeyId,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name } => create(&name).await,
        Command::List => list().await,
        Command::Revoke { id } => revoke(id).await,
    }
}

async fn create(name: &str) -> anyhow::Result<()> {
    let database = database(&configuration()?).await?;
    let (now, random) = (Clock::system().now(), Random::system());
    let key = token::generate(token::SERVICE_KEY, &random);
    let id = ServiceKeyId::new(now, &random);
    database.insert_service_key(id, name, &token::hash(&key), now).await?;
    say(key.expose_secret())
}

async fn list() -> anyhow::Result<()> {
    for key in database(&configuration()?).await?.service_keys().await? {
        let revoked = key.revoked_at.map_or_else(String::new, |at| format!("\trevoked {at}"));
        say(&format!("{}\t{}\t{}{revoked}", key.id, key.created_at, key.name))?;
    }
    Ok(())
}

async fn revoke(id: ServiceKeyId) -> anyhow::Result<()> {
    let database = database(&configuration()?).await?;
    if !database.revoke_service_key(id, Clock::system().now()).await? {
        bail!(
            "there is no such key, or it is revoked already; `keyway service-keys list` shows them"
        );
    }
    say(&format!("{id} is revoked"))
}
