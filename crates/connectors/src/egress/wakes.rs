//! The waker of a connection that has no task of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// The connection is being driven.
const DRIVEN: u8 = 1;
/// It was woken since the task began, or was about, to drive it.
const WOKEN: u8 = 2;

/// Hands a connection's wakes on to the task that drives it, whichever that is now. Those that come while the task
/// drives it are kept for when it is done: most come of what it does itself.
#[derive(Default)]
pub(super) struct Wakes {
    driver: AtomicWaker,
    state: AtomicU8,
}

impl Wakes {
    /// From now on the task of this waker drives the connection.
    pub(super) fn begin(&self, driver: &Waker) {
        self.driver.register(driver);
        self.state.store(DRIVEN, Ordering::Release);
    }

    /// Forgets the wakes so far: what they are for is done next.
    pub(super) fn forget(&self) {
        self.state.swap(DRIVEN, Ordering::AcqRel);
    }

    /// The task is done driving; says whether the connection was woken meanwhile.
    pub(super) fn end(&self) -> bool {
        self.state.fetch_and(!DRIVEN, Ordering::AcqRel) & WOKEN != 0
    }

    /// Nobody drives the connection any more; whether it is woken is to be asked for.
    pub(super) fn rest(&self) {
        self.driver.take();
    }

    /// Whether the connection was woken since it was last driven, or while it was.
    pub(super) fn is_woken(&self) -> bool {
        self.state.load(Ordering::Acquire) & WOKEN != 0
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(WOKEN, Ordering::AcqRel) & DRIVEN == 0 {
            self.driver.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wake_reaches_the_task_that_drove_last_and_waits_while_one_drives() {
        let (first, second) = (Arc::<Count>::default(), Arc::<Count>::default());
        let count = |task: &Arc<Count>| task.0.load(Ordering::SeqCst);
        let wakes = Arc::<Wakes>::default();
        let own = Waker::from(wakes.clone());

        wakes.begin(&Waker::from(first.clone()));
        assert!(!wakes.end());
        wakes.begin(&Waker::from(second.clone()));
        own.wake_by_ref();
        assert_eq!((count(&first), count(&second)), (0, 0));
        assert!(wakes.end() && wakes.is_woken());
        wakes.begin(&Waker::from(second.clone()));
        assert!(!wakes.end() && !wakes.is_woken());
        own.wake_by_ref();
        assert_eq!((count(&first), count(&second)), (0, 1));
        assert!(wakes.is_woken());
    }

    #[test]
    fn what_was_woken_before_it_is_done_is_forgotten_and_at_rest_nobody_is_woken() {
        let task = Arc::<Count>::default();
        let wakes = Arc::<Wakes>::default();
        let own = Waker::from(wakes.clone());

        wakes.begin(&Waker::from(task.clone()));
        own.wake_by_ref();
        wakes.forget();
        assert!(!wakes.end());
        wakes.rest();
        own.wake_by_ref();
        assert!(wakes.is_woken());
        assert_eq!(task.0.load(Ordering::SeqCst), 0);
    }
}
