//! A gate that requests stop at until a test opens it, and that tells how many stand there.

use std::time::Duration;

use tokio::sync::watch;

/// How long [`Gate::waiting`] lets a test wait before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Open at first. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(watch::Sender<State>);

#[derive(Clone, Copy)]
struct State {
    open: bool,
    waiting: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(State { open: true, waiting: 0 }))
    }
}

impl Gate {
    /// From now on requests stop here.
    pub fn close(&self) {
        self.0.send_modify(|state| state.open = false);
    }

    /// Lets everyone through, also those who come later.
    pub fn open(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    /// Returns when at least `count` requests stand at the gate; fails the test if they do not come.
    pub async fn waiting(&self, count: usize) {
        let mut states = self.0.subscribe();
        let arrived = states.wait_for(|state| state.waiting >= count);
        let outcome = tokio::time::timeout(PATIENCE, arrived).await;
        assert!(matches!(outcome, Ok(Ok(_))), "fewer than {count} requests came to the gate");
    }

    /// How many requests stand at the gate.
    pub fn standing(&self) -> usize {
        self.0.borrow().waiting
    }

    /// What a scripted server calls: returns at once while the gate is open.
    pub(crate) async fn pass(&self) {
        let mut states = self.0.subscribe();
        if states.borrow().open {
            return;
        }
        let _standing = Standing::at(&self.0);
        // The sender lives in `self`, so the channel cannot close while we wait.
        let _open = states.wait_for(|state| state.open).await;
    }
}

/// Counts one request as waiting, also when it is dropped because its client went away.
struct Standing<'a>(&'a watch::Sender<State>);

impl<'a> Standing<'a> {
    fn at(states: &'a watch::Sender<State>) -> Self {
        states.send_modify(|state| state.waiting += 1);
        Self(states)
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.waiting -= 1);
    }
}
