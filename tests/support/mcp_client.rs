//! An MCP client that sends what it is told, byte for byte, and shows what came back.

use http::Method;

use crate::api::{Answer, Api};

/// A client at one MCP endpoint, in the handshake eras with its session.
pub struct McpClient {
    api: Api,
    path: String,
    session: Option<String>,
}

impl McpClient {
    /// A client of the endpoint at `path` that has said nothing yet.
    pub fn new(api: Api, path: String) -> Self {
        Self { api, path, session: None }
    }

    /// The handshake of 2025-11-25; keeps the session id that came.
    pub async fn initialize(&mut self) -> Answer {
        let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}"#;
        let answer = self.request("initialize", params).await;
        self.session = answer.header("mcp-session-id").map(str::to_owned);
        if answer.status.is_success() {
            self.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        }
        answer
    }

    /// The session id that the server gave.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Uses a session id of somebody else.
    pub fn use_session(&mut self, id: &str) {
        self.session = Some(id.to_owned());
    }

    /// A request of the handshake eras with raw params.
    pub async fn request(&self, method: &str, params: &str) -> Answer {
        let message =
            format!(r#"{{"jsonrpc":"2.0","id":"r-1","method":"{method}","params":{params}}}"#);
        self.post(&message).await
    }

    /// `tools/call` of the handshake eras with raw arguments.
    pub async fn call(&self, tool: &str, arguments: &str) -> Answer {
        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        self.request("tools/call", &params).await
    }

    /// A request of 2026-07-28: `members` are the raw members of `params` besides `_meta`.
    pub async fn stateless(&self, method: &str, name: Option<&str>, members: &str) -> Answer {
        let comma = if members.is_empty() { "" } else { "," };
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":"r-1","method":"{method}","params":{{{members}{comma}{meta}}}}}"#
        );
        let mut request = self
            .open(Method::POST)
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .body(message);
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        self.api.send(request).await
    }

    /// Posts one message as it is.
    pub async fn post(&self, message: &str) -> Answer {
        let request = self.open(Method::POST).header("content-type", "application/json");
        self.api.send(self.of_session(request).body(message.to_owned())).await
    }

    /// Posts one message and gives the answer while its body still streams.
    pub async fn stream(&self, message: &str) -> reqwest::Response {
        let request = self.open(Method::POST).header("content-type", "application/json");
        let sent = self.of_session(request).body(message.to_owned()).send().await;
        sent.expect("keyway answers")
    }

    /// Opens the GET stream.
    pub async fn listen(&self) -> reqwest::Response {
        let sent = self.of_session(self.open(Method::GET)).send().await;
        sent.expect("keyway answers")
    }

    /// Ends the session.
    pub async fn end(&self) -> Answer {
        self.api.send(self.of_session(self.open(Method::DELETE))).await
    }

    fn open(&self, method: Method) -> reqwest::RequestBuilder {
        let request = self.api.request(method, &self.path);
        request.header("accept", "application/json, text/event-stream")
    }

    fn of_session(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.session {
            Some(id) => {
                request.header("mcp-session-id", id).header("mcp-protocol-version", "2025-11-25")
            }
            None => request,
        }
    }
}
