//! One connector from its creation to its removal: its tools are listed and called, and a person signs in
//! whenever Keyway says that one is needed.

use std::sync::Arc;

use anyhow::{bail, ensure};
use keyway_tests::{
    api::{Answer, Api},
    browser::Browser,
};
use serde_json::{Value, json};

use crate::{
    arguments,
    assignment::{Assignment, ToolCall},
};

/// More than any server may ask for; Keyway itself ends an endless step-up earlier.
const MOST_SIGN_INS: usize = 5;

/// More rounds of questions than a tool has.
const MOST_ROUNDS: usize = 5;

/// A connector in use. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Visit {
    api: Api,
    browser: Arc<Browser>,
    connector: String,
}

impl Visit {
    /// Creates the connector.
    pub(crate) async fn begin(api: Api, assignment: &Assignment) -> anyhow::Result<Self> {
        let created = api.create(assignment.connector()).await;
        ensure!(created.status.is_success(), "the connector was not created: {}", created.text());
        let connector = created.json()["id"].as_str().unwrap_or_default().to_owned();
        Ok(Self { api, browser: Arc::new(Browser::of("conformance")), connector })
    }

    /// Lists and calls the tools; then once more, if the server let nobody in any longer.
    pub(crate) async fn run(&self, assignment: &Assignment) -> anyhow::Result<()> {
        self.use_tools(assignment).await?;
        let path = format!("/api/v1/connectors/{}/test", self.connector);
        let tested = self.api.post(&path, json!({})).await.json();
        match tested["code"].as_str() {
            Some(code) if needs_person(code) => self.use_tools(assignment).await,
            _ => Ok(()),
        }
    }

    /// Removes the connector, and with it every stream to the server.
    pub(crate) async fn end(&self) -> anyhow::Result<()> {
        let deleted = self.api.delete(&format!("/api/v1/connectors/{}", self.connector)).await;
        ensure!(deleted.status.is_success(), "the connector stays: {}", deleted.text());
        Ok(())
    }

    async fn use_tools(&self, assignment: &Assignment) -> anyhow::Result<()> {
        let path = format!("/api/v1/connectors/{}/tools", self.connector);
        let listed = self.signed_in(&path, None).await?;
        ensure!(listed.status.is_success(), "the tools were not listed: {}", listed.text());
        let listed = listed.json();
        let tools = listed["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        let chosen = match &assignment.tool_calls {
            Some(calls) => calls,
            None => &every_tool(tools),
        };
        self.call_all(chosen).await
    }

    /// Calls one after the other. Questions are answered when all have been called, so that the rounds of
    /// one tool lie between calls of others.
    async fn call_all(&self, calls: &[ToolCall]) -> anyhow::Result<()> {
        let mut open = Vec::new();
        for call in calls {
            let body = json!({"connector": self.connector, "tool": call.name,
                "arguments": call.arguments});
            open.push((body.clone(), self.call(body).await?));
        }
        for _ in 0..MOST_ROUNDS {
            open.retain(|(_, result)| result["resultType"] == "input_required");
            for (body, result) in &mut open {
                *result = self.call(resumed(body, result)?).await?;
            }
        }
        ensure!(open.is_empty(), "a tool keeps asking");
        Ok(())
    }

    async fn call(&self, body: Value) -> anyhow::Result<Value> {
        let called = self.signed_in("/api/v1/tools/call", Some(&body)).await?;
        // A tool that the server itself refuses to run was called all the same.
        let answered = called.status.is_success() || called.problem().1 == "upstream_error";
        ensure!(answered, "{} was not called: {}", body["tool"], called.text());
        Ok(called.json())
    }

    /// Gets something, or posts a body; and again after each sign-in that it turns out to need.
    async fn signed_in(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        for _ in 0..MOST_SIGN_INS {
            let answer = match body {
                Some(body) => self.api.post(path, body.clone()).await,
                None => self.api.get(path).await,
            };
            if !needs_person(&answer.problem().1) {
                return Ok(answer);
            }
            self.sign_in().await?;
        }
        bail!("{MOST_SIGN_INS} sign-ins did not help")
    }

    async fn sign_in(&self) -> anyhow::Result<()> {
        let mut started = self.api.start(&self.connector, json!({})).await;
        if started.problem().1 == "not_oauth" {
            started = self.start_although_unannounced().await?;
        }
        ensure!(started.status.is_success(), "no sign-in: {}", started.text());
        let started = started.json();
        if started["already_authorized"] == true {
            return Ok(());
        }
        let text = |name: &str| started[name].as_str().unwrap_or_default();
        let page = self.browser.sign_in(text("authorize_url")).await;
        let session = self.api.session(text("authorization_session_id")).await;
        ensure!(session["status"] == "finished", "the sign-in ended at {}: {session}", page.url);
        Ok(())
    }

    /// A server that refuses everybody without naming a way to sign in is taken for one with an API key;
    /// here there is none, so a person would choose OAuth.
    async fn start_although_unannounced(&self) -> anyhow::Result<Answer> {
        let path = format!("/api/v1/connectors/{}", self.connector);
        let changed = self.api.patch(&path, json!({"auth_type": "oauth"})).await;
        ensure!(changed.status.is_success(), "OAuth was not chosen: {}", changed.text());
        Ok(self.api.start(&self.connector, json!({})).await)
    }
}

/// Whether this code asks for a sign-in.
fn needs_person(code: &str) -> bool {
    matches!(code, "sign_in_required" | "reauth_required" | "scope_required")
}

/// One call of each tool. Where a tool takes just any object, it gets the richest one at hand: the schema of
/// the first tool, as it came.
fn every_tool(tools: &[Value]) -> Vec<ToolCall> {
    let richest = tools.first().map(|tool| tool["input_schema"].clone()).unwrap_or_default();
    let call = |tool: &Value| ToolCall {
        name: tool["name"].as_str().unwrap_or_default().to_owned(),
        arguments: arguments::fill_in(&tool["input_schema"], &richest),
    };
    tools.iter().map(call).collect()
}

/// The call once more, with answers to what the server asked and its state as it came.
fn resumed(body: &Value, result: &Value) -> anyhow::Result<Value> {
    let mut body = body.clone();
    let requests = result["inputRequests"].as_object().cloned().unwrap_or_default();
    body["input_responses"] = arguments::answers(&requests)?;
    if let Some(state) = result.get("requestState") {
        body["request_state"] = state.clone();
    }
    Ok(body)
}
