//! What is under way in a session.

use super::*;

fn session() -> Arc<ClientSession> {
    let ticket = Ticket {
        id: Uuid::nil(),
        version: "2025-11-25".to_owned(),
        capabilities: Capabilities::default(),
        ends_at: 0,
    };
    Arc::new(ClientSession::new(ticket, 1))
}

fn id(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn an_id_that_is_used_twice_at_once_cancels_both_and_no_other() {
    let session = session();
    let [one, two, other] = ["1", "1", "\"1\""].map(|text| session.begin(&id(text)));
    session.cancel(&id("1"));
    assert!(one.cancelled.is_cancelled() && two.cancelled.is_cancelled());
    assert!(!other.cancelled.is_cancelled());
}

#[test]
fn what_is_over_is_not_cancelled_and_an_id_can_be_used_again() {
    let session = session();
    let over = session.begin(&id("1"));
    let cancelled = over.cancelled.clone();
    drop(over);
    session.cancel(&id("1"));
    assert!(!cancelled.is_cancelled());
    let again = session.begin(&id("1"));
    assert!(!again.cancelled.is_cancelled());
    session.stop();
    assert!(again.cancelled.is_cancelled());
}
