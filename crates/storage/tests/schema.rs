//! The two schemas say the same, and a database that a newer Keyway has migrated is refused.

use std::{collections::BTreeSet, fs, path::Path};

use keyway_storage::Error;
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::bench::{Bench, on_both};

fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(folder);
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_folders_list_the_same_migrations() {
    let names_of_sqlite = names("sqlite");
    assert!(!names_of_sqlite.is_empty());
    assert_eq!(names_of_sqlite, names("postgres"));
}

/// Table, column, whether it may be null, and the type in PostgreSQL's words.
type Column = (String, String, bool, String);

async fn sqlite_columns() -> BTreeSet<Column> {
    let bench = Bench::sqlite().await;
    let url = bench.options.url.expose_secret();
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let sql = "SELECT tables.name, columns.name, columns.\"notnull\" = 0, columns.type
        FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.schema = 'main' AND tables.name NOT LIKE 'sqlite%'
            AND tables.name NOT LIKE '\\_%' ESCAPE '\\'";
    sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap().into_iter().collect()
}

async fn postgres_columns() -> BTreeSet<Column> {
    let bench = Bench::postgres().await;
    let url = bench.options.url.expose_secret();
    let mut connection = PgConnection::connect(url).await.unwrap();
    let sql = "SELECT table_name::text, column_name::text, is_nullable = 'YES', data_type::text
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'";
    sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap().into_iter().collect()
}

/// What a PostgreSQL type is in SQLite.
fn in_sqlite(postgres_type: &str) -> &'static str {
    match postgres_type {
        "uuid" | "bytea" => "BLOB",
        "bigint" | "boolean" => "INTEGER",
        "text" => "TEXT",
        other => panic!("{other} has no counterpart in SQLite"),
    }
}

#[tokio::test]
async fn tables_columns_and_nullability_agree() {
    let sqlite = sqlite_columns().await;
    let postgres: BTreeSet<Column> = postgres_columns()
        .await
        .into_iter()
        .map(|(table, column, nullable, of)| (table, column, nullable, in_sqlite(&of).to_owned()))
        .collect();
    assert!(sqlite.len() > 100);
    assert_eq!(sqlite.difference(&postgres).collect::<Vec<_>>(), Vec::<&Column>::new());
    assert_eq!(postgres.difference(&sqlite).collect::<Vec<_>>(), Vec::<&Column>::new());
}

#[tokio::test]
async fn every_table_of_sqlite_is_strict() {
    let bench = Bench::sqlite().await;
    let url = bench.options.url.expose_secret();
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let sql = "SELECT name FROM pragma_table_list
        WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_%' ESCAPE '\\'";
    let lax: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    assert_eq!(lax, []);
}

on_both! {
    async fn migrating_again_changes_nothing(bench) {
        let connector = bench.connector().await;
        bench.other_process().await.migrate().await.unwrap();
        assert_eq!(bench.database.connectors_of(&connector.user_id).await.unwrap().len(), 1);
    }

    async fn a_newer_schema_is_refused_each_time(bench) {
        let newest = "SELECT MAX(version) FROM _sqlx_migrations";
        let sql = format!("UPDATE _sqlx_migrations SET version = 999 WHERE version = ({newest})");
        bench.behind(&sql).await;
        let known = names("sqlite").last().unwrap()[..4].parse::<i64>().unwrap();
        for _ in 0..2 {
            let refused = bench.database.migrate().await;
            let Err(Error::SchemaNewer { found: 999, known: own }) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(own, known);
        }
    }
}

#[tokio::test]
async fn replicas_that_start_together_take_turns_to_migrate() {
    let bench = Bench::postgres().await;
    bench.behind("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let tasks: Vec<_> = [bench.other_process().await, bench.other_process().await]
        .into_iter()
        .map(|replica| tokio::spawn(async move { replica.migrate().await }))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    bench.connector().await;
}
