//! An MCP client on a wire of its choice, with all that comes before an answer: for scenarios that must
//! hold on every version.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api};

/// The version without a handshake.
pub const STATELESS: &str = "2026-07-28";
/// The newest version with one.
pub const HANDSHAKE: &str = "2025-11-25";
/// All versions, oldest first.
pub const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", HANDSHAKE, STATELESS];

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that has made itself known, where its version asks for that.
pub struct WireClient {
    api: Api,
    path: String,
    version: &'static str,
    capabilities: Value,
    session: Option<String>,
}

impl WireClient {
    /// A client at `path` (such as `/mcp`) that lets itself be asked for what `capabilities` declare.
    pub async fn connect(
        api: &Api,
        path: &str,
        version: &'static str,
        capabilities: Value,
    ) -> Self {
        let api = api.clone();
        let mut client = Self { api, path: path.to_owned(), version, capabilities, session: None };
        if version != STATELESS {
            let params = json!({"protocolVersion": version, "capabilities": client.capabilities,
                "clientInfo": {"name": "test", "version": "1"}});
            let answer = client.post("initialize", params).await;
            assert_eq!(answer.expect(200)["result"]["protocolVersion"], version);
            client.session = answer.header("mcp-session-id").map(str::to_owned);
            client.tell("notifications/initialized", json!({})).await.expect(202);
        }
        client
    }

    /// The same client at another address or with other credentials, in the same session.
    #[must_use]
    pub fn moved(&self, api: &Api, path: &str) -> Self {
        let (version, capabilities) = (self.version, self.capabilities.clone());
        let (api, session) = (api.clone(), self.session.clone());
        Self { api, path: path.to_owned(), version, capabilities, session }
    }

    /// The same client in a session of this name.
    #[must_use]
    pub fn in_session(&self, session: &str) -> Self {
        Self { session: Some(session.to_owned()), ..self.moved(&self.api, &self.path) }
    }

    /// The HTTP answer to a request, whole.
    pub async fn post(&self, method: &str, params: Value) -> Answer {
        self.api.send(self.request(method, params)).await
    }

    /// The message that answers a request.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        self.exchange(method, params).await.pop().unwrap_or_default()
    }

    /// The result of a request that must have one.
    pub async fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert!(answer["result"].is_object(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The result of a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    /// The names in a list.
    pub async fn names(&self, list: &str, name: &str) -> Vec<String> {
        let (member, _) = list.split_once('/').unwrap_or((list, ""));
        let member = if list.contains("templates") { "resourceTemplates" } else { member };
        let result = self.result(list, json!({})).await;
        let items = result[member].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item[name].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// All messages that come for a request, the answer last.
    pub async fn exchange(&self, method: &str, params: Value) -> Vec<Value> {
        let mut messages = self.open(method, params).await;
        let mut all = Vec::new();
        while let Some(message) = messages.next().await {
            all.push(message);
        }
        all
    }

    /// What comes for a request, as it comes.
    pub async fn open(&self, method: &str, params: Value) -> Messages {
        Messages::of(self.request(method, params)).await
    }

    /// Tells something.
    pub async fn tell(&self, method: &str, params: Value) -> Answer {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        self.api.send(self.bare(Method::POST).json(&message)).await
    }

    /// Answers a question of the server's.
    pub async fn answer(&self, question: &Value, result: Value) -> Answer {
        let message = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
        self.api.send(self.bare(Method::POST).json(&message)).await
    }

    /// The stream of the session.
    pub async fn listen(&self) -> Messages {
        Messages::of(self.bare(Method::GET)).await
    }

    /// Ends the session.
    pub async fn end(&self) -> Answer {
        self.api.send(self.bare(Method::DELETE)).await
    }

    /// A request that the test sends by itself: with version and session, without a body.
    pub fn bare(&self, method: Method) -> reqwest::RequestBuilder {
        let request = self.api.request(method, &self.path);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = match self.version {
            "2024-11-05" | "2025-03-26" => request,
            version => request.header("mcp-protocol-version", version),
        };
        match &self.session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        }
    }

    fn request(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        let mut request = self.bare(Method::POST);
        if self.version == STATELESS {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = STATELESS.into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                self.capabilities.clone();
            request = request.header("mcp-method", method);
            let member = if method == "resources/read" { "uri" } else { "name" };
            if let Some(name) = params[member].as_str() {
                request = request.header("mcp-name", name);
            }
        }
        request.json(&json!({"jsonrpc": "2.0", "id": "r-1", "method": method, "params": params}))
    }
}

/// Messages on their way: one JSON body, or events.
pub struct Messages {
    response: reqwest::Response,
    read: String,
    events: bool,
}

impl Messages {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let kind = response.headers().get("content-type").cloned();
        let events = kind.is_some_and(|kind| kind == "text/event-stream");
        Self { response, read: String::new(), events }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next message; nothing at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let (true, Some((event, rest))) = (self.events, self.read.split_once("\n\n")) {
                let lines = event.lines().filter_map(|line| line.strip_prefix("data: "));
                let data = lines.collect::<Vec<_>>().join("\n");
                self.read = String::from(rest);
                if !data.is_empty() {
                    return Some(serde_json::from_str(&data).expect("an event is JSON"));
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.expect("a message comes in time") {
                Ok(Some(chunk)) => self.read.push_str(&String::from_utf8_lossy(&chunk)),
                _ => return serde_json::from_str(&std::mem::take(&mut self.read)).ok(),
            }
        }
    }

    /// Reads on to the message with this method.
    pub async fn until(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().await;
            let message = message.unwrap_or_else(|| panic!("the stream ended before {method}"));
            if message["method"] == method {
                return message;
            }
        }
    }

    /// The message that answers, past what comes before.
    pub async fn last(mut self) -> Value {
        let mut last = Value::Null;
        while let Some(message) = self.next().await {
            last = message;
        }
        last
    }
}
