//! What is told when something changed, so that caches fall; and how it is written for other
//! processes.

use keyway_model::{AuthorizationSessionId, ConnectorId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The PostgreSQL channel that changes are told on.
pub(crate) const CHANNEL: &str = "keyway";

/// Something changed in the database, by this process or another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A connector: its row, state, headers or grant; or it is gone.
    Connector {
        /// Whose it is.
        user_id: UserId,
        /// Which one.
        connector_id: ConnectorId,
    },
    /// What the last contact with a connector's server showed: its health, version or tools. The
    /// credential is as it was.
    Contact {
        /// Whose it is.
        user_id: UserId,
        /// Which one.
        connector_id: ConnectorId,
    },
    /// A call waits for a person's approval, or no longer does.
    Approvals {
        /// Whose it is.
        user_id: UserId,
        /// To which connector.
        connector_id: ConnectorId,
    },
    /// A sign-in has ended, one way or the other.
    SignIn {
        /// Whose it is.
        user_id: UserId,
        /// To which connector.
        connector_id: ConnectorId,
        /// Which attempt.
        authorization_session_id: AuthorizationSessionId,
    },
    /// The service keys.
    ServiceKeys,
    /// The browser sessions.
    Sessions,
    /// The personal tokens: one was revoked.
    PersonalTokens,
    /// A client ended its session at `/mcp`.
    ClientSession {
        /// Which one.
        id: Uuid,
    },
    /// Perhaps anything: changes may have been missed, so that every cache is to be emptied.
    Everything,
}

/// A [`Change`] as it goes over the channel.
#[derive(Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
enum Told {
    Connector {
        user_id: String,
        connector_id: ConnectorId,
    },
    Contact {
        user_id: String,
        connector_id: ConnectorId,
    },
    Approvals {
        user_id: String,
        connector_id: ConnectorId,
    },
    SignIn {
        user_id: String,
        connector_id: ConnectorId,
        authorization_session_id: AuthorizationSessionId,
    },
    ServiceKeys,
    Sessions,
    PersonalTokens,
    ClientSession {
        id: Uuid,
    },
    Everything,
}

#[derive(Serialize, Deserialize)]
struct Message {
    sender: Uuid,
    #[serde(flatten)]
    told: Told,
}

/// The text that tells `change` on the channel.
pub(crate) fn payload(sender: Uuid, change: &Change) -> String {
    let told = match change {
        Change::Connector { user_id, connector_id } => {
            Told::Connector { user_id: user_id.as_str().to_owned(), connector_id: *connector_id }
        }
        Change::Contact { user_id, connector_id } => {
            Told::Contact { user_id: user_id.as_str().to_owned(), connector_id: *connector_id }
        }
        Change::Approvals { user_id, connector_id } => {
            Told::Approvals { user_id: user_id.as_str().to_owned(), connector_id: *connector_id }
        }
        Change::SignIn { user_id, connector_id, authorization_session_id } => Told::SignIn {
            user_id: user_id.as_str().to_owned(),
            connector_id: *connector_id,
            authorization_session_id: *authorization_session_id,
        },
        Change::ServiceKeys => Told::ServiceKeys,
        Change::Sessions => Told::Sessions,
        Change::PersonalTokens => Told::PersonalTokens,
        Change::ClientSession { id } => Told::ClientSession { id: *id },
        Change::Everything => Told::Everything,
    };
    // A struct of texts always has a JSON form; the empty text would be heard as `Everything`.
    serde_json::to_string(&Message { sender, told }).unwrap_or_default()
}

/// What a text on the channel tells. `None`: it was told by `me`. A text that is not understood, as
/// of a newer version, may mean anything.
pub(crate) fn heard(me: Uuid, payload: &str) -> Option<Change> {
    let Ok(message) = serde_json::from_str::<Message>(payload) else {
        return Some(Change::Everything);
    };
    if message.sender == me {
        return None;
    }
    Some(match message.told {
        Told::Connector { user_id, connector_id } => match UserId::new(user_id) {
            Ok(user_id) => Change::Connector { user_id, connector_id },
            Err(_) => Change::Everything,
        },
        Told::Contact { user_id, connector_id } => match UserId::new(user_id) {
            Ok(user_id) => Change::Contact { user_id, connector_id },
            Err(_) => Change::Everything,
        },
        Told::Approvals { user_id, connector_id } => match UserId::new(user_id) {
            Ok(user_id) => Change::Approvals { user_id, connector_id },
            Err(_) => Change::Everything,
        },
        Told::SignIn { user_id, connector_id, authorization_session_id } => {
            match UserId::new(user_id) {
                Ok(user_id) => Change::SignIn { user_id, connector_id, authorization_session_id },
                Err(_) => Change::Everything,
            }
        }
        Told::ServiceKeys => Change::ServiceKeys,
        Told::Sessions => Change::Sessions,
        Told::PersonalTokens => Change::PersonalTokens,
        Told::ClientSession { id } => Change::ClientSession { id },
        Told::Everything => Change::Everything,
    })
}

#[cfg(test)]
mod tests {
    use keyway_model::{Random, Timestamp};

    use super::*;

    #[test]
    fn what_is_told_is_heard_by_others_alone() {
        let random = Random::seeded(1);
        let user_id = UserId::new("ana \"quoted\" ü").unwrap();
        let connector_id = ConnectorId::new(Timestamp::from_millis(1), &random);
        let me = Uuid::from_u128(1);
        let authorization_session_id =
            AuthorizationSessionId::new(Timestamp::from_millis(1), &random);
        for change in [
            Change::Connector { user_id: user_id.clone(), connector_id },
            Change::Contact { user_id: user_id.clone(), connector_id },
            Change::Approvals { user_id: user_id.clone(), connector_id },
            Change::SignIn { user_id, connector_id, authorization_session_id },
            Change::ServiceKeys,
            Change::Sessions,
            Change::PersonalTokens,
            Change::ClientSession { id: Uuid::from_u128(3) },
            Change::Everything,
        ] {
            let text = payload(me, &change);
            assert_eq!(heard(Uuid::from_u128(2), &text), Some(change));
            assert_eq!(heard(me, &text), None);
        }
    }

    #[test]
    fn what_is_not_understood_may_mean_anything() {
        for text in ["", "{}", r#"{"sender":"x"}"#, r#"{"change":"of a newer version"}"#] {
            assert_eq!(heard(Uuid::nil(), text), Some(Change::Everything), "{text}");
        }
    }
}
