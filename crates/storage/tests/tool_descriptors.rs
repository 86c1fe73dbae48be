//! Tool descriptors.

use keyway_model::{Descriptor, SeenDescriptor, Timestamp};

use crate::bench::{ana, bob, on_both};
use crate::connectors::unchanged;

fn descriptor(text: &str) -> Descriptor {
    Descriptor { hash: text.as_bytes().to_vec(), text: text.into() }
}

fn listed(tools: &[(&str, &str)]) -> Vec<(String, Descriptor)> {
    tools.iter().map(|(tool, text)| ((*tool).to_owned(), descriptor(text))).collect()
}

on_both! {
    async fn what_is_first_seen_counts_as_looked_at_and_a_change_does_not(bench) {
        let connector = bench.connector().await;
        let (database, id) = (&bench.database, connector.id);
        let record = async |revision, text: &str, millis| {
            let (tools, at) = (listed(&[("a", text), ("b", "same")]), Timestamp::from_millis(millis));
            database.record_tool_descriptors(&ana(), id, revision, &tools, at).await.unwrap();
        };
        let seen = async || database.tool_descriptor(&ana(), id, "a").await.unwrap().unwrap();
        record(1, "one", 1).await;
        assert!(!seen().await.is_changed());
        record(1, "two", 2).await;
        let expected = SeenDescriptor {
            tool: "a".into(),
            accepted: descriptor("one"),
            current: descriptor("two"),
            changed_at: Some(Timestamp::from_millis(2)),
        };
        assert_eq!(seen().await, expected);
        assert_eq!(database.changed_tool_descriptors(&ana(), id).await.unwrap(), [expected]);
        record(2, "three", 3).await;
        assert_eq!(seen().await.current, descriptor("two"), "listed at another revision");
        record(1, "one", 4).await;
        assert_eq!((seen().await.is_changed(), seen().await.changed_at), (false, None));
        assert!(database.tool_descriptor(&bob(), id, "a").await.unwrap().is_none(), "not Bob's");
    }

    async fn a_change_is_accepted_as_it_was_seen(bench) {
        let connector = bench.connector().await;
        let (database, id) = (&bench.database, connector.id);
        for text in ["one", "two"] {
            let at = Timestamp::from_millis(1);
            database.record_tool_descriptors(&ana(), id, 1, &listed(&[("a", text)]), at).await.unwrap();
        }
        let accept = async |user, hash: &str| {
            database.accept_tool_descriptor(&user, id, "a", hash.as_bytes()).await.unwrap()
        };
        assert!(!accept(ana(), "one").await);
        assert!(!accept(bob(), "two").await, "not Bob's");
        assert!(accept(ana(), "two").await);
        assert_eq!(database.changed_tool_descriptors(&ana(), id).await.unwrap(), []);
    }

    async fn another_url_is_another_server(bench) {
        let connector = bench.connector().await;
        let (database, id, at) = (&bench.database, connector.id, Timestamp::from_millis(1));
        database.record_tool_descriptors(&ana(), id, 1, &listed(&[("a", "one")]), at).await.unwrap();
        let mut update = unchanged(&connector);
        database.update_connector(&ana(), id, 1, &update).await.unwrap().unwrap();
        assert!(database.tool_descriptor(&ana(), id, "a").await.unwrap().is_some());
        update.url = "https://other.example/mcp".into();
        database.update_connector(&ana(), id, 2, &update).await.unwrap().unwrap();
        assert!(database.tool_descriptor(&ana(), id, "a").await.unwrap().is_none());
    }

    async fn names_that_come_and_go_do_not_pile_up(bench) {
        let connector = bench.connector().await;
        let (database, id) = (&bench.database, connector.id);
        for round in 0..5 {
            let names: Vec<String> = (0..500).map(|number| format!("{round}-{number}")).collect();
            let tools: Vec<_> = names.iter().map(|name| (name.as_str(), "one")).collect();
            let at = Timestamp::from_millis(1);
            database.record_tool_descriptors(&ana(), id, 1, &listed(&tools), at).await.unwrap();
        }
        assert!(database.tool_descriptor(&ana(), id, "0-0").await.unwrap().is_none());
        assert!(database.tool_descriptor(&ana(), id, "4-499").await.unwrap().is_some());
    }
}
