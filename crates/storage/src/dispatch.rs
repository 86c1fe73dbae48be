//! How one SQL text reaches whichever database this is: two arms, each checked against its own
//! driver.

use std::{io, time::Duration};

use crate::error::Error;

/// The longest a statement may take. Longer means that the database hangs.
const LONGEST_STATEMENT: Duration = Duration::from_secs(10);

/// The same thing of either database: a pool, a connection or a transaction.
pub(crate) enum Arms<S, P> {
    /// SQLite's.
    Sqlite(S),
    /// PostgreSQL's.
    Postgres(P),
}

/// Runs one statement: `dispatch!(verb target, sql, bind, …)`, where the target is [`Arms`] of
/// something that executes. The verbs are sqlx's; `execute` answers how many rows were affected.
macro_rules! dispatch {
    (execute $target:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::dispatch::dispatch!(@ $target, executor => async {
            sqlx::query($sql)$(.bind($bind))*.execute(executor).await.map(|done| done.rows_affected())
        })
    };
    (fetch_optional $target:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::dispatch::dispatch!(@ $target, executor =>
            sqlx::query_as($sql)$(.bind($bind))*.fetch_optional(executor))
    };
    (fetch_one $target:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::dispatch::dispatch!(@ $target, executor =>
            sqlx::query_as($sql)$(.bind($bind))*.fetch_one(executor))
    };
    (fetch_all $target:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::dispatch::dispatch!(@ $target, executor =>
            sqlx::query_as($sql)$(.bind($bind))*.fetch_all(executor))
    };
    (@ $target:expr, $executor:ident => $answer:expr) => {
        match $target {
            $crate::dispatch::Arms::Sqlite($executor) => $crate::dispatch::bounded($answer).await,
            $crate::dispatch::Arms::Postgres($executor) => $crate::dispatch::bounded($answer).await,
        }
    };
}
pub(crate) use dispatch;

/// Waits for the answer, but not for ever. It is boxed, since sqlx's futures are larger than all else that a
/// use case holds.
pub(crate) fn bounded<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>> + Send,
) -> impl Future<Output = Result<T, Error>> + Send {
    let answer = tokio::time::timeout(LONGEST_STATEMENT, Box::pin(answer));
    async {
        match answer.await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Error::Unavailable(sqlx::Error::Io(io::ErrorKind::TimedOut.into()))),
        }
    }
}
