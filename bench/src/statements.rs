//! What PostgreSQL was asked, and how long it took: by `pg_stat_statements`.

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::postgres::Cluster;

/// What the look-up of a cold call has and no other statement.
const LOOK_UP: &str = "AS grant_of";
/// How much of a statement tells it from the others.
const SHOWN: usize = 48;

/// The statements since they were forgotten.
pub(crate) struct Statements {
    connection: PgConnection,
    database: String,
}

/// One statement, however often it ran.
pub(crate) struct Statement {
    /// Its text.
    text: String,
    /// How often it ran.
    calls: i64,
    /// How long it was planned and ran, in all, in ms.
    milliseconds: f64,
}

/// What ran.
pub(crate) struct Ran(Vec<Statement>);

impl Statements {
    /// Those of a database; `None` where the cluster does not count.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub(crate) async fn of(cluster: &Cluster, database: &str) -> anyhow::Result<Option<Self>> {
        if !cluster.counts_statements {
            return Ok(None);
        }
        let mut connection = PgConnection::connect(&cluster.address("postgres")).await?;
        let extension = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements";
        sqlx::query(extension).execute(&mut connection).await?;
        Ok(Some(Self { connection, database: database.to_owned() }))
    }

    /// Forgets what ran.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub(crate) async fn forget(&mut self) -> anyhow::Result<()> {
        sqlx::query("SELECT pg_stat_statements_reset()").execute(&mut self.connection).await?;
        Ok(())
    }

    /// What ran since.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub(crate) async fn ran(&mut self) -> anyhow::Result<Ran> {
        let rows = sqlx::query(
            "SELECT query, calls, total_exec_time + total_plan_time FROM pg_stat_statements \
             WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1) \
             ORDER BY calls DESC, query",
        );
        let rows = rows.bind(&self.database).fetch_all(&mut self.connection).await?;
        let statements = rows.iter().map(|row| {
            let (text, calls) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Statement { text, calls, milliseconds: row.try_get(2)? })
        });
        Ok(Ran(statements.collect::<sqlx::Result<_>>()?))
    }
}

impl Ran {
    /// How many ran in all.
    #[expect(clippy::cast_precision_loss, reason = "a count of calls within seconds")]
    pub(crate) fn count(&self) -> f64 {
        self.0.iter().map(|ran| ran.calls as f64).sum()
    }

    /// How many look-ups of cold calls ran.
    pub(crate) fn look_ups(&self) -> i64 {
        self.0.iter().filter(|ran| ran.is_look_up()).map(|ran| ran.calls).sum()
    }

    /// What a look-up took of the database's time, planned and run, in µs.
    #[expect(clippy::cast_precision_loss, reason = "a count of calls within seconds")]
    pub(crate) fn look_up_time(&self) -> f64 {
        let all: f64 =
            self.0.iter().filter(|ran| ran.is_look_up()).map(|ran| ran.milliseconds).sum();
        all * 1_000.0 / self.look_ups() as f64
    }

    /// Each statement with how often it ran, the look-ups in a word.
    pub(crate) fn list(&self) -> String {
        let others = self.0.iter().filter(|ran| !ran.is_look_up());
        let others = others.map(|ran| format!("{} × `{}`", ran.calls, ran.shown()));
        let all = std::iter::once(format!("{} × the look-up", self.look_ups())).chain(others);
        all.collect::<Vec<_>>().join(", ")
    }
}

impl Statement {
    fn is_look_up(&self) -> bool {
        self.text.contains(LOOK_UP)
    }

    /// The beginning of its text, on one line.
    fn shown(&self) -> String {
        let words: Vec<&str> = self.text.split_ascii_whitespace().collect();
        // A bar would end the table's cell.
        words.join(" ").chars().take(SHOWN).collect::<String>().replace('|', "\\|")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_is_counted_and_the_look_ups_apart() {
        let ran = |text: &str, calls, milliseconds| Statement {
            text: text.to_owned(),
            calls,
            milliseconds,
        };
        let ran =
            Ran(vec![ran("SELECT c.*, id AS grant_of", 4, 0.2), ran("LISTEN\n  keyway", 1, 9.0)]);
        assert_eq!(ran.look_ups(), 4);
        assert!((ran.count() - 5.0).abs() < f64::EPSILON);
        assert!((ran.look_up_time() - 50.0).abs() < 1e-9);
        assert_eq!(ran.list(), "4 × the look-up, 1 × `LISTEN keyway`");
    }
}
