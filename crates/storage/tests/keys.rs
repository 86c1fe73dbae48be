//! Keys: the canary, missing keys, rotation, and sealed values in the wrong place.

use std::time::Duration;

use keyway_model::{AuthType, Connector, ConnectorKey, ConnectorState, GrantSecret, Random};
use keyway_storage::{Database, Error, KeyRing, Options, RegistrationScope, Resealed};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    approvals::{call, stand},
    bench::{Bench, ana, bob, client, header_values, on_both},
};

fn key(seed: u64, id: &str) -> String {
    let text = KeyRing::generate(&Random::seeded(seed));
    format!("{id}:{}", text.split_once(':').unwrap().1)
}

/// A connector with everything that is ever sealed, and what lies beside it.
async fn fill_every_column(bench: &Bench) -> Connector {
    let connector = bench.new_connector(&ana(), "notes", AuthType::OAuth);
    let headers = [("A".into(), "a".into()), ("B".into(), "b".into())];
    let secrets = [(GrantSecret::PrivateKey, "key".into())];
    let typed_in = SecretString::from("typed-in");
    let database = &bench.database;
    database.insert_connector(&connector, &headers, Some(&typed_in), &secrets).await.unwrap();
    let grant = bench.sign_in(&connector).await;
    let session = bench.new_session(&connector).await;
    assert!(database.insert_authorization_session(&session).await.unwrap());
    for scope in [RegistrationScope::Shared, RegistrationScope::Connector(ana(), connector.id)] {
        assert!(database.save_registration(&scope, &client()).await.unwrap());
    }
    database.queue_revocation(&grant, &connector.url).await.unwrap();
    stand(bench, &call(&connector), None).await;
    connector
}

async fn with_keys(bench: &Bench, keys: &str) -> Database {
    let keys = KeyRing::parse(keys).unwrap();
    Database::open(Options { keys, ..bench.options.clone() }).await.unwrap()
}

on_both! {
    async fn a_wrong_key_is_told_at_start_from_a_damaged_row(bench) {
        with_keys(bench, &key(10, "k")).await.check_keys().await.unwrap();
        with_keys(bench, &key(10, "k")).await.check_keys().await.unwrap();
        let refused = with_keys(bench, &key(11, "k")).await.check_keys().await;
        assert!(matches!(refused, Err(Error::WrongKey { key_id }) if key_id == "k"));
    }

    async fn a_key_that_is_still_needed_is_missed_at_start(bench) {
        let connector = bench.new_connector(&ana(), "notes", AuthType::Headers);
        let old = with_keys(bench, &key(10, "old")).await;
        old.insert_connector(&connector, &[("X".into(), "canary".into())], None, &[]).await.unwrap();
        assert_eq!(old.sealed_value_counts().await.unwrap(), [("old".to_owned(), 1)]);
        let new = with_keys(bench, &key(11, "new")).await;
        let refused = new.check_keys().await;
        assert!(matches!(refused, Err(Error::KeyMissing { key_id }) if key_id == "old"));
        let refused = header_values(&new, &connector).await;
        assert!(matches!(refused, Err(Error::Unsealing { .. })));
        let both = with_keys(bench, &format!("{},{}", key(11, "new"), key(10, "old"))).await;
        both.check_keys().await.unwrap();
        let values = header_values(&both, &connector).await.unwrap();
        assert_eq!(values[0].1.expose_secret(), "canary");
        old.delete_connector(&ana(), connector.id).await.unwrap();
        new.check_keys().await.unwrap();
    }

    async fn a_rotation_leaves_nothing_under_the_old_key_and_everything_opens_under_the_new_one(bench) {
        let own = bench.through(with_keys(bench, &key(10, "old")).await);
        let connector = fill_every_column(&own).await;
        let before = own.database.sealed_value_counts().await.unwrap();
        let [(_, all)] = before.as_slice() else { panic!("{before:?}") };
        let both = with_keys(bench, &format!("{},{}", key(11, "new"), key(10, "old"))).await;
        let done = both.reseal().await.unwrap();
        assert_eq!(done, Resealed { values: all.unsigned_abs(), unopened: 0 });
        assert_eq!(both.sealed_value_counts().await.unwrap(), [("new".to_owned(), *all)]);
        assert_eq!(both.reseal().await.unwrap(), Resealed::default());
        let new = with_keys(bench, &key(11, "new")).await;
        new.check_keys().await.unwrap();
        let waiting = new.waiting_approvals(&ana(), bench.options.clock.now()).await.unwrap();
        assert_eq!(waiting[0].arguments.expose_secret(), r#"{"canary":1}"#);
        let grant = new.grant(&ana(), connector.id).await.unwrap().unwrap();
        assert_eq!(grant.dpop_key.unwrap().expose_secret(), "canary-dpop-key");
        assert_eq!(grant.client.client_secret.unwrap().expose_secret(), "canary-client-secret");
        assert_eq!(header_values(&new, &connector).await.unwrap()[1].1.expose_secret(), "b");
        assert_eq!(new.grant_secrets(&ana(), connector.id).await.unwrap().len(), 1);
        let secret = new.client_secret(&ana(), connector.id).await.unwrap();
        assert_eq!(secret.unwrap().expose_secret(), "typed-in");
        for scope in [RegistrationScope::Shared, RegistrationScope::Connector(ana(), connector.id)] {
            let client = client();
            let stored = new.registration(&scope, &client.issuer, &client.redirect_uri).await;
            assert!(stored.unwrap().unwrap().client_secret.is_some());
        }
        assert_eq!(new.claim_revocations(Duration::from_secs(9), 9).await.unwrap().len(), 1);
    }

    async fn a_value_that_does_not_open_is_counted_and_left_as_it_is(bench) {
        let own = bench.through(with_keys(bench, &key(10, "old")).await);
        fill_every_column(&own).await;
        bench.behind("UPDATE grants SET access_token = refresh_token").await;
        let both = with_keys(bench, &format!("{},{}", key(11, "new"), key(10, "old"))).await;
        assert_eq!(both.reseal().await.unwrap().unopened, 1);
        let left = both.sealed_value_counts().await.unwrap();
        assert!(left.contains(&("old".to_owned(), 1)), "{left:?}");
    }

    async fn a_sealed_value_that_was_moved_does_not_open(bench) {
        let database = &bench.database;
        let first = bench.connector().await;
        let second = bench.new_connector(&bob(), "notes", AuthType::OAuth);
        database.insert_connector(&second, &[], None, &[]).await.unwrap();
        bench.sign_in(&first).await;
        bench.sign_in(&second).await;
        bench
            .behind(
                "UPDATE grants SET access_token = (SELECT access_token FROM grants AS other
                WHERE other.user_id = 'ana') WHERE user_id = 'bob'",
            )
            .await;
        let refused = database.grant(&bob(), second.id).await;
        assert!(matches!(
            refused,
            Err(Error::Unsealing { table: "grants", column: "access_token", row }) if row == second.id.to_string()
        ));
        database.grant(&ana(), first.id).await.unwrap().unwrap();
        bench.behind("UPDATE grants SET access_token = refresh_token WHERE user_id = 'ana'").await;
        assert!(matches!(database.grant(&ana(), first.id).await, Err(Error::Unsealing { .. })));
    }

    async fn a_header_s_value_opens_under_its_own_name_alone(bench) {
        let connector = bench.new_connector(&ana(), "notes", AuthType::Headers);
        let headers = [("A".into(), "canary".into()), ("B".into(), "canary".into())];
        bench.database.insert_connector(&connector, &headers, None, &[]).await.unwrap();
        bench
            .behind(
                "UPDATE connector_headers SET value = (SELECT value FROM connector_headers AS other
                WHERE other.name = 'A') WHERE name = 'B'",
            )
            .await;
        let refused = header_values(&bench.database, &connector).await;
        assert!(matches!(refused, Err(Error::Unsealing { table: "connector_headers", .. })));
    }

    async fn a_grant_s_secret_opens_under_its_own_name_alone(bench) {
        use keyway_model::GrantSecret::{Assertion, PrivateKey};
        let connector = bench.new_connector(&ana(), "notes", AuthType::OAuth);
        let secrets = [(Assertion, "canary".into()), (PrivateKey, "canary".into())];
        bench.database.insert_connector(&connector, &[], None, &secrets).await.unwrap();
        bench
            .behind(
                "UPDATE connector_secrets SET value = (SELECT value FROM connector_secrets AS other
                WHERE other.name = 'assertion') WHERE name = 'private_key'",
            )
            .await;
        let refused = bench.database.grant_secrets(&ana(), connector.id).await;
        assert!(matches!(refused, Err(Error::Unsealing { table: "connector_secrets", .. })));
    }

    async fn what_does_not_open_can_still_be_removed(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let other = with_keys(bench, &key(11, "new")).await;
        let state = ConnectorState::SignInRequired;
        assert!(other.drop_grant(&ana(), connector.id, state, None).await.unwrap().is_none());
        assert!(bench.database.grant(&ana(), connector.id).await.unwrap().is_none());
        bench.sign_in(&connector).await;
        let deleted = other.delete_connector(&ana(), connector.id).await.unwrap();
        assert!(deleted.expect("it was there").is_none());
    }

    async fn a_text_that_says_nothing_is_a_corrupt_row(bench) {
        let connector = bench.connector().await;
        bench.behind("UPDATE connectors SET state = 'what'").await;
        let refused = bench.database.connector(&ana(), &ConnectorKey::Id(connector.id)).await;
        assert!(matches!(
            refused,
            Err(Error::Corrupt { table: "connectors", column: "state", row }) if row == connector.id.to_string()
        ));
    }
}
