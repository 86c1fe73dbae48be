//! The revocations that are still to be made: written with the drop, claimed once, removed when done.

use std::time::Duration;

use keyway_model::ConnectorState;
use keyway_storage::{ConnectorUpdate, Database, Revocation};
use secrecy::ExposeSecret;

use crate::{
    bench::{Bench, ana, on_both},
    connectors::{stored, unchanged},
};

const LEASE: Duration = Duration::from_secs(60);

async fn claim(database: &Database) -> Vec<Revocation> {
    database.claim_revocations(LEASE, 10).await.unwrap()
}

/// A connector of Ana's that was signed in and out again.
async fn signed_out(bench: &Bench) -> keyway_model::Connector {
    let connector = bench.connector().await;
    bench.sign_in(&connector).await;
    let state = ConnectorState::SignInRequired;
    bench.database.drop_grant(&ana(), connector.id, state, None).await.unwrap().unwrap();
    connector
}

on_both! {
    async fn a_dropped_grant_is_to_be_revoked(bench) {
        let connector = signed_out(bench).await;
        let [revocation] = claim(&bench.database).await.try_into().unwrap();
        assert_eq!(revocation.refresh_token.unwrap().expose_secret(), "canary-refresh-1");
        assert_eq!(revocation.access_token.expose_secret(), "canary-access-1");
        let secret = revocation.client.client_secret.unwrap();
        assert_eq!(secret.expose_secret(), "canary-client-secret");
        assert_eq!(revocation.revocation_endpoint, "https://as.example/revoke");
        assert_eq!((revocation.user_id, revocation.connector_id), (Some(ana()), connector.id));
        assert_eq!(revocation.connector_slug.as_deref(), Some("notes"));
        assert_eq!(revocation.connector_url, connector.url);
        let end = bench.options.clock.now().plus(Duration::from_secs(24 * 3600));
        assert_eq!((revocation.attempts, revocation.deadline), (1, end));
    }

    async fn a_deleted_connector_s_tokens_are_still_to_be_revoked(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        bench.database.delete_connector(&ana(), connector.id).await.unwrap().unwrap().unwrap();
        let [revocation] = claim(&bench.database).await.try_into().unwrap();
        assert_eq!(revocation.connector_name.as_deref(), Some("Notes"));
        bench.database.end_revocation(revocation.id).await.unwrap();
        assert_eq!(bench.database.sealed_value_counts().await.unwrap(), []);
    }

    async fn a_moved_connector_s_tokens_are_revoked_on_behalf_of_the_old_url(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let connector = stored(bench, &connector).await;
        let url = "https://other.example/mcp".to_owned();
        let update = ConnectorUpdate { url, drop_grant: true, ..unchanged(&connector) };
        let (database, id) = (&bench.database, connector.id);
        let stale = database.update_connector(&ana(), id, connector.revision + 1, &update).await;
        assert!(stale.unwrap().is_none());
        assert!(claim(database).await.is_empty(), "a change that was not made drops nothing");
        let changed = database.update_connector(&ana(), id, connector.revision, &update).await;
        assert!(changed.unwrap().is_some());
        assert_eq!(claim(database).await[0].connector_url, "https://notes.example/mcp");
    }

    async fn another_sign_in_in_its_place_revokes_nothing(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        bench.sign_in(&connector).await;
        assert!(claim(&bench.database).await.is_empty());
    }

    async fn a_server_without_revocation_is_not_queued(bench) {
        let connector = bench.connector().await;
        let mut grant = bench.new_grant(&connector);
        grant.revocation_endpoint = None;
        bench.database.queue_revocation(&grant, &connector.url).await.unwrap();
        assert_eq!(bench.database.next_revocation_at().await.unwrap(), None);
        grant.revocation_endpoint = Some("https://as.example/revoke".into());
        bench.database.queue_revocation(&grant, "https://elsewhere.example/").await.unwrap();
        let [revocation] = claim(&bench.database).await.try_into().unwrap();
        assert_eq!(revocation.connector_url, "https://elsewhere.example/");
    }

    async fn one_claims_it_until_the_lease_ends(bench) {
        signed_out(bench).await;
        let other = bench.other_process().await;
        let (mine, others) = tokio::join!(claim(&bench.database), claim(&other));
        assert_eq!(mine.len() + others.len(), 1);
        let later = bench.later(LEASE + Duration::from_secs(1)).await;
        assert_eq!(claim(&later).await[0].attempts, 2);
    }

    async fn what_is_put_off_is_due_after_the_pause_without_what_is_done(bench) {
        signed_out(bench).await;
        let (database, id) = (&bench.database, claim(&bench.database).await[0].id);
        database.forget_revoked_refresh_token(id).await.unwrap();
        database.postpone_revocation(id, Duration::from_secs(600)).await.unwrap();
        let due = database.next_revocation_at().await.unwrap().unwrap();
        let pause = due.since(database.now().await.unwrap()).as_secs();
        assert!((590..=600).contains(&pause), "{pause}");
        assert!(claim(database).await.is_empty());
        let later = bench.later(Duration::from_secs(601)).await;
        let [revocation] = claim(&later).await.try_into().unwrap();
        assert!(revocation.refresh_token.is_none() && revocation.refresh_token_revoked);
    }

    async fn what_does_not_open_is_given_up(bench) {
        signed_out(bench).await;
        bench.behind("UPDATE revocations SET access_token = refresh_token").await;
        assert!(claim(&bench.database).await.is_empty());
        assert_eq!(bench.database.next_revocation_at().await.unwrap(), None);
    }

    async fn an_erased_user_s_tokens_are_revoked_in_nobody_s_name(bench) {
        let connector = signed_out(bench).await;
        bench.sign_in(&connector).await;
        assert_eq!(bench.database.erase_user(&ana()).await.unwrap(), [connector.id]);
        let claimed = claim(&bench.database).await;
        assert_eq!(claimed.len(), 2, "the one that waited, and the one of the last grant");
        for revocation in claimed {
            assert_eq!((revocation.user_id, revocation.connector_name), (None, None));
            assert_eq!(revocation.refresh_token.unwrap().expose_secret(), "canary-refresh-1");
        }
    }
}
