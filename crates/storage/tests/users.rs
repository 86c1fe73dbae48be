//! Erasing a user.

use std::time::Duration;

use keyway_model::{AuthType, BrowserSessionId, Timestamp};
use keyway_storage::{BrowserSession, BrowserSessionKind};

use crate::bench::{ana, bob, on_both};

on_both! {
    async fn an_erased_user_leaves_nothing_and_others_keep_theirs(bench) {
        let database = &bench.database;
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let second = bench.new_connector(&ana(), "second", AuthType::Headers);
        database.insert_connector(&second, &[("X".into(), "canary".into())], None, &[]).await.unwrap();
        let others = bench.new_connector(&bob(), "notes", AuthType::Headers);
        database.insert_connector(&others, &[("X".into(), "canary".into())], None, &[]).await.unwrap();
        let now = Timestamp::from_millis(1);
        let session = BrowserSession {
            id: BrowserSessionId::new(now, &bench.random),
            user_id: ana(),
            kind: BrowserSessionKind::Cookie,
            label: None,
            proves_user: true,
            connectors: None,
            exchanged_at: None,
            created_at: now,
            expires_at: now.plus(Duration::from_secs(60)),
        };
        database.insert_browser_session(&session, b"hash").await.unwrap();
        let erased = database.erase_user(&ana()).await.unwrap();
        assert_eq!(erased, [connector.id, second.id]);
        let claimed = database.claim_revocations(Duration::from_secs(9), 9).await.unwrap();
        assert_eq!(claimed.len(), 1, "what Ana was signed in to");
        database.end_revocation(claimed[0].id).await.unwrap();
        assert_eq!(database.connectors_of(&ana()).await.unwrap(), []);
        assert_eq!(database.browser_session(b"hash", now).await.unwrap(), None);
        assert_eq!(database.sealed_value_counts().await.unwrap()[0].1, 1, "Bob's header");
        assert_eq!(
            database.connectors_of(&bob()).await.unwrap(),
            [keyway_model::Connector { header_names: vec!["X".into()], ..others }]
        );
        assert!(database.erase_user(&ana()).await.unwrap().is_empty());
    }
}
