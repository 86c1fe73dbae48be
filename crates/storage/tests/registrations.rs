//! Client registrations, of one connector and shared.

use keyway_storage::RegistrationScope;
use secrecy::ExposeSecret;

use crate::bench::{ana, bob, client, on_both};

on_both! {
    async fn a_registration_belongs_to_its_scope_issuer_and_redirect_uri(bench) {
        let connector = bench.connector().await;
        let (database, client) = (&bench.database, client());
        let own = RegistrationScope::Connector(ana(), connector.id);
        for scope in [own.clone(), RegistrationScope::Shared] {
            let find = async |issuer: &str, redirect_uri: &str| {
                database.registration(&scope, issuer, redirect_uri).await.unwrap()
            };
            assert!(find(&client.issuer, &client.redirect_uri).await.is_none());
            assert!(database.save_registration(&scope, &client).await.unwrap());
            let stored = find(&client.issuer, &client.redirect_uri).await.unwrap();
            assert_eq!(format!("{stored:?}"), format!("{client:?}"));
            assert_eq!(stored.client_secret.unwrap().expose_secret(), "canary-client-secret");
            assert!(find("https://as.example/", &client.redirect_uri).await.is_none());
            assert!(find(&client.issuer, "https://other.example").await.is_none());
        }
    }

    async fn a_new_registration_takes_the_place_of_the_old_one(bench) {
        let scope = RegistrationScope::Shared;
        let mut client = client();
        bench.database.save_registration(&scope, &client).await.unwrap();
        client.client_id = "second".into();
        client.client_secret = None;
        bench.database.save_registration(&scope, &client).await.unwrap();
        let stored =
            bench.database.registration(&scope, &client.issuer, &client.redirect_uri).await;
        assert_eq!(format!("{:?}", stored.unwrap().unwrap()), format!("{client:?}"));
    }

    async fn registrations_are_forgotten_by_issuer_or_all(bench) {
        let scope = RegistrationScope::Shared;
        let mut client = client();
        for issuer in ["https://a.example", "https://b.example", "https://c.example"] {
            client.issuer = issuer.into();
            bench.database.save_registration(&scope, &client).await.unwrap();
        }
        let delete =
            async |issuer| bench.database.delete_registration(&scope, issuer).await.unwrap();
        assert_eq!(delete(Some("https://b.example")).await, 1);
        assert_eq!(delete(Some("https://b.example")).await, 0);
        assert_eq!(delete(None).await, 2);
    }

    async fn another_user_has_no_part_in_a_connector_s_registrations(bench) {
        let connector = bench.connector().await;
        let (database, client) = (&bench.database, client());
        let own = RegistrationScope::Connector(ana(), connector.id);
        let foreign = RegistrationScope::Connector(bob(), connector.id);
        assert!(!database.save_registration(&foreign, &client).await.unwrap());
        assert!(database.save_registration(&own, &client).await.unwrap());
        assert!(!database.save_registration(&foreign, &client).await.unwrap());
        let found = database.registration(&foreign, &client.issuer, &client.redirect_uri).await;
        assert!(found.unwrap().is_none());
        assert_eq!(database.delete_registration(&foreign, None).await.unwrap(), 0);
        assert_eq!(
            database.delete_registration(&RegistrationScope::Shared, None).await.unwrap(),
            0
        );
        assert_eq!(database.delete_registration(&own, None).await.unwrap(), 1);
    }
}
