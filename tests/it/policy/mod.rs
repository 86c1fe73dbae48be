//! Tool policy: what is switched off, read-only or waits for a person, at every door.

mod aggregate;
mod approvals;
mod proxy;
mod rest;
mod rug_pull;

use http::Method;
use keyway_tests::{
    api::{Answer, Api, Credentials},
    keyway::Keyway,
    mcp_server::McpServer,
    scene::NOTES,
};
use serde_json::{Value, json};

/// A Keyway of one user with the open connector `notes`.
pub(crate) struct Stage {
    pub(crate) keyway: Keyway,
    pub(crate) mcp: McpServer,
    pub(crate) api: Api,
}

impl Stage {
    /// `single_user`.
    pub(crate) async fn new() -> Self {
        let keyway = Keyway::single_user().await;
        let api = keyway.api();
        Self::with(keyway, api).await
    }

    /// `tokens`; alice is at the door with the host's JWT.
    pub(crate) async fn tokens() -> Self {
        let keyway = Keyway::tokens().await;
        let api = keyway.api_of("alice");
        Self::with(keyway, api).await
    }

    async fn with(keyway: Keyway, api: Api) -> Self {
        let mcp = McpServer::open().await;
        let connector = json!({"url": mcp.url(), "slug": NOTES, "auth_type": "headers"});
        api.create(connector).await.expect(201);
        Self { keyway, mcp, api }
    }

    /// Sets a tool's mode.
    pub(crate) async fn mode(&self, tool: &str, mode: &str) -> Value {
        change(&self.api, tool, json!({"mode": mode})).await.expect(200)
    }

    /// Makes the connector read-only, or lifts it.
    pub(crate) async fn read_only(&self, read_only: bool) {
        let path = format!("/api/v1/connectors/{NOTES}");
        let changed = self.api.patch(&path, json!({"read_only": read_only})).await.expect(200);
        assert_eq!(changed["read_only"], read_only);
    }

    /// Calls a tool over REST with an approval.
    pub(crate) async fn call_approved(&self, tool: &str, arguments: Value, id: &str) -> Answer {
        let call =
            json!({"connector": NOTES, "tool": tool, "arguments": arguments, "approval_id": id});
        self.api.post("/api/v1/tools/call", call).await
    }

    /// Calls a tool that waits for a person: the approval's id.
    pub(crate) async fn ask(&self, tool: &str, arguments: Value) -> String {
        approval_id(&self.api.call(NOTES, tool, arguments).await)
    }

    /// The names of the tools that hosts are shown.
    pub(crate) async fn shown(&self) -> Vec<String> {
        let listed = self.api.get("/api/v1/tools").await.expect(200);
        names(&listed["tools"], "tool")
    }

    /// How often a tool was really called.
    pub(crate) fn calls(&self) -> usize {
        self.mcp.log().rpc("tools/call").len()
    }

    /// A browser's session of the user's.
    pub(crate) async fn session_of(&self, api: &Api) -> Api {
        let opened = api.post("/api/v1/sessions", json!({})).await.expect(201);
        let token = opened["token"].as_str().expect("a token").to_owned();
        api.with(Credentials::Bearer(token))
    }
}

/// Changes a tool of the connector `notes`.
pub(crate) async fn change(api: &Api, tool: &str, patch: Value) -> Answer {
    api.patch(&format!("/api/v1/connectors/{NOTES}/tools/{tool}"), patch).await
}

/// Decides about a call that waits.
pub(crate) async fn decide(api: &Api, id: &str, decision: &str) -> Answer {
    let request = api.request(Method::POST, &format!("/api/v1/approvals/{id}"));
    api.send(request.json(&json!({"decision": decision}))).await
}

/// The approval that an answer asks for.
#[track_caller]
pub(crate) fn approval_id(answer: &Answer) -> String {
    assert_eq!(answer.problem(), (403, "approval_needed".to_owned()), "{}", answer.text());
    answer.json()["approval_id"].as_str().expect("an id").to_owned()
}

/// One member of each, as texts.
pub(crate) fn names(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().map(|one| one[member].as_str().unwrap_or_default().to_owned()).collect()
}
