//! Writing what exists nowhere else yet: tokens that a server has just given are kept in memory and
//! written again while the database is away.

use std::{future::Future, time::Duration};

use keyway_storage::Error;

/// How long the database is waited for.
const LONGEST: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Writes, and writes again as long as the database is not available, for two minutes at most.
pub(crate) async fn patiently<T, F>(write: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let trying = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match write().await {
                Err(Error::Unavailable(_)) => tokio::time::sleep(pause).await,
                done => return done,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    match tokio::time::timeout(LONGEST, trying).await {
        Ok(done) => done,
        Err(_) => write().await,
    }
}
