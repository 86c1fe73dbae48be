//! Tool lists.

use keyway_model::{ConnectorState, Timestamp};
use keyway_storage::ToolList;

use crate::bench::{ana, bob, on_both};

on_both! {
    async fn a_tool_list_is_saved_at_the_revision_it_was_fetched_at(bench) {
        let connector = bench.connector().await;
        let (database, id) = (&bench.database, connector.id);
        let save = async |user, revision, tools: &str, millis| {
            let at = Timestamp::from_millis(millis);
            database.save_tool_list(&user, id, revision, tools, at).await.unwrap()
        };
        let list = |tools: &str, millis| {
            Some(ToolList { tools_json: tools.into(), fetched_at: Timestamp::from_millis(millis) })
        };
        assert_eq!(database.tool_list(&ana(), id).await.unwrap(), None);
        assert!(save(ana(), 1, r#"[{"n":12345678901234567890}]"#, 1).await);
        assert!(save(ana(), 1, r#"[{"n":12345678901234567890}]"#, 2).await);
        assert_eq!(
            database.tool_list(&ana(), id).await.unwrap(),
            list(r#"[{"n":12345678901234567890}]"#, 2)
        );
        assert!(save(ana(), 1, "[]", 3).await);
        assert!(!save(bob(), 1, "[1]", 4).await, "not Bob's");
        assert_eq!(database.tool_list(&bob(), id).await.unwrap(), None);
        database.set_state(&ana(), id, ConnectorState::Ready, None, &[]).await.unwrap();
        assert!(!save(ana(), 1, "[2]", 5).await, "of another revision");
        assert_eq!(database.tool_list(&ana(), id).await.unwrap(), list("[]", 3));
    }
}
