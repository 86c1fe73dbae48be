//! What a caller is told when the database cannot be used.

use std::time::Duration;

use keyway_model::ConnectorKey;
use keyway_storage::{Database, Error, Options};

use crate::bench::{Bench, ana, on_both};

on_both! {
    async fn a_closed_database_is_unavailable(bench) {
        let slug = ConnectorKey::Slug("notes".parse().unwrap());
        bench.database.ping().await.unwrap();
        bench.database.close().await;
        assert!(matches!(bench.database.ping().await, Err(Error::Unavailable(_))));
        let refused = bench.database.connector(&ana(), &slug).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))));
        let refused = bench.database.erase_user(&ana()).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))));
    }

    async fn a_table_that_is_gone_is_no_passing_trouble(bench) {
        bench.behind("DROP TABLE tool_lists").await;
        let connector = bench.connector().await;
        let refused = bench.database.tool_list(&ana(), connector.id).await;
        assert!(matches!(refused, Err(Error::Database(_))));
    }

    async fn the_database_s_clock_moves_with_the_offset(bench) {
        let before = bench.database.now().await.unwrap();
        let later = bench.later(Duration::from_secs(3600)).await;
        let gap = later.now().await.unwrap().since(before);
        assert!(gap >= Duration::from_secs(3600) && gap < Duration::from_secs(3700), "{gap:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let options = Bench::sqlite().await.options;
    let url = "postgres://keyway@127.0.0.1:1/none?sslmode=disable";
    let refused = Database::open(Options { url: url.into(), ..options }).await;
    assert!(matches!(refused.err(), Some(Error::Unavailable(_))));
}

#[tokio::test]
async fn an_address_of_another_database_is_refused() {
    let options = Bench::sqlite().await.options;
    for url in ["mysql://x", "data/keyway.db", "", "sqlite::memory:", "sqlite://x?mode=memory"] {
        let refused = Database::open(Options { url: url.into(), ..options.clone() }).await;
        assert!(matches!(refused.err(), Some(Error::Database(_))), "{url}");
    }
}
