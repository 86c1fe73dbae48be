//! Browser sessions.

use std::time::Duration;

use keyway_model::{BrowserSessionId, ConnectorId, Timestamp};
use keyway_storage::{BrowserSession, BrowserSessionKind};

use crate::bench::{Bench, ana, on_both};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn session(bench: &Bench, kind: BrowserSessionKind) -> BrowserSession {
    BrowserSession {
        id: BrowserSessionId::new(NOW, &bench.random),
        user_id: ana(),
        kind,
        label: Some("Ana".into()),
        proves_user: true,
        connectors: Some(vec![ConnectorId::new(NOW, &bench.random)]),
        exchanged_at: None,
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(60)),
    }
}

on_both! {
    async fn a_session_is_found_by_its_hash_until_it_ends(bench) {
        let database = &bench.database;
        let bound = session(bench, BrowserSessionKind::Token);
        let open = BrowserSession {
            connectors: None,
            label: None,
            proves_user: false,
            ..session(bench, BrowserSessionKind::Cookie)
        };
        database.insert_browser_session(&bound, b"bound").await.unwrap();
        database.insert_browser_session(&open, b"open").await.unwrap();
        assert_eq!(database.browser_session(b"bound", NOW).await.unwrap(), Some(bound.clone()));
        assert_eq!(database.browser_session(b"open", NOW).await.unwrap(), Some(open.clone()));
        assert_eq!(database.browser_session(b"none", NOW).await.unwrap(), None);
        assert_eq!(database.browser_session(b"bound", bound.expires_at).await.unwrap(), None);
        assert!(database.delete_browser_session(open.id).await.unwrap());
        assert!(!database.delete_browser_session(open.id).await.unwrap());
        assert_eq!(database.browser_session(b"open", NOW).await.unwrap(), None);
        let end = bound.expires_at;
        assert_eq!(database.delete_expired_browser_sessions(end).await.unwrap(), 0);
        let after = end.plus(Duration::from_millis(1));
        assert_eq!(database.delete_expired_browser_sessions(after).await.unwrap(), 1);
    }

    async fn a_token_is_exchanged_once_and_a_cookie_never(bench) {
        let database = &bench.database;
        let token = session(bench, BrowserSessionKind::Token);
        database.insert_browser_session(&token, b"token").await.unwrap();
        database
            .insert_browser_session(&session(bench, BrowserSessionKind::Cookie), b"cookie")
            .await
            .unwrap();
        assert_eq!(
            database.exchange_browser_session(b"token", token.expires_at).await.unwrap(),
            None
        );
        let exchanged = database.exchange_browser_session(b"token", NOW).await.unwrap().unwrap();
        assert_eq!((exchanged.id, exchanged.exchanged_at), (token.id, Some(NOW)));
        assert_eq!(database.exchange_browser_session(b"token", NOW).await.unwrap(), None);
        assert_eq!(database.exchange_browser_session(b"cookie", NOW).await.unwrap(), None);
        assert_eq!(database.browser_session(b"token", NOW).await.unwrap(), Some(exchanged));
    }
}
