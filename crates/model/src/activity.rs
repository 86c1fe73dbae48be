//! What happened to a user's connectors, as people and auditors are told: codes, names and numbers. No
//! secrets, no arguments and no results of tools.

use crate::{
    clock::Timestamp,
    connector::{Connector, ConnectorRef},
    id::{ActivityId, ConnectorId},
    text::text_enum,
    user::{CallerKind, UserId},
};

text_enum! {
    /// Who did it, by what was shown at the door.
    Actor {
        /// The one user of the `single_user` mode.
        SingleUser = "single_user",
        /// A JWT of the host application.
        Jwt = "jwt",
        /// A service key on the user's behalf.
        ServiceKey = "service_key",
        /// A personal token of the user's.
        PersonalToken = "personal_token",
        /// A browser's session, as a token or a cookie.
        Session = "session",
        /// The operator, on the command line.
        Operator = "operator",
        /// Keyway itself, with nobody asking.
        Keyway = "keyway",
    }
}

text_enum! {
    /// What was done.
    Action {
        /// A connector was made.
        ConnectorCreated = "connector_created",
        /// A connector was changed.
        ConnectorChanged = "connector_changed",
        /// A connector was deleted.
        ConnectorDeleted = "connector_deleted",
        /// A sign-in was begun.
        SignInStarted = "sign_in_started",
        /// A sign-in gave a grant.
        SignInFinished = "sign_in_finished",
        /// A sign-in gave none.
        SignInFailed = "sign_in_failed",
        /// A token was renewed, or could not be.
        TokenRefreshed = "token_refreshed",
        /// The connector was signed out.
        SignedOut = "signed_out",
        /// What became of the tokens of a grant that was forgotten (RFC 7009).
        TokensRevoked = "tokens_revoked",
        /// A tool was called.
        ToolCalled = "tool_called",
        /// A person decided about a call that waited.
        CallDecided = "call_decided",
        /// A tool's mode was changed, or a change of it accepted.
        ToolChanged = "tool_changed",
        /// An MCP request was handed through.
        RequestProxied = "request_proxied",
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its identifier, by which the list is sorted.
    pub id: ActivityId,
    /// To whom it belongs.
    pub user_id: UserId,
    /// When it happened.
    pub at: Timestamp,
    /// To which connector, which may be gone by now.
    pub connector_id: Option<ConnectorId>,
    /// What the connector was called then; `None` before it is stored means as it is called now.
    pub connector_name: Option<String>,
    /// Its slug then.
    pub connector_slug: Option<String>,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// How it ended, as a stable code: `ok`, or what went wrong.
    pub outcome: String,
    /// The tool or the MCP method it was about.
    pub subject: Option<String>,
    /// More in words; foreign text is possible.
    pub detail: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// How large the result was, in bytes.
    pub size: Option<i64>,
}

impl Activity {
    /// Names the connector as it is called now.
    #[must_use]
    pub fn of(mut self, connector: &Connector) -> Self {
        self.connector_id = Some(connector.id);
        self.connector_name = Some(connector.name.clone());
        self.connector_slug = Some(connector.slug.to_string());
        self
    }

    /// Names the connector; how it is called is looked up when this is stored.
    #[must_use]
    pub fn of_reference(mut self, connector: &ConnectorRef) -> Self {
        self.connector_id = Some(connector.id);
        self.connector_slug = Some(connector.slug.to_string());
        self
    }

    /// Names who did it.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// Says in words what happened: control characters are left out, and what is longer than 500
    /// characters is cut.
    #[must_use]
    pub fn detail(mut self, text: &str) -> Self {
        self.detail = Some(shown(text, 500));
        self
    }

    /// Names the tool or the method; cut like [`Activity::detail`], at 128 characters.
    #[must_use]
    pub fn about(mut self, subject: &str) -> Self {
        self.subject = Some(shown(subject, 128));
        self
    }
}

fn shown(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

impl From<&CallerKind> for Actor {
    fn from(kind: &CallerKind) -> Self {
        match kind {
            CallerKind::SingleUser => Self::SingleUser,
            CallerKind::Operator => Self::Operator,
            CallerKind::Jwt => Self::Jwt,
            CallerKind::ServiceKey(_) => Self::ServiceKey,
            CallerKind::PersonalToken(_) => Self::PersonalToken,
            CallerKind::SessionToken(_) | CallerKind::SessionCookie { .. } => Self::Session,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_are_cut_and_hold_no_control_characters() {
        assert_eq!(shown("a\r\nb\u{1b}[31m", 500), "ab[31m");
        assert_eq!(shown(&"ü".repeat(600), 500).chars().count(), 500);
    }
}
