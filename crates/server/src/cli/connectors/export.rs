//! `keyway connectors export`: the file goes to standard output, what is not in it to standard error.

use std::io::{self, Write as _};

use keyway_connectors::transfer::{self, Secrets};
use keyway_model::UserId;
use secrecy::ExposeSecret;

use super::{configuration, operator_for, say};
use crate::app::{self, Seams};

pub(super) async fn run(user: UserId, with_secrets: bool) -> anyhow::Result<()> {
    let cx = app::context_beside(&configuration()?, &Seams::system()).await?;
    let secrets = if with_secrets { Secrets::Included } else { Secrets::LeftOut };
    let exported = transfer::export(&cx, &operator_for(user), secrets).await?;
    say(exported.file.expose_secret())?;
    let mut errors = io::stderr().lock();
    for (slug, what) in exported.left_out {
        writeln!(errors, "left out of {slug}: {what}")?;
    }
    if with_secrets {
        writeln!(errors, "the file holds secrets in plain text; delete it once it is imported")?;
    }
    Ok(())
}
