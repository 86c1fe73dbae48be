//! The lease of a refresh: one holder at a time, measured with the database's clock.

use std::time::Duration;

use keyway_model::StateReason;

use crate::{
    bench::{ana, on_both},
    grants::refreshed,
};

const LEASE: Duration = Duration::from_secs(15);

on_both! {
    async fn one_holder_has_the_lease_until_it_ends(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let (database, id) = (&bench.database, connector.id);
        let other = bench.other_process().await;
        let leased = database.lease_refresh(&ana(), id, 1, "a", LEASE).await.unwrap().unwrap();
        let first = leased.attempt.unwrap();
        assert_eq!((leased.generation, first.count), (1, 1));
        assert!(other.lease_refresh(&ana(), id, 1, "b", LEASE).await.unwrap().is_none());
        assert!(database.lease_refresh(&ana(), id, 1, "a", LEASE).await.unwrap().is_none());
        let later = bench.later(LEASE + Duration::from_secs(1)).await;
        let taken = later.lease_refresh(&ana(), id, 1, "b", LEASE).await.unwrap().unwrap();
        let second = taken.attempt.unwrap();
        assert_eq!((second.count, second.first_sent_at), (2, first.first_sent_at));
    }

    async fn of_many_at_once_one_gets_the_lease(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let tasks: Vec<_> = (0..12)
            .map(|number| {
                let (database, id) = (bench.database.clone(), connector.id);
                tokio::spawn(async move {
                    let owner = number.to_string();
                    database.lease_refresh(&ana(), id, 1, &owner, LEASE).await.unwrap().is_some()
                })
            })
            .collect();
        let mut holders = 0;
        for task in tasks {
            holders += u8::from(task.await.unwrap());
        }
        assert_eq!(holders, 1);
    }

    async fn the_lease_is_for_the_stored_generation(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let (database, id) = (&bench.database, connector.id);
        database.lease_refresh(&ana(), id, 1, "a", LEASE).await.unwrap().unwrap();
        let saved =
            database.save_refreshed(&ana(), id, 1, &refreshed(2, None)).await.unwrap().unwrap();
        assert_eq!(saved.attempt, None);
        assert!(database.lease_refresh(&ana(), id, 1, "b", LEASE).await.unwrap().is_none());
        let leased = database.lease_refresh(&ana(), id, 2, "b", LEASE).await.unwrap().unwrap();
        assert_eq!(leased.attempt.map(|attempt| attempt.count), Some(1));
    }

    async fn an_unsettled_attempt_stays_written_down(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let (database, id) = (&bench.database, connector.id);
        let count = async |owner| {
            let leased = database.lease_refresh(&ana(), id, 1, owner, LEASE).await.unwrap();
            leased.map(|grant| grant.attempt.unwrap().count)
        };
        assert_eq!(count("a").await, Some(1));
        database.release_lease(&ana(), id, 1, "b", true).await.unwrap();
        assert_eq!(count("b").await, None, "only its owner gives a lease back");
        database.release_lease(&ana(), id, 2, "a", true).await.unwrap();
        assert_eq!(count("b").await, None, "of another generation");
        database.release_lease(&ana(), id, 1, "a", false).await.unwrap();
        assert!(database.grant(&ana(), id).await.unwrap().unwrap().attempt.is_some());
        assert_eq!(count("b").await, Some(2));
        database.release_lease(&ana(), id, 1, "b", true).await.unwrap();
        assert_eq!(database.grant(&ana(), id).await.unwrap().unwrap().attempt, None);
        assert_eq!(count("c").await, Some(1));
    }

    async fn a_holder_whose_lease_ran_out_may_still_save(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let (database, id) = (&bench.database, connector.id);
        database.lease_refresh(&ana(), id, 1, "a", LEASE).await.unwrap().unwrap();
        let later = bench.later(LEASE * 2).await;
        later.lease_refresh(&ana(), id, 1, "b", LEASE).await.unwrap().unwrap();
        let saved = database.save_refreshed(&ana(), id, 1, &refreshed(2, None)).await.unwrap();
        assert_eq!(saved.map(|grant| grant.generation), Some(2));
        assert!(later.save_refreshed(&ana(), id, 1, &refreshed(3, None)).await.unwrap().is_none());
    }

    async fn a_refusal_ends_lease_and_attempt(bench) {
        let connector = bench.connector().await;
        bench.sign_in(&connector).await;
        let (database, id) = (&bench.database, connector.id);
        database.lease_refresh(&ana(), id, 1, "a", LEASE).await.unwrap().unwrap();
        assert!(database.refuse_grant(&ana(), id, 1, StateReason::RefreshRejected).await.unwrap());
        let leased = database.lease_refresh(&ana(), id, 1, "b", LEASE).await.unwrap().unwrap();
        assert_eq!(leased.attempt.map(|attempt| attempt.count), Some(1));
    }
}
