//! Tool policy: what may be called, and what a person decided about one call.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{ApprovalId, ConnectorId},
    text::text_enum,
    user::UserId,
};

text_enum! {
    /// Whether a tool may be called.
    ToolMode {
        /// At once.
        Allow = "allow",
        /// When a person has approved the call.
        Ask = "ask",
        /// Never.
        Off = "off",
    }
}

impl ToolMode {
    const fn strictness(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Ask => 1,
            Self::Off => 2,
        }
    }
}

text_enum! {
    /// What a person decided about a call.
    Decision {
        /// It may be made once.
        Once = "once",
        /// It may be made whenever it comes with these arguments and this descriptor.
        Always = "always",
        /// It may not be made.
        Deny = "deny",
    }
}

/// The modes of a connector's tools, by the tool's name at the server.
///
/// A tool that is not named may be called, unless it differs from a stricter one in nothing but case or
/// blanks around it: a server may take the one for the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToolModes(BTreeMap<String, ToolMode>);

impl ToolModes {
    /// Whether any tool may not simply be called.
    pub fn restrict(&self) -> bool {
        self.0.values().any(|mode| *mode != ToolMode::Allow)
    }

    /// The tool's mode.
    pub fn of(&self, tool: &str) -> ToolMode {
        if self.0.is_empty() {
            return ToolMode::Allow;
        }
        self.0.get(tool).copied().unwrap_or_else(|| self.of_similar(tool))
    }

    /// Whether the tool's mode was set by its very name.
    pub fn hold(&self, tool: &str) -> bool {
        self.0.contains_key(tool)
    }

    /// Sets the tool's mode.
    pub fn set(&mut self, tool: &str, mode: ToolMode) {
        self.0.remove(tool);
        if self.of_similar(tool) != mode {
            self.0.insert(tool.to_owned(), mode);
        }
    }

    fn of_similar(&self, tool: &str) -> ToolMode {
        let folded = fold(tool);
        let similar = self.0.iter().filter(|(name, _)| fold(name) == folded);
        similar
            .map(|(_, mode)| *mode)
            .max_by_key(|mode| mode.strictness())
            .unwrap_or(ToolMode::Allow)
    }
}

fn fold(name: &str) -> String {
    name.trim().to_uppercase().to_lowercase()
}

/// What a tool's descriptor was when a person last looked at it, and what it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenDescriptor {
    /// The tool's name at the server.
    pub tool: String,
    /// The descriptor that was first seen, or accepted since.
    pub accepted: Descriptor,
    /// The descriptor that the server listed last.
    pub current: Descriptor,
    /// When the current one took the accepted one's place.
    pub changed_at: Option<Timestamp>,
}

impl SeenDescriptor {
    /// Whether the tool is no longer what a person looked at.
    pub fn is_changed(&self) -> bool {
        self.accepted.hash != self.current.hash
    }
}

/// The part of a tool's descriptor that says what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// A SHA-256 over all of its members.
    pub hash: Vec<u8>,
    /// Its members as JSON, shortened where they are very long.
    pub text: String,
}

/// A call that waits for a person, or that one has decided about.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Its identifier.
    pub id: ApprovalId,
    /// What is to be called.
    pub call: ApprovedCall,
    /// The arguments as they came, as far as they are shown; they may be private.
    pub arguments: SecretString,
    /// How long they are in all, in bytes.
    pub arguments_size: i64,
    /// What a person decided.
    pub decision: Option<Decision>,
    /// When the call was tried.
    pub created_at: Timestamp,
    /// Until when it can be decided, or made once; `None`: as long as the rest holds.
    pub expires_at: Option<Timestamp>,
}

/// What an approval is bound to: none of it may be another when the call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovedCall {
    /// Whose call it is.
    pub user_id: UserId,
    /// To which connector.
    pub connector_id: ConnectorId,
    /// The connector's revision: another URL, header or sign-in has another.
    pub revision: i64,
    /// The tool's name at the server.
    pub tool: String,
    /// The SHA-256 of the arguments' canonical JSON.
    pub arguments_hash: Vec<u8>,
    /// The hash of the tool's descriptor.
    pub descriptor_hash: Vec<u8>,
}

/// A call that needs an approval, as it is written down where there is none.
pub struct AskedCall<'a> {
    /// What the approval is bound to.
    pub call: &'a ApprovedCall,
    /// The same bound to a state of the server's, where it goes on from one.
    pub round: Option<&'a ApprovedCall>,
    /// The approval that the caller names.
    pub named: Option<ApprovalId>,
    /// Whether no approval helps for now.
    pub is_held: bool,
    /// The identifier of a new one.
    pub new_id: ApprovalId,
    /// The arguments as they are to be shown.
    pub arguments: &'a SecretString,
    /// How long they are in all, in bytes.
    pub arguments_size: i64,
    /// The time.
    pub now: Timestamp,
    /// Until when a person can decide.
    pub expires_at: Timestamp,
}

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was approved for as long as it is the same.
    Approved,
    /// It was approved for once, by this approval, which is used up now.
    ApprovedOnce(ApprovalId),
    /// It waits for a person under this identifier.
    Waiting(ApprovalId),
    /// A person denied it.
    Denied(ApprovalId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_named_may_be_called() {
        let mut modes = ToolModes::default();
        assert_eq!(modes.of("search"), ToolMode::Allow);
        modes.set("delete", ToolMode::Off);
        assert_eq!(modes.of("delete"), ToolMode::Off);
        assert_eq!(modes.of("search"), ToolMode::Allow);
        assert!(modes.restrict());
        modes.set("delete", ToolMode::Allow);
        assert_eq!(modes, ToolModes::default());
    }

    #[test]
    fn a_name_that_is_hardly_another_has_the_stricter_mode_unless_it_is_set_itself() {
        let mut modes = ToolModes::default();
        modes.set("delete", ToolMode::Ask);
        modes.set("DELETE", ToolMode::Off);
        for similar in ["Delete", " delete", "delete\t"] {
            assert_eq!(modes.of(similar), ToolMode::Off, "{similar:?}");
        }
        assert_eq!(modes.of("delete"), ToolMode::Ask);
        modes.set("Delete", ToolMode::Allow);
        assert_eq!(modes.of("Delete"), ToolMode::Allow);
        assert_eq!(modes.of("dElete"), ToolMode::Off);
    }
}
