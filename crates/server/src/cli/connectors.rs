//! `keyway connectors`.

use clap::Subcommand;
use keyway_model::UserId;

use super::{configuration, database, say};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List a user's connectors, one line each: id, slug, state, URL.
    List {
        /// The user, as the host application names it; `local` in single_user mode.
        #[arg(long)]
        user: String,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let Command::List { user } = command;
    let user = UserId::new(user)?;
    for connector in database(&configuration()?).await?.connectors_of(&user).await? {
        let (id, slug, state) = (connector.id, connector.slug, connector.state);
        say(&format!("{id}\t{slug}\t{state}\t{}", connector.url))?;
    }
    Ok(())
}
