//! What is told of calls: names, outcomes and numbers, never arguments or results. Of a request that is
//! handed through only what its headers say (MCP 2026-07-28, `Mcp-Method` and `Mcp-Name`).

use std::sync::Arc;

use http::HeaderMap;
use keyway_connectors::{access_token::Credential, audit};
use keyway_model::{Action, Activity, Caller, ConnectorKey, Timestamp};

use crate::{
    error::{Error, Response},
    gateway::Gateway,
};

/// How a call of a tool over REST ended.
pub(crate) struct CallEnded<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) connector: &'a ConnectorKey,
    pub(crate) tool: &'a str,
    pub(crate) begun: Timestamp,
    pub(crate) outcome: &'static str,
    /// The credential and the size of the result, where there is one.
    pub(crate) result: Option<(&'a Credential, usize)>,
}

impl CallEnded<'_> {
    /// Has it written down. Where the call came to nothing, the connector is looked up; one that is not
    /// the caller's is not told of.
    pub(crate) async fn record(self, gateway: &Gateway) {
        let cx = &gateway.cx;
        let told = audit::activity_of(cx, self.caller, Action::ToolCalled, self.outcome);
        let told = match self.result {
            Some((credential, size)) => {
                let size = i64::try_from(size).ok();
                Activity { size, ..told.of_reference(&credential.connector) }
            }
            None => match cx.background.connector(&self.caller.user, self.connector).await {
                Ok(Some(connector)) if self.caller.may_use(connector.id) => told.of(&connector),
                _ => return,
            },
        };
        let duration_ms = i64::try_from(cx.clock.now().since(self.begun).as_millis()).ok();
        audit::record(cx, Activity { duration_ms, ..told.about(self.tool) });
    }
}

/// Tells of a request that was handed through, if its headers name the method.
pub(crate) fn request_ended(
    gateway: &Gateway,
    caller: &Caller,
    credential: Option<&Arc<Credential>>,
    headers: &HeaderMap,
    begun: Timestamp,
    answer: &Result<Response, Error>,
) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(method), Some(credential)) = (header("mcp-method"), credential) else { return };
    let cx = &gateway.cx;
    let (outcome, detail) = match answer {
        Ok(response) if response.status().is_success() => ("ok", None),
        Ok(response) => ("failed", Some(format!("HTTP {}", response.status().as_u16()))),
        Err(error) if error.is_refusal() => ("refused", None),
        Err(_) => ("upstream_failed", None),
    };
    let told = audit::activity_of(cx, caller, Action::RequestProxied, outcome);
    let subject = header("mcp-name").map_or_else(|| method.to_owned(), |n| format!("{method} {n}"));
    let duration_ms = i64::try_from(cx.clock.now().since(begun).as_millis()).ok();
    let told = Activity { duration_ms, ..told.of_reference(&credential.connector).about(&subject) };
    audit::record(cx, detail.iter().fold(told, |told, words| told.detail(words)));
}
