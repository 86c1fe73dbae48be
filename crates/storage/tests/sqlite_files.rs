//! What SQLite leaves on the disk: for its owner alone, without a readable secret, served by one
//! process.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use keyway_model::AuthType;
use keyway_storage::Error;

use crate::bench::{Bench, ana};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_files_are_their_owner_s_alone() {
    let bench = Bench::sqlite().await;
    bench.connector().await;
    let path = bench.path();
    let lock = bench.database.lock_for_serving().unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let files: Vec<_> =
        fs::read_dir(path.parent().unwrap()).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "the database, its log and index, and the lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(lock);
}

#[tokio::test]
async fn no_secret_is_readable_in_the_files() {
    let bench = Bench::sqlite().await;
    let connector = bench.new_connector(&ana(), "notes", AuthType::OAuth);
    let headers = [("X-Key".to_owned(), "canary-header".into())];
    bench
        .database
        .insert_connector(&connector, &headers, Some(&"canary-typed".into()), &[])
        .await
        .unwrap();
    bench.sign_in(&connector).await;
    let scope = keyway_storage::RegistrationScope::Shared;
    bench.database.save_registration(&scope, &crate::bench::client()).await.unwrap();
    let mut bytes = Vec::new();
    for file in fs::read_dir(bench.path().parent().unwrap()).unwrap() {
        bytes.extend(fs::read(file.unwrap().path()).unwrap());
    }
    let occurs = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(occurs("X-Key"), "the names are readable, so the right files were read");
    for secret in [
        "canary-header",
        "canary-typed",
        "canary-verifier",
        "canary-client-secret",
        "canary-access",
        "canary-refresh",
    ] {
        assert!(!occurs(secret), "{secret}");
    }
}

#[tokio::test]
async fn one_process_serves_a_file() {
    let bench = Bench::sqlite().await;
    let lock = bench.database.lock_for_serving().unwrap();
    assert!(lock.is_held());
    let second = bench.other_process().await.lock_for_serving();
    let Err(Error::AlreadyServed(path)) = second else {
        panic!("a second lock was given");
    };
    assert_eq!(path, bench.path().with_extension("db.lock"));
    drop(lock);
    assert!(bench.other_process().await.lock_for_serving().unwrap().is_held());
}

#[tokio::test]
async fn any_number_of_replicas_serve_on_postgres() {
    let bench = Bench::postgres().await;
    assert!(!bench.database.lock_for_serving().unwrap().is_held());
}

#[tokio::test]
async fn writers_take_turns_without_failing() {
    let bench = Bench::sqlite().await;
    let other = bench.other_process().await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let database = if number % 2 == 0 { bench.database.clone() } else { other.clone() };
            let connector = bench.new_connector(&ana(), &format!("c{number}"), AuthType::Headers);
            tokio::spawn(async move { database.insert_connector(&connector, &[], None, &[]).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(bench.database.connectors_of(&ana()).await.unwrap().len(), 20);
}
