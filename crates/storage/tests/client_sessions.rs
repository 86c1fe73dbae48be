//! The sessions of MCP clients that were ended.

use std::time::Duration;

use keyway_model::Timestamp;
use keyway_storage::Change;
use uuid::Uuid;

use crate::bench::on_both;

const ENDS_AT: Timestamp = Timestamp::from_millis(10_000);
const LATER: Duration = Duration::from_millis(1);

on_both! {
    async fn an_ended_session_is_known_until_its_id_is_over(bench) {
        let database = &bench.database;
        let (ended, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut changes = database.changes();
        for _ in 0..2 {
            database.end_client_session(ended, ENDS_AT).await.unwrap();
        }
        assert!(database.is_client_session_ended(ended).await.unwrap());
        assert!(!database.is_client_session_ended(other).await.unwrap());
        let mut told = std::iter::from_fn(|| changes.try_recv().ok());
        assert!(told.any(|change| change == Change::ClientSession { id: ended }));
        assert_eq!(database.delete_past_client_sessions(ENDS_AT).await.unwrap(), 0);
        assert_eq!(database.delete_past_client_sessions(ENDS_AT.plus(LATER)).await.unwrap(), 1);
        assert!(!database.is_client_session_ended(ended).await.unwrap());
    }
}
