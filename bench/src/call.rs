//! The call that is measured: a small `tools/call` on Streamable HTTP, and the answer that is due to it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where the server takes calls.
pub(crate) const PATH: &str = "/mcp";

/// Where it takes them from anybody.
pub(crate) const OPEN_PATH: &str = "/open";

/// The version of MCP that is spoken.
pub(crate) const PROTOCOL_VERSION: &str = "2025-11-25";

/// The header that holds the version agreed on.
pub(crate) const VERSION_HEADER: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The name of [`Tool::Echo`].
pub(crate) const ECHO: &str = "echo";

/// The header that holds the server's key. Keyway adds it; before the other targets the caller does.
pub(crate) const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// The server's key; a call without it is refused.
pub(crate) const KEY: &str = "bench";

/// How long the answer of the tool `large` is, in bytes, but for its frame.
pub(crate) const LARGE: usize = 64 * 1024 * 1024;

/// What the server does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tool {
    /// Gives the text back at once, as JSON.
    Echo,
    /// Gives the text back at once as an event, and ends the stream a little later.
    Stream,
    /// Gives the text back at once as an event in two writes, and ends the stream.
    Parts,
    /// Answers with 64 MiB of JSON.
    Large,
}

/// What the server reads of a call.
#[derive(Deserialize)]
pub(crate) struct Call {
    /// The request's id.
    pub(crate) id: u64,
    /// What is called.
    pub(crate) params: Params,
}

/// The tool and its arguments.
#[derive(Deserialize)]
pub(crate) struct Params {
    /// Which tool.
    pub(crate) name: Tool,
    /// Its arguments.
    pub(crate) arguments: Arguments,
}

/// The arguments of each tool.
#[derive(Deserialize)]
pub(crate) struct Arguments {
    /// A text that no other call has.
    pub(crate) text: String,
}

/// The body of a call.
pub(crate) fn body(tool: Tool, id: u64, text: &str) -> Bytes {
    let name = match tool {
        Tool::Echo => ECHO,
        Tool::Stream => "stream",
        Tool::Parts => "parts",
        Tool::Large => "large",
    };
    let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": name, "arguments": {"text": text}}});
    call.to_string().into()
}

/// The answer that is due to a call of `echo`.
pub(crate) fn answer(id: u64, text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}})
}

/// The headers of a call, without any credential.
pub(crate) fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let accept = HeaderValue::from_static("application/json, text/event-stream");
    headers.insert(header::ACCEPT, accept);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(PROTOCOL_VERSION));
    headers
}
