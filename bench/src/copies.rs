//! SQLite databases with more rows than anybody made in the run: copies of one that was used.

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::keyway::Plan;

/// A plan on a copy of the database, which is told apart by `name`, after these statements.
///
/// # Errors
/// Where the database cannot be copied, or refuses a statement.
pub(crate) async fn of_database(
    plan: &Plan,
    name: &str,
    statements: &[String],
) -> anyhow::Result<Plan> {
    let database = format!("{}.{name}", plan.database);
    let copied = Plan { database, ..plan.clone() };
    let file = copied.file().context("it is no SQLite database")?;
    let mut from = open(&plan.database).await?;
    let copy = format!("VACUUM INTO '{}'", file.display());
    sqlx::query(AssertSqlSafe(copy)).execute(&mut from).await?;
    from.close().await?;
    let mut copy = open(&copied.database).await?;
    let mut transaction = copy.begin().await?;
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    sqlx::query("ANALYZE").execute(&mut copy).await?;
    copy.close().await?;
    Ok(copied)
}

/// The statement that makes a temporary table with so many copies of the first connector, whose `rowid` counts
/// from 1.
pub(crate) fn of_a_connector(table: &str, copies: u32) -> String {
    format!(
        "CREATE TEMP TABLE {table} AS WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL \
         SELECT n + 1 FROM n WHERE n < {copies}) \
         SELECT c.* FROM n, (SELECT * FROM connectors LIMIT 1) AS c"
    )
}

async fn open(database: &str) -> anyhow::Result<SqliteConnection> {
    Ok(SqliteConnection::connect(database).await?)
}
