//! Statements that compare with the database's own clock: on PostgreSQL its clock, so that replicas
//! whose clocks differ do not steal each other's lease; on SQLite, which has one process, the
//! `Clock`.

use crate::{database::Database, dispatch::Arms};

/// A statement in which `$1` belongs to the clock: the instant itself on SQLite, and on PostgreSQL
/// an offset to its clock (which tests set). Both in milliseconds; bind
/// [`Database::clock_parameter`].
pub(crate) struct Clocked {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Clocked {
    /// The text for this database.
    pub(crate) fn text(&self, database: &Database) -> &'static str {
        match database.pools() {
            Arms::Sqlite(_) => self.sqlite,
            Arms::Postgres(_) => self.postgres,
        }
    }
}

/// Makes a [`Clocked`] from pieces of SQL with the word `now` between them, and a list of columns
/// at the end where it returns any.
macro_rules! clocked {
    ($first:literal $(now $($rest:literal)?)* $(, $columns:expr)?) => {
        $crate::clocked::Clocked {
            sqlite: concat!($first $(, "$1" $(, $rest)?)* $(, $columns)?),
            postgres: concat!($first $(,
                "((extract(epoch FROM clock_timestamp()) * 1000)::bigint + $1)" $(, $rest)?
            )* $(, $columns)?),
        }
    };
}
pub(crate) use clocked;
