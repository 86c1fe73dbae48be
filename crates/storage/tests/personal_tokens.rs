//! Personal tokens.

use std::time::Duration;

use keyway_model::{ConnectorId, PersonalTokenId, Timestamp};
use keyway_storage::PersonalToken;

use crate::bench::{Bench, ana, bob, on_both};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn token(bench: &Bench, name: &str, expires_at: Option<Timestamp>) -> PersonalToken {
    PersonalToken {
        id: PersonalTokenId::new(NOW, &bench.random),
        user_id: ana(),
        name: name.into(),
        connectors: vec![ConnectorId::new(NOW, &bench.random)],
        created_at: NOW,
        expires_at,
    }
}

on_both! {
    async fn a_personal_token_is_found_until_its_user_revokes_it(bench) {
        let database = &bench.database;
        let first = token(bench, "laptop", None);
        let second = token(bench, "phone", Some(NOW.plus(Duration::from_secs(60))));
        database.insert_personal_token(&first, b"first").await.unwrap();
        database.insert_personal_token(&second, b"second").await.unwrap();
        assert_eq!(database.personal_token(b"first").await.unwrap(), Some(first.clone()));
        assert_eq!(database.personal_token(b"none").await.unwrap(), None);
        assert_eq!(database.personal_token_by_id(second.id).await.unwrap(), Some(second.clone()));
        let mut both = vec![first.clone(), second.clone()];
        both.sort_by_key(|token| token.id);
        assert_eq!(database.personal_tokens_of(&ana()).await.unwrap(), both);
        assert_eq!(database.personal_tokens_of(&bob()).await.unwrap(), []);
        assert!(!database.delete_personal_token(&bob(), first.id).await.unwrap());
        assert!(database.delete_personal_token(&ana(), first.id).await.unwrap());
        assert!(!database.delete_personal_token(&ana(), first.id).await.unwrap());
        assert_eq!(database.personal_token(b"first").await.unwrap(), None);
        database.erase_user(&ana()).await.unwrap();
        assert_eq!(database.personal_token_by_id(second.id).await.unwrap(), None);
    }
}
