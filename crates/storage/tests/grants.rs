//! Grants: finished sign-ins, saved refreshes, refusals and what fences them. Leases are in
//! `leases`.

use std::{collections::HashMap, time::Duration};

use keyway_model::{
    AuthType, Connector, ConnectorKey, ConnectorState, SessionStatus, StateReason, Timestamp,
};
use keyway_storage::{ConnectorUpdate, Database, GrantFacts, RefreshedTokens, SecretEdit};
use secrecy::ExposeSecret;

use crate::bench::{Bench, ana, bob, on_both};

pub(crate) fn refreshed(number: u8, refresh_token: Option<&str>) -> RefreshedTokens {
    RefreshedTokens {
        access_token: format!("canary-access-{number}").into(),
        refresh_token: refresh_token.map(Into::into),
        obtained_at: Timestamp::from_millis(10),
        expires_at: Some(Timestamp::from_millis(20)),
        scopes: None,
    }
}

async fn stored(database: &Database, connector: &Connector) -> Connector {
    database.connector(&ana(), &ConnectorKey::Id(connector.id)).await.unwrap().unwrap()
}

async fn state(bench: &Bench, connector: &Connector) -> (ConnectorState, Option<StateReason>) {
    let stored = stored(&bench.database, connector).await;
    (stored.state, stored.state_reason)
}

on_both! {
    async fn a_finished_sign_in_stores_the_grant_and_makes_the_connector_ready(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        let session = bench.database.claim(session.id).await.unwrap().unwrap();
        let grant = bench.new_grant(&connector);
        assert!(bench.database.finish_sign_in(&session, &grant).await.unwrap());
        let stored = bench.database.grant(&ana(), connector.id).await.unwrap().unwrap();
        assert_eq!(stored.generation, 1);
        assert_eq!(stored.access_token.expose_secret(), "canary-access-1");
        let mut expected = grant;
        expected.generation = 1;
        assert_eq!(format!("{stored:?}"), format!("{expected:?}"));
        let client_secret = stored.client.client_secret.unwrap();
        assert_eq!(client_secret.expose_secret(), "canary-client-secret");
        assert_eq!(state(bench, &connector).await, (ConnectorState::Ready, None));
        let session = bench.database.authorization_session(session.id).await.unwrap().unwrap();
        assert_eq!(session.status, SessionStatus::Finished);
    }

    async fn a_sign_in_finishes_once(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        let grant = bench.new_grant(&connector);
        assert!(!bench.database.finish_sign_in(&session, &grant).await.unwrap(), "not claimed");
        bench.database.claim(session.id).await.unwrap().unwrap();
        assert!(bench.database.finish_sign_in(&session, &grant).await.unwrap());
        assert!(!bench.database.finish_sign_in(&session, &grant).await.unwrap(), "finished");
    }

    async fn a_sign_in_does_not_resurrect_a_deleted_connector(bench) {
        let connector = bench.connector().await;
        let session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        bench.database.claim(session.id).await.unwrap().unwrap();
        bench.database.delete_connector(&ana(), connector.id).await.unwrap();
        let grant = bench.new_grant(&connector);
        assert!(!bench.database.finish_sign_in(&session, &grant).await.unwrap());
        assert!(bench.database.grant(&ana(), connector.id).await.unwrap().is_none());
        assert!(!bench.database.insert_authorization_session(&session).await.unwrap());
    }

    async fn a_sign_in_of_another_url_or_kind_writes_nothing(bench) {
        for (url, auth_type) in [
            ("https://other.example/", AuthType::OAuth),
            ("https://notes.example/mcp", AuthType::Headers),
        ] {
            let connector = bench.new_connector(&ana(), &format!("{auth_type}"), AuthType::OAuth);
            bench.database.insert_connector(&connector, &[], None, &[]).await.unwrap();
            let session = bench.new_session(&connector).await;
            bench.database.insert_authorization_session(&session).await.unwrap();
            bench.database.claim(session.id).await.unwrap().unwrap();
            let update = ConnectorUpdate {
                name: "x".into(),
                slug: connector.slug.clone(),
                url: url.into(),
                auth_type,
                oauth: connector.oauth.clone(),
                enabled: true,
                pinned_protocol_version: None,
                read_only: false,
                state: connector.state,
                state_reason: None,
                required_scopes: vec![],
                headers: vec![],
                drop_headers: false,
                client_secret: SecretEdit::Keep,
                grant_secrets: vec![],
                drop_grant: false,
            };
            bench
                .database
                .update_connector(&ana(), connector.id, 1, &update)
                .await
                .unwrap()
                .unwrap();
            let grant = bench.new_grant(&connector);
            assert!(!bench.database.finish_sign_in(&session, &grant).await.unwrap());
            assert!(bench.database.grant(&ana(), connector.id).await.unwrap().is_none());
            let session = bench.database.authorization_session(session.id).await.unwrap().unwrap();
            assert_eq!(session.status, SessionStatus::Claimed);
        }
    }

    async fn a_sign_in_for_somebody_else_writes_nothing(bench) {
        let connector = bench.connector().await;
        let mut session = bench.new_session(&connector).await;
        bench.database.insert_authorization_session(&session).await.unwrap();
        bench.database.claim(session.id).await.unwrap().unwrap();
        let mut grant = bench.new_grant(&connector);
        grant.user_id = bob();
        assert!(!bench.database.finish_sign_in(&session, &grant).await.unwrap());
        session.user_id = bob();
        assert!(!bench.database.finish_sign_in(&session, &grant).await.unwrap());
        assert!(!bench.database.insert_authorization_session(&session).await.unwrap());
        assert!(bench.database.grant(&ana(), connector.id).await.unwrap().is_none());
    }

    async fn a_saved_refresh_counts_the_generation_and_keeps_what_is_not_new(bench) {
        let connector = bench.connector().await;
        let first = bench.sign_in(&connector).await;
        let saved =
            bench.database.save_refreshed(&ana(), connector.id, 1, &refreshed(2, None)).await;
        let saved = saved.unwrap().unwrap();
        assert_eq!(saved.generation, 2);
        assert_eq!(saved.access_token.expose_secret(), "canary-access-2");
        assert_eq!(saved.refresh_token.unwrap().expose_secret(), "canary-refresh-1");
        assert_eq!((saved.scopes, saved.sign_in_id), (first.scopes, first.sign_in_id));
        let mut tokens = refreshed(3, Some("canary-refresh-3"));
        tokens.scopes = Some(vec!["less".into()]);
        tokens.expires_at = None;
        let saved =
            bench.database.save_refreshed(&ana(), connector.id, 2, &tokens).await.unwrap().unwrap();
        assert_eq!(saved.refresh_token.unwrap().expose_secret(), "canary-refresh-3");
        assert_eq!((saved.scopes, saved.expires_at), (vec!["less".to_owned()], None));
    }

    async fn a_holder_that_wakes_late_does_not_overwrite_newer_tokens(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let (database, other) = (&bench.database, bench.other_process().await);
        other
            .save_refreshed(&ana(), connector.id, 1, &refreshed(2, Some("canary-new")))
            .await
            .unwrap()
            .unwrap();
        let late = database
            .save_refreshed(&ana(), connector.id, 1, &refreshed(9, Some("canary-late")))
            .await;
        assert!(late.unwrap().is_none());
        assert!(
            !database
                .refuse_grant(&ana(), connector.id, 1, StateReason::RefreshRejected)
                .await
                .unwrap()
        );
        let grant = database.grant(&ana(), connector.id).await.unwrap().unwrap();
        assert_eq!(grant.refresh_token.unwrap().expose_secret(), "canary-new");
        assert_eq!(state(bench, &connector).await, (ConnectorState::Ready, None));
    }

    async fn a_late_save_heals_a_connector_that_was_only_refused(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let other = bench.other_process().await;
        assert!(
            other
                .refuse_grant(&ana(), connector.id, 1, StateReason::RefreshRejected)
                .await
                .unwrap()
        );
        let refused = (ConnectorState::ReauthRequired, Some(StateReason::RefreshRejected));
        assert_eq!(state(bench, &connector).await, refused);
        let grant = bench.database.grant(&ana(), connector.id).await.unwrap().unwrap();
        assert_eq!(grant.generation, 1);
        let late =
            bench.database.save_refreshed(&ana(), connector.id, 1, &refreshed(2, None)).await;
        assert_eq!(late.unwrap().unwrap().generation, 2);
        assert_eq!(state(bench, &connector).await, (ConnectorState::Ready, None));
    }

    async fn a_saved_refresh_does_not_hide_that_scopes_are_missing(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let (state_, scopes) = (ConnectorState::ScopeRequired, vec!["more".to_owned()]);
        bench.database.set_state(&ana(), connector.id, state_, None, &scopes).await.unwrap();
        bench
            .database
            .save_refreshed(&ana(), connector.id, 1, &refreshed(2, None))
            .await
            .unwrap()
            .unwrap();
        let stored = stored(&bench.database, &connector).await;
        assert_eq!((stored.state, stored.required_scopes), (state_, scopes));
    }

    async fn the_generation_goes_on_after_a_grant_was_dropped(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        bench
            .database
            .save_refreshed(&ana(), connector.id, 1, &refreshed(2, None))
            .await
            .unwrap()
            .unwrap();
        let state_ = ConnectorState::SignInRequired;
        let dropped = bench.database.drop_grant(&ana(), connector.id, state_, None).await.unwrap();
        assert_eq!(dropped.unwrap().access_token.expose_secret(), "canary-access-2");
        assert_eq!(state(bench, &connector).await, (state_, None));
        assert!(bench.database.grant(&ana(), connector.id).await.unwrap().is_none());
        assert!(
            bench.database.drop_grant(&ana(), connector.id, state_, None).await.unwrap().is_none()
        );
        assert_eq!(bench.sign_in(&connector).await.generation, 3);
        assert_eq!(bench.sign_in(&connector).await.generation, 4);
        let late =
            bench.database.save_refreshed(&ana(), connector.id, 2, &refreshed(9, None)).await;
        assert!(late.unwrap().is_none());
    }

    async fn a_forced_refresh_comes_once_a_minute_and_for_the_stored_generation_alone(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let start = Timestamp::from_millis(1_000_000);
        let force = async |generation, seconds| {
            let now = start.plus(Duration::from_secs(seconds));
            bench.database.mark_forced(&ana(), connector.id, generation, now).await.unwrap()
        };
        assert!(!force(2, 0).await, "not this generation");
        assert!(force(1, 0).await);
        assert!(!force(1, 59).await, "within the minute");
        assert!(force(1, 60).await, "the first one came to nothing");
        bench
            .database
            .save_refreshed(&ana(), connector.id, 1, &refreshed(2, None))
            .await
            .unwrap()
            .unwrap();
        assert!(!force(2, 119).await, "within the minute");
        assert!(force(2, 120).await);
        let grant = bench.database.grant(&ana(), connector.id).await.unwrap().unwrap();
        assert_eq!(grant.forced_at, Some(start.plus(Duration::from_secs(120))));
    }

    async fn what_is_told_of_a_user_s_grants_needs_no_secret(bench) {
        let connector = bench.connector().await;
        let grant = bench.sign_in(&connector).await;
        bench.behind("UPDATE grants SET access_token = client_secret, refresh_token = NULL").await;
        let facts = bench.database.grant_facts_of(&ana()).await.unwrap();
        let expected = GrantFacts {
            registration: grant.client.kind,
            issuer: grant.client.issuer,
            resource: grant.resource,
            scopes: grant.scopes,
            account: grant.account,
            expires_at: grant.expires_at,
            refreshable: false,
        };
        assert_eq!(facts, HashMap::from([(connector.id, expected)]));
        assert!(bench.database.grant_facts_of(&bob()).await.unwrap().is_empty());
    }

    async fn another_user_changes_nothing_of_a_grant(bench) {
        let connector = bench.connector().await;
        let before = bench.sign_in(&connector).await;
        let (database, id, lease) = (&bench.database, connector.id, Duration::from_secs(9));
        let (state_, reason) = (ConnectorState::ReauthRequired, StateReason::Revoked);
        assert!(database.grant(&bob(), id).await.unwrap().is_none());
        assert!(database.lease_refresh(&bob(), id, 1, "b", lease).await.unwrap().is_none());
        assert!(
            database.save_refreshed(&bob(), id, 1, &refreshed(9, None)).await.unwrap().is_none()
        );
        assert!(!database.refuse_grant(&bob(), id, 1, reason).await.unwrap());
        assert!(!database.mark_forced(&bob(), id, 1, Timestamp::from_millis(0)).await.unwrap());
        assert!(database.drop_grant(&bob(), id, state_, Some(reason)).await.unwrap().is_none());
        let after = database.grant(&ana(), id).await.unwrap().unwrap();
        assert_eq!(format!("{after:?}"), format!("{before:?}"));
        assert_eq!(state(bench, &connector).await, (ConnectorState::Ready, None));
        database.lease_refresh(&ana(), id, 1, "a", lease).await.unwrap().unwrap();
        database.release_lease(&bob(), id, 1, "a", true).await.unwrap();
        assert!(database.lease_refresh(&ana(), id, 1, "a", lease).await.unwrap().is_none());
    }
}
