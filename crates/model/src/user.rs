//! Users, and the caller behind a request.

use std::fmt;

use serde::Serialize;
use smol_str::SmolStr;
use thiserror::Error;

use crate::id::{BrowserSessionId, ConnectorId, PersonalTokenId, ServiceKeyId};

/// The host application's opaque name for a user: 1 to 256 bytes without control characters, compared
/// byte for byte, never trimmed and never folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UserId(SmolStr);

/// Why a text cannot name a user.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a user id is 1 to 256 bytes without control characters and not only blanks")]
pub struct InvalidUserId;

impl UserId {
    /// The one user of the `single_user` mode.
    pub fn local() -> Self {
        Self(SmolStr::new_static("local"))
    }

    /// Takes the text as it is.
    ///
    /// # Errors
    /// [`InvalidUserId`] when it is empty, blank, longer than 256 bytes or holds a control character.
    pub fn new(text: impl Into<SmolStr>) -> Result<Self, InvalidUserId> {
        let text = text.into();
        let blank = text.trim().is_empty();
        if blank || text.len() > 256 || text.chars().any(char::is_control) {
            return Err(InvalidUserId);
        }
        Ok(Self(text))
    }

    /// The text, byte for byte as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The authenticated user behind a request, and what the request showed to prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// On whose behalf the request acts.
    pub user: UserId,
    /// What was shown.
    pub kind: CallerKind,
    /// The only connectors the credential is good for; `None` means all of the user's.
    pub connectors: Option<Vec<ConnectorId>>,
}

/// The credential a request came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// None: the `single_user` mode.
    SingleUser,
    /// None: the operator, on the command line of the machine that holds the keys.
    Operator,
    /// A JWT of the host application.
    Jwt,
    /// A service key with `Keyway-User`.
    ServiceKey(ServiceKeyId),
    /// A personal token.
    PersonalToken(PersonalTokenId),
    /// A session token shown as a bearer.
    SessionToken(BrowserSessionId),
    /// The session cookie.
    SessionCookie {
        /// Which session.
        id: BrowserSessionId,
        /// Whether it was obtained by the hand-shake or a JWT of the host, so that it proves who sits
        /// at the browser; a session opened from a link alone does not.
        proves_user: bool,
    },
}

impl Caller {
    /// Whether this credential may act on the connector.
    pub fn may_use(&self, connector: ConnectorId) -> bool {
        self.connectors.as_ref().is_none_or(|ids| ids.contains(&connector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_taken_as_they_are() {
        assert_eq!(UserId::new("Ana ").unwrap().as_str(), "Ana ");
        assert_ne!(UserId::new("a").unwrap(), UserId::new("A").unwrap());
    }

    #[test]
    fn what_cannot_name_a_user_is_refused() {
        for text in ["", " ", "\t", "a\r\nb", &"x".repeat(257)] {
            assert_eq!(UserId::new(text), Err(InvalidUserId), "{text:?}");
        }
    }
}
