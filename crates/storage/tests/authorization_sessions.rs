//! Sign-in attempts: stored, bound, claimed once, ended.

use std::time::Duration;

use keyway_model::{AuthorizationSessionId, FailureCode, SessionStatus, Timestamp};
use secrecy::ExposeSecret;

use crate::bench::{ana, bob, on_both};

const LIFE: Duration = Duration::from_secs(600);

on_both! {
    async fn a_session_comes_back_as_it_was_stored(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        let database = &bench.database;
        assert!(database.insert_authorization_session(&session).await.unwrap());
        let expected = format!("{session:?}");
        let by_id = database.authorization_session(session.id).await.unwrap().unwrap();
        assert_eq!(format!("{by_id:?}"), expected);
        assert_eq!(by_id.code_verifier.expose_secret(), "canary-verifier");
        assert_eq!(by_id.client.client_secret.unwrap().expose_secret(), "canary-client-secret");
        let of_user = database.authorization_session_of(&ana(), session.id).await.unwrap().unwrap();
        assert_eq!(format!("{of_user:?}"), expected);
        let by_ticket = database.authorization_session_by_ticket(&session.ticket_hash).await;
        assert_eq!(format!("{:?}", by_ticket.unwrap().unwrap()), expected);
        assert!(database.authorization_session_of(&bob(), session.id).await.unwrap().is_none());
        assert!(database.authorization_session_by_ticket(b"other").await.unwrap().is_none());
    }

    async fn a_session_is_bound_to_one_browser(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        assert!(bench.database.bind_browser(session.id, b"first").await.unwrap());
        assert!(!bench.database.bind_browser(session.id, b"second").await.unwrap());
        let stored = bench.database.authorization_session(session.id).await.unwrap().unwrap();
        assert_eq!(stored.browser_hash.as_deref(), Some(b"first".as_slice()));
    }

    async fn a_session_is_claimed_once(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        let claimed = bench.database.claim(session.id).await.unwrap().unwrap();
        assert_eq!(claimed.status, SessionStatus::Claimed);
        assert!(bench.database.claim(session.id).await.unwrap().is_none());
        assert!(!bench.database.bind_browser(session.id, b"late").await.unwrap());
    }

    async fn of_many_callbacks_at_once_one_claims(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (database, id) = (bench.database.clone(), session.id);
                tokio::spawn(async move { database.claim(id).await.unwrap().is_some() })
            })
            .collect();
        let mut claims = 0;
        for task in tasks {
            claims += u8::from(task.await.unwrap());
        }
        assert_eq!(claims, 1);
    }

    async fn a_sign_in_that_has_not_come_back_is_counted_for_its_client(bench) {
        let connector = bench.connector().await;
        for _ in 0..2 {
            let session = bench.new_session(&connector).await;
            bench.database.insert_authorization_session(&session).await.unwrap();
            bench.database.bind_browser(session.id, session.id.to_string().as_bytes()).await.unwrap();
        }
        let count = async |user, client: &str| {
            bench.database.unfinished_sign_ins(&user, connector.id, client).await.unwrap()
        };
        assert_eq!(count(ana(), "c").await, 2);
        assert_eq!(count(ana(), "other").await, 0);
        assert_eq!(count(bob(), "c").await, 0);
    }

    async fn what_finished_sign_ins_asked_for_is_told_to_their_owner(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let open = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&open).await.unwrap();
        let asked = async |user, since| {
            bench.database.scopes_signed_in_for(&user, connector.id, since).await.unwrap()
        };
        assert_eq!(asked(ana(), open.created_at.minus(LIFE)).await, vec![open.scopes.clone()]);
        assert!(asked(ana(), open.created_at.plus(LIFE)).await.is_empty());
        assert!(asked(bob(), open.created_at.minus(LIFE)).await.is_empty());
    }

    async fn an_expired_session_is_neither_bound_nor_claimed(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        assert_eq!(bench.database.pending_authorization_sessions(&ana()).await.unwrap(), 1);
        assert_eq!(bench.database.pending_authorization_sessions(&bob()).await.unwrap(), 0);
        let later = bench.later(LIFE + Duration::from_secs(1)).await;
        assert_eq!(later.pending_authorization_sessions(&ana()).await.unwrap(), 0);
        assert!(!later.bind_browser(session.id, b"late").await.unwrap());
        assert!(later.claim(session.id).await.unwrap().is_none());
    }

    async fn a_session_fails_once_and_says_why(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        let database = &bench.database;
        database.insert_authorization_session(&session).await.unwrap();
        database.claim(session.id).await.unwrap().unwrap();
        let fail = async |code| {
            database.fail_authorization_session(session.id, code, "in words").await.unwrap()
        };
        assert!(fail(FailureCode::ExchangeFailed).await);
        assert!(!fail(FailureCode::Denied).await);
        let stored = database.authorization_session(session.id).await.unwrap().unwrap();
        assert_eq!(stored.status, SessionStatus::Failed);
        assert_eq!(stored.failure, Some(FailureCode::ExchangeFailed));
        assert_eq!(stored.detail.as_deref(), Some("in words"));
        assert!(!database.finish_sign_in(&stored, &bench.new_grant(&connector)).await.unwrap());
    }

    async fn a_note_on_one_try_does_not_end_the_session(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        let database = &bench.database;
        database.insert_authorization_session(&session).await.unwrap();
        let note = async |code, detail| {
            database.note_authorization_session(session.id, code, detail).await.unwrap();
            database.authorization_session(session.id).await.unwrap().unwrap()
        };
        let noted = note(FailureCode::BrowserMismatch, "another browser").await;
        assert_eq!(
            (noted.status, noted.failure),
            (SessionStatus::Pending, Some(FailureCode::BrowserMismatch))
        );
        assert_eq!(noted.detail.as_deref(), Some("another browser"));
        database.claim(session.id).await.unwrap().unwrap();
        let claimed = note(FailureCode::Denied, "late").await;
        assert_eq!(claimed.detail.as_deref(), Some("another browser"));
    }

    async fn an_outcome_is_shown_first_once(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        let database = &bench.database;
        database.insert_authorization_session(&session).await.unwrap();
        let first = async || database.take_outcome(session.id).await.unwrap().unwrap().1;
        assert!(first().await, "it has not ended");
        database.fail_authorization_session(session.id, FailureCode::Denied, "no").await.unwrap();
        assert!(first().await);
        assert!(!first().await);
        let (stored, _) = database.take_outcome(session.id).await.unwrap().unwrap();
        assert!(stored.shown_at.is_some());
        let unknown = AuthorizationSessionId::new(Timestamp::from_millis(0), &bench.random);
        assert!(database.take_outcome(unknown).await.unwrap().is_none());
    }

    async fn sessions_are_deleted_after_their_time(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        let delete = async |older_than| {
            bench.database.delete_expired_authorization_sessions(older_than).await.unwrap()
        };
        assert_eq!(delete(session.expires_at).await, 0);
        assert_eq!(delete(session.expires_at.plus(Duration::from_millis(1))).await, 1);
        assert!(bench.database.authorization_session(session.id).await.unwrap().is_none());
    }
}
