//! Who waits for something on a channel, and who of them a message is for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::AbortHandle,
};

use crate::upstream::message::{Addressee, addressee};

/// How many messages one request may be behind.
const MOST_MESSAGES: usize = 64;

/// One who waits: whether a tool works, which sorts last, and the id of the request.
type Place = (bool, u64);

/// All who wait on one channel.
#[derive(Default)]
pub(super) struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    places: BTreeMap<Place, Sender<Vec<u8>>>,
    used: bool,
    /// Nobody is let in any more, and the last who leaves ends it.
    retired: bool,
    ended: bool,
    /// The task that reads the stream.
    reading: Option<AbortHandle>,
}

/// One who waits; leaves when it is dropped.
pub(in crate::upstream) struct Waiter {
    waiting: Arc<Waiting>,
    place: Place,
    messages: Receiver<Vec<u8>>,
}

impl Waiter {
    /// The next message; `None` where the channel has ended.
    pub(in crate::upstream) async fn next(&mut self) -> Option<Vec<u8>> {
        self.messages.recv().await
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.waiting.state();
        state.places.remove(&self.place);
        if state.retired && state.places.is_empty() {
            state.end();
        }
    }
}

impl Waiting {
    /// Takes note of the task that is to end with the channel.
    pub(super) fn is_read_by(&self, reading: AbortHandle) {
        self.state().reading = Some(reading);
    }

    /// `None` where the channel has ended, or is about to.
    pub(super) fn enter(waiting: &Arc<Self>, id: u64, works: bool) -> Option<Waiter> {
        let (sender, messages) = mpsc::channel(MOST_MESSAGES);
        let place = (works, id);
        let mut state = waiting.state();
        if state.ended || state.retired {
            return None;
        }
        state.used = true;
        state.places.insert(place, sender);
        Some(Waiter { waiting: waiting.clone(), place, messages })
    }

    /// Hands a message to whom it is for: an answer to the request that it answers, a question to the
    /// newest request on which a tool works, else to the newest, and what is told to everybody. Gives a
    /// question back where nobody is there.
    pub(super) async fn hand_out(&self, message: Vec<u8>) -> Option<Vec<u8>> {
        let addressee = addressee(&message)?;
        let to = self.state().whom(addressee);
        let unanswered = to.is_empty() && addressee == Addressee::Asked;
        for place in to {
            // Who has gone meanwhile does not want it any more.
            let _ = place.send(message.clone()).await;
        }
        unanswered.then_some(message)
    }

    /// Whether anybody waits, or began to since this was asked last.
    pub(super) fn was_used(&self) -> bool {
        let mut state = self.state();
        std::mem::take(&mut state.used) || !state.places.is_empty()
    }

    pub(super) fn only_one_waits(&self) -> bool {
        self.state().places.len() == 1
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// Lets nobody in any more, and ends the channel when nobody waits.
    pub(super) fn retire(&self) {
        let mut state = self.state();
        state.retired = true;
        if state.places.is_empty() {
            state.end();
        }
    }

    /// Lets everybody know that nothing comes any more.
    pub(super) fn end(&self) {
        self.state().end();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self) {
        self.ended = true;
        self.places.clear();
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
    }

    fn whom(&self, addressee: Addressee) -> Vec<Sender<Vec<u8>>> {
        let found = match addressee {
            Addressee::Waiting(id) => {
                [false, true].iter().find_map(|works| self.places.get(&(*works, id)))
            }
            // An error without an id can only be meant for the one there is.
            Addressee::Anybody if self.places.len() > 1 => None,
            Addressee::Asked | Addressee::Anybody => self.places.values().next_back(),
            Addressee::Everybody => return self.places.values().cloned().collect(),
        };
        found.cloned().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = r#"{"id":"q","method":"elicitation/create","params":{}}"#;

    async fn handed(waiting: &Waiting, waiters: &mut [Waiter], message: &str) -> Vec<u64> {
        waiting.hand_out(message.as_bytes().to_vec()).await;
        let got = waiters.iter_mut().filter_map(|w| w.messages.try_recv().ok().map(|_| w.place.1));
        got.collect()
    }

    #[tokio::test]
    async fn each_message_goes_to_whom_it_is_for() {
        let waiting = Arc::<Waiting>::default();
        let enter = |id, works| Waiting::enter(&waiting, id, works).unwrap();
        let mut waiters = [enter(1, true), enter(2, true), enter(3, false)];
        for (message, to) in [
            (r#"{"id":1,"result":{}}"#, vec![1]),
            (r#"{"id":3,"error":{"code":1,"message":""}}"#, vec![3]),
            (r#"{"id":9,"result":{}}"#, vec![]),
            (r#"{"id":null,"error":{"code":1,"message":""}}"#, vec![]),
            (QUESTION, vec![2]),
            (r#"{"method":"notifications/message"}"#, vec![1, 2, 3]),
            ("<html>", vec![]),
        ] {
            assert_eq!(handed(&waiting, &mut waiters, message).await, to, "{message}");
        }
    }

    #[tokio::test]
    async fn a_question_to_nobody_is_given_back() {
        let waiting = Arc::<Waiting>::default();
        assert!(waiting.hand_out(QUESTION.into()).await.is_some());
        let told = r#"{"method":"notifications/message"}"#;
        assert!(waiting.hand_out(told.into()).await.is_none());
    }

    #[tokio::test]
    async fn who_waits_on_a_channel_that_is_given_up_is_served_to_the_end() {
        let waiting = Arc::<Waiting>::default();
        let reading = tokio::spawn(std::future::pending::<()>());
        waiting.is_read_by(reading.abort_handle());
        let mut waiter = Waiting::enter(&waiting, 1, true).unwrap();
        waiting.retire();
        assert!(Waiting::enter(&waiting, 2, true).is_none());
        waiting.hand_out(br#"{"id":1,"result":{}}"#.to_vec()).await;
        assert!(waiter.next().await.is_some());
        assert!(!waiting.has_ended());
        drop(waiter);
        assert!(waiting.has_ended());
        assert!(reading.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn the_end_is_told_to_those_who_wait_and_to_those_who_come_later() {
        let waiting = Arc::<Waiting>::default();
        let mut waiter = Waiting::enter(&waiting, 1, true).unwrap();
        assert!(waiting.was_used());
        waiting.end();
        assert!(waiter.next().await.is_none());
        drop(waiter);
        assert!(Waiting::enter(&waiting, 2, true).is_none());
        assert!(!waiting.was_used());
    }
}
