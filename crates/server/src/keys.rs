//! The master keys: given by the operator, or kept in a file beside the SQLite database, which is made where
//! there is neither a file nor a database yet.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use keyway_model::Random;
use keyway_storage::KeyRing;

use crate::config::{Config, MasterKeys};

/// The master keys of this configuration.
///
/// # Errors
/// Where the file cannot be read or made, or is missing although the database exists.
pub(crate) fn key_ring(config: &Config, random: &Random) -> anyhow::Result<KeyRing> {
    match &config.master_keys {
        MasterKeys::Given(keys) => Ok(keys.clone()),
        MasterKeys::Beside { keys, database } => beside(keys, database, random),
    }
}

fn beside(keys: &Path, database: &Path, random: &Random) -> anyhow::Result<KeyRing> {
    let shown = keys.display();
    match fs::read_to_string(keys) {
        Ok(text) => KeyRing::parse(&text).with_context(|| format!("the master keys in {shown}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::metadata(database).is_ok_and(|file| file.len() > 0) {
                bail!(
                    "the database {} exists, but its master keys {shown} do not: restore that file, or \
                     set KEYWAY_MASTER_KEYS to the keys it was sealed with",
                    database.display()
                );
            }
            create(keys, random)
                .with_context(|| format!("the master keys could not be made as {shown}"))?;
            beside(keys, database, random)
        }
        Err(error) => {
            Err(error).with_context(|| format!("the master keys in {shown} cannot be read"))
        }
    }
}

/// Makes the file with one key, readable by its owner alone. It appears whole or not at all, and where two
/// processes start at once the first one's stays.
fn create(keys: &Path, random: &Random) -> io::Result<()> {
    let directory = keys.parent().filter(|path| !path.as_os_str().is_empty());
    if let Some(directory) = directory {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(directory)?;
    }
    let unique = u64::from_be_bytes(random.bytes());
    let draft = keys.with_file_name(format!(".master.keys.{unique:016x}"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = writeln!(file, "{}", KeyRing::generate(random)).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, keys));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_start_makes_keys_that_the_next_one_finds() {
        let directory = tempfile::tempdir().unwrap();
        let (keys, database) =
            (directory.path().join("data/master.keys"), directory.path().join("data/keyway.db"));
        let random = Random::seeded(1);
        let made = beside(&keys, &database, &random).unwrap();
        let found = beside(&keys, &database, &random).unwrap();
        assert_eq!(made.ids().collect::<Vec<_>>(), found.ids().collect::<Vec<_>>());
        assert_eq!(fs::read_dir(directory.path().join("data")).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn keys_are_never_made_beside_a_database_that_was_sealed_with_others() {
        let directory = tempfile::tempdir().unwrap();
        let (keys, database) =
            (directory.path().join("master.keys"), directory.path().join("keyway.db"));
        fs::write(&database, "rows").unwrap();
        let refused = beside(&keys, &database, &Random::seeded(1)).unwrap_err();
        assert!(refused.to_string().contains("KEYWAY_MASTER_KEYS"), "{refused}");
        assert!(!keys.exists());
    }
}
