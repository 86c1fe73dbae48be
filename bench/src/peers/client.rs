//! A client of MCP 2025-11-25 over Streamable HTTP, as correct as any: it shakes hands, keeps the session,
//! finds the tool, takes answers as JSON and as events. The load on peers is made of these.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::{
    call,
    connection::{connect, host, micros},
};

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(20);

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Where a product takes calls.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The path of its endpoint.
    pub(crate) path: String,
    /// What each request shows, besides what the protocol asks for.
    pub(crate) caller: HeaderMap,
}

/// A client that has found the tool `echo`, whatever the product calls it.
pub(crate) struct Client {
    door: Door,
    headers: HeaderMap,
    sender: SendRequest<Full<Bytes>>,
    port: u16,
    next_id: u64,
    tool: String,
}

impl Client {
    /// Connects, shakes hands, and looks for the tool.
    ///
    /// # Errors
    /// Where any of it is refused, or the tool is not listed.
    pub(crate) async fn open(door: &Door) -> anyhow::Result<Self> {
        let (sender, port) = connect(door.address).await?;
        let mut headers = call::headers();
        headers.extend(door.caller.clone());
        // It is agreed on first.
        headers.remove(call::VERSION_HEADER);
        headers.insert(header::HOST, host(door.address).parse()?);
        let mut client =
            Self { door: door.clone(), headers, sender, port, next_id: 0, tool: String::new() };
        client.shake_hands().await?;
        client.tool = client.find_tool().await?;
        Ok(client)
    }

    async fn shake_hands(&mut self) -> anyhow::Result<()> {
        let hello = json!({"protocolVersion": call::PROTOCOL_VERSION, "capabilities": {},
            "clientInfo": {"name": "keyway-bench", "version": env!("CARGO_PKG_VERSION")}});
        let result = self.request("initialize", hello).await?;
        let version = result["protocolVersion"].as_str().context("it agrees on no version")?;
        self.headers.insert(call::VERSION_HEADER, version.parse()?);
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let (status, ..) = self.exchange(Method::POST, told.to_string().into()).await?;
        anyhow::ensure!(status.is_success(), "notifications/initialized was answered {status}");
        Ok(())
    }

    async fn find_tool(&mut self) -> anyhow::Result<String> {
        let result = self.request("tools/list", json!({})).await?;
        let tools = result["tools"].as_array().context("it lists no tools")?;
        let mut names = tools.iter().filter_map(|tool| tool["name"].as_str());
        let name = names.find(|name| name.ends_with(call::ECHO));
        Ok(name.context("it does not list the tool")?.to_owned())
    }

    /// Calls the tool and gives the time it took in µs.
    ///
    /// # Errors
    /// Where the answer does not hold the text of this very call.
    pub(crate) async fn call(&mut self) -> anyhow::Result<f64> {
        let text = format!("{:05}-{:058}", self.port, self.next_id);
        let params = json!({"name": self.tool, "arguments": {"text": text}});
        let begun = Instant::now();
        let result = self.request("tools/call", params).await?;
        let took = begun.elapsed();
        anyhow::ensure!(result["content"][0]["text"] == text, "not the answer: {result}");
        Ok(micros(took))
    }

    /// Ends the session, where there is one.
    pub(crate) async fn close(mut self) {
        if self.headers.contains_key(&SESSION) {
            // Whoever does not let a session be ended answers 405, which is all right.
            let _ = self.exchange(Method::DELETE, Bytes::new()).await;
        }
    }

    /// The result of a request.
    async fn request(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let (status, headers, body) =
            self.exchange(Method::POST, request.to_string().into()).await?;
        if let Some(session) = headers.get(&SESSION) {
            self.headers.insert(SESSION, session.clone());
        }
        let is_stream = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        let body = String::from_utf8_lossy(&body);
        let message = if is_stream { message_of(&body, id) } else { json_of(&body, id) };
        let message = message.with_context(|| format!("{method} was answered {status}: {body}"))?;
        anyhow::ensure!(message["error"].is_null(), "{method} failed: {}", message["error"]);
        Ok(message["result"].clone())
    }

    async fn exchange(
        &mut self,
        method: Method,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, HeaderMap, Bytes)> {
        // Servers close connections that idle; a session outlives them.
        if self.sender.is_closed() {
            (self.sender, self.port) = connect(self.door.address).await?;
        }
        let request = Request::builder().method(method).uri(self.door.path.as_str());
        let mut request = request.body(Full::new(body))?;
        *request.headers_mut() = self.headers.clone();
        let exchange = async {
            let (parts, body) = self.sender.send_request(request).await?.into_parts();
            anyhow::Ok((parts.status, parts.headers, body.collect().await?.to_bytes()))
        };
        timeout(PATIENCE, exchange)
            .await
            .with_context(|| format!("no answer within {} s", PATIENCE.as_secs()))?
    }
}

/// The answer to the request `id` in a body of JSON.
fn json_of(body: &str, id: u64) -> Option<Value> {
    serde_json::from_str::<Value>(body).ok().filter(|message| message["id"] == id)
}

/// The answer to the request `id` among the events of a stream; what is told besides is passed over.
fn message_of(stream: &str, id: u64) -> Option<Value> {
    let mut data = String::new();
    for line in stream.lines().chain([""]) {
        if let Some(piece) = line.strip_prefix("data:") {
            data.push_str(piece);
            data.push('\n');
        } else if line.is_empty() {
            if let Some(message) = json_of(&data, id) {
                return Some(message);
            }
            data.clear();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_among_the_events_of_a_stream() {
        let stream = ": ping\r\n\r\nevent: message\r\n\
            data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\r\n\r\n\
            id: 4\r\ndata: {\"id\":7,\r\ndata:\"result\":{}}\r\n\r\n";
        assert_eq!(message_of(stream, 7), Some(json!({"id": 7, "result": {}})));
        assert_eq!(message_of(stream, 8), None);
    }

    #[test]
    fn the_last_event_needs_no_empty_line_and_an_empty_stream_has_none() {
        assert_eq!(message_of("data: {\"id\":1}", 1), Some(json!({"id": 1})));
        assert_eq!(message_of("", 1), None);
    }

    #[test]
    fn json_is_the_answer_to_its_own_request_alone() {
        assert_eq!(json_of("{\"id\":1}", 1), Some(json!({"id": 1})));
        assert_eq!(json_of("{\"id\":1}", 2), None);
        assert_eq!(json_of("<html>", 1), None);
    }
}
