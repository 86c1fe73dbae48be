//! What happened: written in batches, read in pages by its owner, deleted when it is old.

use std::time::Duration;

use keyway_model::{Action, Activity, ActivityId, Actor, ConnectorId, Timestamp, UserId};
use keyway_storage::ActivityOf;

use crate::bench::{Bench, ana, bob, on_both};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn happened(bench: &Bench, user: &UserId, millis: i64, connector: Option<ConnectorId>) -> Activity {
    Activity {
        id: ActivityId::new(at(millis), &bench.random),
        user_id: user.clone(),
        at: at(millis),
        connector_id: connector,
        connector_name: None,
        connector_slug: None,
        actor: Actor::Jwt,
        action: Action::ToolCalled,
        outcome: "ok".into(),
        subject: Some("search".into()),
        detail: Some("in words".into()),
        duration_ms: Some(12),
        size: Some(345),
    }
}

on_both! {
    async fn the_newest_comes_first_page_by_page(bench) {
        let (database, user) = (&bench.database, ana());
        let batch: Vec<_> = (1..=5).map(|n| happened(bench, &user, n, None)).collect();
        database.insert_activities(&batch).await.unwrap();
        database.insert_activities(&batch[..2]).await.unwrap();
        let mut before = None;
        let mut seen = Vec::new();
        loop {
            let page = database.activities_of(&user, &ActivityOf::User, before, 2).await.unwrap().unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page);
        }
        assert_eq!(seen, batch.into_iter().rev().collect::<Vec<_>>());
    }

    async fn a_connector_is_called_what_it_was_called_when_it_was_written(bench) {
        let (database, connector) = (&bench.database, bench.connector().await);
        let named = happened(bench, &ana(), 1, None).of(&connector);
        let unnamed = happened(bench, &ana(), 2, Some(connector.id));
        let elsewhere = happened(bench, &ana(), 3, None);
        database.insert_activities(&[named.clone(), unnamed, elsewhere]).await.unwrap();
        database.delete_connector(&ana(), connector.id).await.unwrap();
        let of = ActivityOf::Connector(connector.id);
        let found = database.activities_of(&ana(), &of, None, 9).await.unwrap().unwrap();
        let of = ActivityOf::Slug(connector.slug);
        assert_eq!(database.activities_of(&ana(), &of, None, 9).await.unwrap().unwrap(), found);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].connector_slug.as_deref(), Some("notes"));
        assert_eq!(found[1], named);
    }

    async fn another_user_s_activity_is_neither_shown_nor_a_place_to_go_on(bench) {
        let (database, connector) = (&bench.database, bench.connector().await);
        let mine = happened(bench, &ana(), 1, Some(connector.id));
        let other = happened(bench, &bob(), 2, Some(connector.id));
        database.insert_activities(&[mine.clone(), other.clone()]).await.unwrap();
        let found = database.activities_of(&bob(), &ActivityOf::User, None, 9).await.unwrap().unwrap();
        assert_eq!(found, [other], "and Ana's connector is not named to Bob");
        assert_eq!(database.activities_of(&bob(), &ActivityOf::User, Some(mine.id), 9).await.unwrap(), None);
    }

    async fn what_is_old_is_deleted(bench) {
        let (database, user) = (&bench.database, ana());
        let batch = [happened(bench, &user, 1_000, None), happened(bench, &user, 9_000, None)];
        database.insert_activities(&batch).await.unwrap();
        let end = at(1_000).plus(Duration::from_secs(1));
        assert_eq!(database.delete_old_activities(end).await.unwrap(), 1);
        let left = database.activities_of(&user, &ActivityOf::User, None, 9).await.unwrap().unwrap();
        assert_eq!(left, batch[1..]);
    }

    async fn an_erased_user_s_activity_is_gone(bench) {
        let batch = [happened(bench, &ana(), 1, None), happened(bench, &bob(), 2, None)];
        bench.database.insert_activities(&batch).await.unwrap();
        bench.database.erase_user(&ana()).await.unwrap();
        let of = async |user| bench.database.activities_of(&user, &ActivityOf::User, None, 9).await.unwrap();
        assert_eq!(of(ana()).await.unwrap(), []);
        assert_eq!(of(bob()).await.unwrap().len(), 1);
    }
}
