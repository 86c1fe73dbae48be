//! Waiting for what happens off a request's path, or in another process.

use std::{future::Future, time::Duration};

/// Asks again and again until the answer is yes; fails the test after 40 seconds of no.
pub async fn until<F: Future<Output = bool>>(what: &str, mut asked: impl FnMut() -> F) {
    let asking = async {
        while !asked().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(40), asking).await;
    assert!(outcome.is_ok(), "it never came to this: {what}");
}
