//! Waiting for what another process does about the same grant.

use std::time::Duration;

use keyway_model::ConnectorId;
use keyway_storage::Change;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

/// Waits for a change of the connector, but no longer than that; tells whether there was one, or may have been.
pub(super) async fn is_changed(
    changes: &mut Receiver<Change>,
    connector: ConnectorId,
    within: Duration,
) -> bool {
    let told = async {
        loop {
            match changes.recv().await {
                Ok(Change::Connector { connector_id, .. }) if connector_id == connector => return,
                Ok(Change::Everything) | Err(RecvError::Lagged(_)) => return,
                Ok(_) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    timeout(within, told).await.is_ok()
}

#[cfg(test)]
mod tests {
    use keyway_model::UserId;
    use tokio::sync::broadcast;
    use uuid::Uuid;

    use super::*;

    async fn is_seen(told: impl IntoIterator<Item = Change>) -> bool {
        let sender = broadcast::Sender::new(4);
        let mut changes = sender.subscribe();
        for change in told {
            sender.send(change).expect("somebody hears it");
        }
        is_changed(&mut changes, id(7), Duration::ZERO).await
    }

    fn id(number: u128) -> ConnectorId {
        ConnectorId::from_uuid(Uuid::from_u128(number))
    }

    fn of(number: u128) -> Change {
        Change::Connector { user_id: UserId::local(), connector_id: id(number) }
    }

    #[tokio::test]
    async fn a_change_of_this_connector_ends_the_wait_and_none_of_another() {
        assert!(is_seen([of(1), of(7)]).await);
        assert!(!is_seen([of(1), Change::ServiceKeys]).await);
    }

    #[tokio::test]
    async fn changes_that_may_have_been_missed_end_it_too() {
        assert!(is_seen([Change::Everything]).await);
        assert!(is_seen((1..7).map(of)).await);
    }

    #[tokio::test]
    async fn nothing_is_told_any_more_once_the_database_is_closed() {
        let mut changes = broadcast::Sender::new(4).subscribe();
        assert!(!is_changed(&mut changes, id(7), Duration::ZERO).await);
    }
}
