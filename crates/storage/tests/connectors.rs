//! Connectors and their headers.

use keyway_model::{
    AuthType, Connector, ConnectorKey, ConnectorState, GrantSecret, GrantType, Health,
    HealthStatus, IdentityProvider, OAuthSettings, StateReason, Timestamp,
};
use keyway_storage::{ConnectorUpdate, Error, HeaderEdit, SecretEdit};
use secrecy::{ExposeSecret, SecretString};

use crate::bench::{Bench, ana, bob, credential, header_values, on_both};

fn full(bench: &Bench) -> Connector {
    Connector {
        name: "Nötes, \"quoted\"".into(),
        header_names: vec!["X-Key".into(), "a-first".into()],
        oauth: OAuthSettings {
            grant: GrantType::ClientCredentials,
            client_id: Some("typed".into()),
            token_endpoint_auth_method: Some("client_secret_post".into()),
            scopes: vec!["a b".into(), "c".into()],
            signing_algorithm: Some("ES256".into()),
            idp: IdentityProvider {
                issuer: Some("https://idp.example".into()),
                client_id: Some("at-idp".into()),
                token_endpoint: Some("https://idp.example/token".into()),
            },
        },
        enabled: false,
        state: ConnectorState::ScopeRequired,
        state_reason: Some(StateReason::InsufficientScope),
        required_scopes: vec!["more".into()],
        health: Health {
            status: HealthStatus::Unreachable,
            checked_at: Some(Timestamp::from_millis(5)),
            detail: Some("no route".into()),
        },
        pinned_protocol_version: Some("2025-06-18".into()),
        protocol_version: Some("2025-03-26".into()),
        tool_count: Some(3),
        read_only: true,
        revision: 7,
        ..bench.new_connector(&ana(), "notes", AuthType::OAuth)
    }
}

fn headers() -> Vec<(String, SecretString)> {
    vec![("X-Key".into(), "canary-1".into()), ("a-first".into(), "canary-2".into())]
}

pub(crate) fn unchanged(connector: &Connector) -> ConnectorUpdate {
    ConnectorUpdate {
        name: connector.name.clone(),
        slug: connector.slug.clone(),
        url: connector.url.clone(),
        auth_type: connector.auth_type,
        oauth: connector.oauth.clone(),
        enabled: connector.enabled,
        pinned_protocol_version: connector.pinned_protocol_version.clone(),
        read_only: connector.read_only,
        state: connector.state,
        state_reason: connector.state_reason,
        required_scopes: connector.required_scopes.clone(),
        headers: vec![],
        drop_headers: false,
        client_secret: SecretEdit::Keep,
        grant_secrets: vec![],
        drop_grant: false,
    }
}

pub(crate) async fn stored(bench: &Bench, connector: &Connector) -> Connector {
    let key = ConnectorKey::Id(connector.id);
    bench.database.connector(&ana(), &key).await.unwrap().unwrap()
}

async fn values(bench: &Bench, connector: &Connector) -> Vec<(String, String)> {
    let values = header_values(&bench.database, connector).await.unwrap();
    values.into_iter().map(|(name, value)| (name, value.expose_secret().to_owned())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

on_both! {
    async fn a_connector_comes_with_its_headers_and_its_grant_in_one_statement(bench) {
        let connector = full(bench);
        let database = &bench.database;
        database.insert_connector(&connector, &headers(), None, &[]).await.unwrap();
        let slug = || ConnectorKey::Slug(connector.slug.clone());
        let without = credential(database, &ana(), slug()).await.unwrap();
        assert_eq!(without.connector, stored(bench, &connector).await);
        assert!(without.grant.unwrap().is_none());
        let expected = bench.sign_in(&connector).await;
        for key in [slug(), ConnectorKey::Id(connector.id)] {
            let found = credential(database, &ana(), key).await.unwrap();
            assert_eq!(found.connector, stored(bench, &connector).await);
            assert_eq!(format!("{:?}", found.grant.unwrap().unwrap()), format!("{expected:?}"));
            let values = found.headers.unwrap().into_iter();
            let values: Vec<_> =
                values.map(|(name, value)| (name, value.expose_secret().to_owned())).collect();
            assert_eq!(values, pairs(&[("X-Key", "canary-1"), ("a-first", "canary-2")]));
        }
        let mut bare = bench.new_connector(&ana(), "bare", AuthType::Headers);
        bare.url = connector.url.clone();
        database.insert_connector(&bare, &[], None, &[]).await.unwrap();
        let found = credential(database, &ana(), ConnectorKey::Id(bare.id)).await.unwrap();
        assert_eq!((found.connector.id, found.headers.unwrap().len()), (bare.id, 0));
        assert!(found.grant.unwrap().is_none(), "another connector's grant");
    }

    async fn a_connector_comes_back_as_it_was_stored(bench) {
        let connector = full(bench);
        let secret = "canary-3".into();
        bench.database.insert_connector(&connector, &headers(), Some(&secret), &[]).await.unwrap();
        assert_eq!(stored(bench, &connector).await, connector);
        let slug = ConnectorKey::Slug(connector.slug.clone());
        let by_slug = bench.database.connector(&ana(), &slug).await.unwrap();
        assert_eq!(by_slug, Some(connector.clone()));
        assert_eq!(
            values(bench, &connector).await,
            pairs(&[("X-Key", "canary-1"), ("a-first", "canary-2")])
        );
        let secret = bench.database.client_secret(&ana(), connector.id).await.unwrap().unwrap();
        assert_eq!(secret.expose_secret(), "canary-3");
    }

    async fn a_user_s_connectors_come_oldest_first(bench) {
        for slug in ["b", "a", "c"] {
            let connector = bench.new_connector(&ana(), slug, AuthType::Headers);
            bench.database.insert_connector(&connector, &[], None, &[]).await.unwrap();
            bench.later(std::time::Duration::from_millis(5)).await;
        }
        let slugs = bench.database.connectors_of(&ana()).await.unwrap();
        let slugs: Vec<_> = slugs.iter().map(|connector| connector.slug.as_str()).collect();
        assert_eq!(slugs, ["b", "a", "c"]);
    }

    async fn a_slug_is_taken_once_for_each_user(bench) {
        bench.connector().await;
        let twin = bench.new_connector(&ana(), "notes", AuthType::OAuth);
        let refused = bench.database.insert_connector(&twin, &headers(), None, &[]).await;
        assert!(matches!(refused, Err(Error::Conflict(name)) if name == Error::SLUG_TAKEN));
        let other = bench.new_connector(&bob(), "notes", AuthType::OAuth);
        bench.database.insert_connector(&other, &[], None, &[]).await.unwrap();
        let mut third = bench.new_connector(&ana(), "third", AuthType::OAuth);
        bench.database.insert_connector(&third, &[], None, &[]).await.unwrap();
        third.slug = "notes".parse().unwrap();
        let refused =
            bench.database.update_connector(&ana(), third.id, 1, &unchanged(&third)).await;
        assert!(matches!(refused, Err(Error::Conflict(name)) if name == Error::SLUG_TAKEN));
    }

    async fn headers_are_kept_replaced_and_removed_one_by_one(bench) {
        let connector = full(bench);
        bench.database.insert_connector(&connector, &headers(), None, &[]).await.unwrap();
        let edits = vec![
            HeaderEdit::Set("x-key".into(), "new".into()),
            HeaderEdit::Remove("A-FIRST".into()),
            HeaderEdit::Set("Last".into(), "last".into()),
        ];
        let update = ConnectorUpdate { headers: edits, ..unchanged(&connector) };
        let changed = bench
            .database
            .update_connector(&ana(), connector.id, 7, &update)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(changed.connector.header_names, ["x-key", "Last"]);
        assert_eq!(values(bench, &connector).await, pairs(&[("x-key", "new"), ("Last", "last")]));
        let edits = vec![HeaderEdit::Set("Only".into(), "one".into())];
        let update =
            ConnectorUpdate { headers: edits, drop_headers: true, ..unchanged(&connector) };
        bench.database.update_connector(&ana(), connector.id, 8, &update).await.unwrap().unwrap();
        assert_eq!(values(bench, &connector).await, pairs(&[("Only", "one")]));
    }

    async fn a_change_counts_the_revision_and_refuses_a_stale_one(bench) {
        let connector = bench.connector().await;
        let update = ConnectorUpdate { name: "Other".into(), ..unchanged(&connector) };
        let changed =
            bench.database.update_connector(&ana(), connector.id, 1, &update).await.unwrap();
        assert_eq!(
            changed.as_ref().map(|c| (c.connector.name.as_str(), c.connector.revision)),
            Some(("Other", 2))
        );
        let stale =
            bench.database.update_connector(&ana(), connector.id, 1, &unchanged(&connector)).await;
        assert!(stale.unwrap().is_none());
        assert_eq!(stored(bench, &connector).await, changed.unwrap().connector);
    }

    async fn a_new_url_forgets_what_the_old_one_showed(bench) {
        let connector = full(bench);
        bench.database.insert_connector(&connector, &[], None, &[]).await.unwrap();
        let at = bench.options.clock.now();
        bench.database.save_tool_list(&ana(), connector.id, 7, "[1]", at).await.unwrap();
        bench
            .database
            .update_connector(&ana(), connector.id, 7, &unchanged(&connector))
            .await
            .unwrap();
        assert!(bench.database.tool_list(&ana(), connector.id).await.unwrap().is_some());
        assert_eq!(stored(bench, &connector).await.health, connector.health);
        let update =
            ConnectorUpdate { url: "https://other.example/".into(), ..unchanged(&connector) };
        let changed = bench
            .database
            .update_connector(&ana(), connector.id, 8, &update)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            changed.connector.health,
            Health { status: HealthStatus::Unknown, checked_at: None, detail: None }
        );
        assert_eq!(
            (changed.connector.protocol_version, changed.connector.tool_count),
            (None, None)
        );
        assert!(bench.database.tool_list(&ana(), connector.id).await.unwrap().is_none());
    }

    async fn the_typed_client_secret_is_kept_replaced_and_removed(bench) {
        let connector = bench.connector().await;
        for (revision, (edit, expected)) in (1_i64..).zip([
            (SecretEdit::Set("canary-a".into()), Some("canary-a")),
            (SecretEdit::Keep, Some("canary-a")),
            (SecretEdit::Remove, None),
        ]) {
            let update = ConnectorUpdate { client_secret: edit, ..unchanged(&connector) };
            bench
                .database
                .update_connector(&ana(), connector.id, revision, &update)
                .await
                .unwrap()
                .unwrap();
            let secret = bench.database.client_secret(&ana(), connector.id).await.unwrap();
            assert_eq!(secret.as_ref().map(ExposeSecret::expose_secret), expected);
        }
    }

    async fn the_secrets_of_a_grant_without_a_person_are_kept_replaced_and_removed(bench) {
        use GrantSecret::{Assertion, PrivateKey};
        let connector = bench.new_connector(&ana(), "notes", AuthType::OAuth);
        let first = [(PrivateKey, "canary-key".into()), (Assertion, "canary-old".into())];
        bench.database.insert_connector(&connector, &[], None, &first).await.unwrap();
        let grant_secrets = vec![
            (Assertion, SecretEdit::Set("canary-new".into())),
            (PrivateKey, SecretEdit::Keep),
            (GrantSecret::IdpIdToken, SecretEdit::Remove),
        ];
        let update = ConnectorUpdate { grant_secrets, ..unchanged(&connector) };
        bench.database.update_connector(&ana(), connector.id, 1, &update).await.unwrap().unwrap();
        let held = bench.database.grant_secrets(&ana(), connector.id).await.unwrap();
        let text = |name| held.get(&name).map(|secret: &SecretString| secret.expose_secret());
        assert_eq!((text(PrivateKey), text(Assertion)), (Some("canary-key"), Some("canary-new")));
        assert!(bench.database.grant_secrets(&bob(), connector.id).await.unwrap().is_empty());
        let grant_secrets = vec![(PrivateKey, SecretEdit::Remove)];
        let update = ConnectorUpdate { grant_secrets, ..unchanged(&connector) };
        bench.database.update_connector(&ana(), connector.id, 2, &update).await.unwrap().unwrap();
        let held = bench.database.grant_secrets(&ana(), connector.id).await.unwrap();
        assert_eq!(held.into_keys().collect::<Vec<_>>(), [Assertion]);
    }

    async fn a_grant_without_a_person_takes_the_place_of_an_older_one(bench) {
        let connector = bench.connector().await;
        let older = bench.sign_in(&connector).await;
        let grant = keyway_model::Grant { dpop_key: None, ..bench.new_grant(&connector) };
        let save = async |url: &str| bench.database.save_unattended_grant(url, &grant).await.unwrap();
        assert!(!save("https://moved.example/mcp").await);
        assert!(save(&connector.url).await);
        let newer = bench.database.grant(&ana(), connector.id).await.unwrap().unwrap();
        assert_eq!(newer.generation, older.generation + 1);
        assert_eq!((older.dpop_key.is_some(), newer.dpop_key.is_some()), (true, false));
        assert_eq!(stored(bench, &connector).await.state, ConnectorState::Ready);
        bench.database.delete_connector(&ana(), connector.id).await.unwrap();
        assert!(!save(&connector.url).await);
    }

    async fn a_change_can_drop_the_grant_in_the_same_write(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let connector = stored(bench, &connector).await;
        let update = ConnectorUpdate { drop_grant: true, ..unchanged(&connector) };
        let changed = bench
            .database
            .update_connector(&ana(), connector.id, connector.revision, &update)
            .await;
        let dropped = changed.unwrap().unwrap().dropped_grant.unwrap();
        assert_eq!(dropped.access_token.expose_secret(), "canary-access-1");
        assert!(bench.database.grant(&ana(), connector.id).await.unwrap().is_none());
    }

    async fn deleting_a_connector_removes_every_sealed_byte_of_it(bench) {
        let connector = full(bench);
        bench
            .database
            .insert_connector(&connector, &headers(), Some(&"canary".into()), &[])
            .await
            .unwrap();
        let signed_in = bench.sign_in(&connector).await;
        let scope = keyway_storage::RegistrationScope::Connector(ana(), connector.id);
        bench.database.save_registration(&scope, &crate::bench::client()).await.unwrap();
        let at = bench.options.clock.now();
        let revision = stored(bench, &connector).await.revision;
        bench.database.save_tool_list(&ana(), connector.id, revision, "[]", at).await.unwrap();
        assert_eq!(bench.database.sealed_value_counts().await.unwrap()[0].1, 10);
        let deleted = bench.database.delete_connector(&ana(), connector.id).await.unwrap();
        let grant = deleted.expect("the connector was there").expect("it had a grant");
        assert_eq!(grant.sign_in_id, signed_in.sign_in_id);
        let counts = bench.database.sealed_value_counts().await.unwrap();
        assert_eq!(counts[0].1, 3, "what is still to be revoked: two tokens and the client's secret");
        assert!(bench.database.tool_list(&ana(), connector.id).await.unwrap().is_none());
        assert!(bench.database.delete_connector(&ana(), connector.id).await.unwrap().is_none());
    }

    async fn a_contact_is_recorded_without_a_new_revision(bench) {
        let connector = bench.connector().await;
        let health = |millis, detail: Option<&str>| Health {
            status: HealthStatus::Ok,
            checked_at: Some(Timestamp::from_millis(millis)),
            detail: detail.map(str::to_owned),
        };
        let (database, ana) = (&bench.database, ana());
        database
            .record_contact(&ana, connector.id, &health(1, Some("x")), Some("2025-11-25"), Some(4))
            .await
            .unwrap();
        database.record_contact(&ana, connector.id, &health(2, None), None, None).await.unwrap();
        database.record_contact(&ana, connector.id, &health(3, None), None, None).await.unwrap();
        let stored = stored(bench, &connector).await;
        assert_eq!(stored.health, health(3, None));
        assert_eq!(stored.protocol_version.as_deref(), Some("2025-11-25"));
        assert_eq!((stored.tool_count, stored.revision), (Some(4), 1));
    }

    async fn a_state_is_marked_when_it_is_another_one(bench) {
        let connector = bench.connector().await;
        let scopes = vec!["more".to_owned()];
        let mark = async |reason, scopes: &[String]| {
            let state = ConnectorState::ScopeRequired;
            bench.database.set_state(&ana(), connector.id, state, reason, scopes).await.unwrap()
        };
        assert!(mark(None, &[]).await);
        assert!(!mark(None, &[]).await);
        assert!(mark(Some(StateReason::InsufficientScope), &[]).await);
        assert!(mark(Some(StateReason::InsufficientScope), &scopes).await);
        assert!(!mark(Some(StateReason::InsufficientScope), &scopes).await);
        let stored = stored(bench, &connector).await;
        assert_eq!((stored.state, stored.revision), (ConnectorState::ScopeRequired, 4));
        assert_eq!(stored.required_scopes, scopes);
    }

    async fn another_user_s_connector_is_not_found(bench) {
        let connector = full(bench);
        let (database, id) = (&bench.database, connector.id);
        database.insert_connector(&connector, &headers(), Some(&"canary".into()), &[]).await.unwrap();
        assert_eq!(database.connector(&bob(), &ConnectorKey::Id(id)).await.unwrap(), None);
        let slug = ConnectorKey::Slug(connector.slug.clone());
        assert_eq!(database.connector(&bob(), &slug).await.unwrap(), None);
        assert_eq!(database.connectors_of(&bob()).await.unwrap(), []);
        assert!(credential(database, &bob(), ConnectorKey::Id(id)).await.is_none());
        assert!(credential(database, &bob(), slug).await.is_none());
        assert!(database.client_secret(&bob(), id).await.unwrap().is_none());
        let update =
            ConnectorUpdate { drop_headers: true, drop_grant: true, ..unchanged(&connector) };
        assert!(database.update_connector(&bob(), id, 7, &update).await.unwrap().is_none());
        assert!(database.delete_connector(&bob(), id).await.unwrap().is_none());
        let health = Health { status: HealthStatus::Ok, checked_at: None, detail: None };
        database.record_contact(&bob(), id, &health, Some("x"), Some(0)).await.unwrap();
        assert!(!database.set_state(&bob(), id, ConnectorState::Ready, None, &[]).await.unwrap());
        assert_eq!(stored(bench, &connector).await, connector);
        assert_eq!(values(bench, &connector).await.len(), 2);
    }
}
