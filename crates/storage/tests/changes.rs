//! How changes are told, in this process and to others.

use std::time::Duration;

use keyway_model::{
    AuthType, ConnectorState, FailureCode, Health, HealthStatus, ServiceKeyId, Timestamp,
};
use keyway_storage::Change;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use crate::{
    bench::{Bench, ana, on_both},
    grants::refreshed,
};

/// The next change; a test that waits for ever would say less than one that fails.
async fn next(receiver: &mut Receiver<Change>) -> Change {
    let waited = tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await;
    waited.expect("a change is told").unwrap()
}

on_both! {
    async fn this_process_hears_its_own_changes_at_once(bench) {
        let mut changes = bench.database.changes();
        let (database, now) = (&bench.database, Timestamp::from_millis(1));
        let connector = bench.connector().await;
        let told = Change::Connector { user_id: ana(), connector_id: connector.id };
        let mut heard = || loop {
            match changes.try_recv() {
                // The listener has just begun, and may have said so.
                Ok(Change::Everything) => {}
                Ok(change) => return Some(change),
                Err(TryRecvError::Empty) => return None,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(heard(), Some(told.clone()));
        bench.sign_in(&connector).await;
        assert!(matches!(heard(), Some(Change::SignIn { .. })));
        assert_eq!(heard(), Some(told.clone()));
        database.save_refreshed(&ana(), connector.id, 1, &refreshed(2, None)).await.unwrap();
        assert_eq!(heard(), Some(told.clone()));
        let state = ConnectorState::ScopeRequired;
        database.set_state(&ana(), connector.id, state, None, &[]).await.unwrap();
        assert_eq!(heard(), Some(told.clone()));
        database.set_state(&ana(), connector.id, state, None, &[]).await.unwrap();
        assert_eq!(heard(), None, "nothing changed");
        let session = bench.new_session(&connector).await;
        database.insert_authorization_session(&session).await.unwrap();
        database.fail_authorization_session(session.id, FailureCode::Denied, "no").await.unwrap();
        let (connector_id, authorization_session_id) = (connector.id, session.id);
        let user_id = ana();
        let ended = Change::SignIn { user_id, connector_id, authorization_session_id };
        assert_eq!(heard(), Some(ended));
        let id = ServiceKeyId::new(now, &bench.random);
        database.insert_service_key(id, "x", b"hash", now).await.unwrap();
        assert_eq!(heard(), Some(Change::ServiceKeys));
        database.delete_connector(&ana(), connector.id).await.unwrap();
        assert_eq!(heard(), Some(told));
        assert_eq!(heard(), None);
    }

    async fn a_contact_that_shows_nothing_new_is_not_told(bench) {
        let connector = bench.connector().await;
        let mut changes = bench.database.changes();
        let contact = async |millis| {
            let checked_at = Some(Timestamp::from_millis(millis));
            let health = Health { status: HealthStatus::Ok, checked_at, detail: None };
            bench
                .database
                .record_contact(&ana(), connector.id, &health, None, Some(1))
                .await
                .unwrap();
        };
        let mut count = || {
            let mut told = 0;
            while let Ok(change) = changes.try_recv() {
                assert!(!matches!(change, Change::Connector { .. }), "the credential is as it was");
                told += u8::from(matches!(change, Change::Contact { .. }));
            }
            told
        };
        contact(1).await;
        assert_eq!(count(), 1);
        contact(2).await;
        assert_eq!(count(), 0);
    }

    async fn a_transaction_that_is_given_up_tells_nothing(bench) {
        let connector = bench.connector().await;
        let mut changes = bench.database.changes();
        let twin = bench.new_connector(&ana(), connector.slug.as_str(), AuthType::OAuth);
        bench.database.insert_connector(&twin, &[], None, &[]).await.unwrap_err();
        let refused =
            bench.database.save_refreshed(&ana(), connector.id, 1, &refreshed(2, None)).await;
        assert!(refused.unwrap().is_none());
        assert!(!matches!(changes.try_recv(), Ok(Change::Connector { .. })));
    }
}

#[tokio::test]
async fn another_replica_hears_what_changed() {
    let bench = Bench::postgres().await;
    let other = bench.other_process().await;
    let mut changes = other.changes();
    assert_eq!(next(&mut changes).await, Change::Everything, "it has begun to listen");
    let connector = bench.connector().await;
    let told = Change::Connector { user_id: ana(), connector_id: connector.id };
    assert_eq!(next(&mut changes).await, told);
    bench.sign_in(&connector).await;
    assert!(matches!(next(&mut changes).await, Change::SignIn { .. }));
    assert_eq!(next(&mut changes).await, told);
    bench.database.save_refreshed(&ana(), connector.id, 1, &refreshed(2, None)).await.unwrap();
    assert_eq!(next(&mut changes).await, told);
    let now = Timestamp::from_millis(1);
    let id = ServiceKeyId::new(now, &bench.random);
    bench.database.insert_service_key(id, "x", b"hash", now).await.unwrap();
    assert_eq!(next(&mut changes).await, Change::ServiceKeys);
}

#[tokio::test]
async fn a_lost_listener_comes_back_and_says_that_it_may_have_missed_something() {
    let bench = Bench::postgres().await;
    let mut changes = bench.database.changes();
    assert_eq!(next(&mut changes).await, Change::Everything);
    bench
        .behind(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND datname = current_database()
                AND query LIKE 'LISTEN%'",
        )
        .await;
    assert_eq!(next(&mut changes).await, Change::Everything);
    let connector = bench.other_process().await;
    let id = ServiceKeyId::new(Timestamp::from_millis(1), &bench.random);
    connector.insert_service_key(id, "x", b"hash", Timestamp::from_millis(1)).await.unwrap();
    assert_eq!(next(&mut changes).await, Change::ServiceKeys);
}

#[tokio::test]
async fn a_write_beside_serve_is_noticed_on_sqlite() {
    let bench = Bench::sqlite().await;
    let mut changes = bench.database.changes();
    bench.database.ping().await.unwrap();
    // The first look is only a beginning: write until it is noticed that something moved.
    let beside = bench.other_process().await;
    let mut number = 0_u8;
    let noticed = async {
        loop {
            number += 1;
            let id = ServiceKeyId::new(Timestamp::from_millis(1), &bench.random);
            let at = Timestamp::from_millis(1);
            beside.insert_service_key(id, "x", &[number], at).await.unwrap();
            if let Ok(change) = tokio::time::timeout(Duration::from_secs(1), changes.recv()).await {
                break change.unwrap();
            }
        }
    };
    let change = tokio::time::timeout(Duration::from_secs(20), noticed).await.unwrap();
    assert_eq!(change, Change::Everything);
}
