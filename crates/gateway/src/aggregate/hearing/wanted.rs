//! What a client wants to hear of.

use std::collections::BTreeSet;

use keyway_connectors::contact::List;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a client wants to hear (MCP 2026-07-28, subscriptions).
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wanted {
    #[serde(default)]
    tools_list_changed: bool,
    #[serde(default)]
    prompts_list_changed: bool,
    #[serde(default)]
    resources_list_changed: bool,
    #[serde(default)]
    pub(super) resource_subscriptions: BTreeSet<String>,
}

impl Wanted {
    pub(super) fn everything() -> Self {
        Self {
            tools_list_changed: true,
            prompts_list_changed: true,
            resources_list_changed: true,
            resource_subscriptions: BTreeSet::new(),
        }
    }

    pub(super) fn document(&self) -> Value {
        let mut wanted = json!({});
        for (name, asked) in [
            ("toolsListChanged", self.tools_list_changed),
            ("promptsListChanged", self.prompts_list_changed),
            ("resourcesListChanged", self.resources_list_changed),
        ] {
            if asked {
                wanted[name] = true.into();
            }
        }
        if !self.resource_subscriptions.is_empty() {
            wanted["resourceSubscriptions"] = json!(self.resource_subscriptions);
        }
        wanted
    }

    /// The notification that tells of a list's change, if it is wanted.
    pub(super) fn of_list(&self, list: List) -> Option<&'static str> {
        let (wanted, method) = match list {
            List::Tools => (self.tools_list_changed, "notifications/tools/list_changed"),
            List::Prompts => (self.prompts_list_changed, "notifications/prompts/list_changed"),
            List::Resources | List::ResourceTemplates => {
                (self.resources_list_changed, "notifications/resources/list_changed")
            }
        };
        wanted.then_some(method)
    }
}
