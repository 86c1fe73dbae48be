//! What the endpoint says of itself: in answer to `initialize` (MCP 2025-11-25, lifecycle) and to
//! `server/discover` (MCP 2026-07-28, versioning).

use std::{sync::Arc, time::Duration};

use keyway_connectors::{
    access_token::Gate,
    upstream::{RawObject, TASKS, client_info},
};
use keyway_model::Caller;
use serde_json::{Map, Value, json};

use super::{client::supported_versions, scope::Scope};
use crate::{
    client::{Done, Task, perform},
    conversation::Spoken,
    gateway::Gateway,
};

/// How long the one server behind plain names is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may keep what the endpoint says of itself.
const FRESH_MS: u64 = 300_000;
const INSTRUCTIONS: &str = "Tools, prompts and resources of all connectors of this user. The part of a \
    name before \"__\" is the connector it belongs to. A call that answers with a \"sign_in_url\" needs \
    a person to open that page; call again afterwards.";
/// What is handed on of what one server can do.
const HANDED_ON: [&str; 5] = ["tools", "prompts", "resources", "completions", "logging"];

/// What the endpoint can do, and what a model should know.
struct About {
    capabilities: Value,
    instructions: Option<String>,
}

/// The result of `initialize`.
pub(super) async fn initialized(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    version: &str,
) -> Value {
    let About { mut capabilities, instructions } = about(gateway, caller, scope).await;
    // Tasks of the handshake wire are others than those of the extension.
    if let Some(capabilities) = capabilities.as_object_mut() {
        capabilities.remove("extensions");
    }
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "serverInfo": client_info(),
    });
    if let Some(instructions) = instructions {
        result["instructions"] = instructions.into();
    }
    result
}

/// The result of `server/discover`.
pub(super) async fn discovered(gateway: &Gateway, caller: &Caller, scope: &Scope) -> Value {
    let About { capabilities, instructions } = about(gateway, caller, scope).await;
    let mut result = json!({
        "resultType": "complete",
        "supportedVersions": supported_versions(),
        "capabilities": capabilities,
        "ttlMs": FRESH_MS,
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": client_info() },
    });
    if let Some(instructions) = instructions {
        result["instructions"] = instructions.into();
    }
    result
}

async fn about(gateway: &Gateway, caller: &Caller, scope: &Scope) -> About {
    if scope.plain().is_some()
        && let Some(spoken) = spoken(gateway, caller, scope).await
    {
        let capabilities = of_server(&spoken);
        return About { capabilities, instructions: spoken.instructions.clone() };
    }
    let capabilities = json!({
        "tools": { "listChanged": true },
        "prompts": { "listChanged": true },
        "resources": { "listChanged": true, "subscribe": true },
        "completions": {},
        "logging": {},
        "extensions": { TASKS: {} },
    });
    About { capabilities, instructions: Some(INSTRUCTIONS.to_owned()) }
}

/// How the one server behind plain names is spoken to; it is not waited for beyond patience.
async fn spoken(gateway: &Gateway, caller: &Caller, scope: &Scope) -> Option<Arc<Spoken>> {
    let (connector, nobody) = (scope.plain()?, gateway.nobody());
    let connected = perform(gateway, caller, connector, Gate::Call, &nobody, Task::Connect);
    match tokio::time::timeout(PATIENCE, connected).await {
        Ok(Ok((Done::Connected(spoken), _))) => Some(spoken),
        _ => None,
    }
}

/// What the server can do, as far as it is handed on. Its lists are followed whatever it says of them.
fn of_server(spoken: &Spoken) -> Value {
    let told = spoken.capabilities.as_deref().and_then(RawObject::of).unwrap_or_default();
    let mut capabilities = Map::new();
    for name in HANDED_ON.into_iter().filter(|name| told.get(name).is_some()) {
        let mut capability: Value = told.read(name).unwrap_or_default();
        if matches!(name, "tools" | "prompts" | "resources") {
            capability["listChanged"] = true.into();
        }
        capabilities.insert(name.to_owned(), capability);
    }
    if told.object("extensions").is_some_and(|extensions| extensions.get(TASKS).is_some()) {
        capabilities.insert("extensions".to_owned(), json!({ TASKS: {} }));
    }
    capabilities.into()
}
