//! Service keys.

use keyway_model::{ServiceKeyId, Timestamp};
use keyway_storage::Error;

use crate::bench::on_both;

on_both! {
    async fn a_service_key_works_until_it_is_revoked(bench) {
        let (database, now) = (&bench.database, Timestamp::from_millis(5));
        let id = ServiceKeyId::new(now, &bench.random);
        database.insert_service_key(id, "backend", b"hash", now).await.unwrap();
        assert_eq!(database.service_key(b"hash").await.unwrap(), Some(id));
        assert_eq!(database.service_key(b"other").await.unwrap(), None);
        let again = ServiceKeyId::new(now, &bench.random);
        let refused = database.insert_service_key(again, "twin", b"hash", now).await;
        assert!(matches!(refused, Err(Error::Conflict(name)) if name == "service_keys_hash_key"));
        let later = Timestamp::from_millis(9);
        assert!(database.revoke_service_key(id, later).await.unwrap());
        assert!(!database.revoke_service_key(id, later).await.unwrap());
        assert_eq!(database.service_key(b"hash").await.unwrap(), None);
        let rows = database.service_keys().await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].id, rows[0].name.as_str()), (id, "backend"));
        assert_eq!((rows[0].created_at, rows[0].revoked_at), (now, Some(later)));
    }
}
