//! Turns at the token endpoints: where many grants of one authorization server end at once, it is asked for a
//! few at a time, and what this process does besides goes on between them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How many refreshes this process has under way at one token endpoint.
const AT_ONCE: usize = 32;
/// How long a turn is waited for: an endpoint that is slower than that counts as not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Those who refresh and those who wait, by token endpoint; nothing is kept where nobody is.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Weak<Semaphore>>>);

/// A turn; it ends when it is dropped.
pub(super) struct Turn(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Turns {
    /// Waits for a turn at a token endpoint, behind those who came before; `None` where it does not come.
    pub(super) async fn at(&self, token_endpoint: &str) -> Option<Turn> {
        let turn = self.queue(token_endpoint).acquire_owned();
        timeout(PATIENCE, turn).await.ok()?.ok().map(Turn)
    }

    fn queue(&self, token_endpoint: &str) -> Arc<Semaphore> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(token_endpoint).and_then(Weak::upgrade) {
            return queue;
        }
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(Semaphore::new(AT_ONCE));
        queues.insert(token_endpoint.to_owned(), Arc::downgrade(&queue));
        queue
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_token_endpoint_has_so_many_at_a_time_and_the_next_when_one_has_gone() {
        let turns = Turns::default();
        let at = |endpoint| turns.at(endpoint).now_or_never().flatten();
        let mut first: Vec<_> = (0..AT_ONCE).filter_map(|_| at("https://a/token")).collect();
        assert_eq!(first.len(), AT_ONCE);
        assert!(at("https://a/token").is_none());
        assert!(at("https://b/token").is_some());
        first.pop();
        assert!(at("https://a/token").is_some());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_an_endpoint_where_nobody_is() {
        let turns = Turns::default();
        for number in 0..100 {
            drop(turns.at(&format!("https://{number}/token")).now_or_never());
        }
        assert_eq!(turns.0.lock().expect("no panic").len(), 1);
    }
}
