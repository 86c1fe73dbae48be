//! 2026-07-28: no handshake, no session; version, capabilities and names are checked on every request.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::{
    Shared,
    answers::{self, Era, Outcome},
    message::Message,
    wire,
};

const VERSION: &str = "2026-07-28";
const SUPPORTED: &str = r#"["2026-07-28"]"#;

/// Whether the request is meant for this era: it says so in its header or in `_meta`.
pub(super) fn speaks(headers: &HeaderMap, message: &Message) -> bool {
    let in_body = message.meta("protocolVersion").is_string();
    in_body || header(headers, "mcp-protocol-version").is_some_and(|version| version >= VERSION)
}

pub(super) fn post(
    shared: &Shared,
    headers: &HeaderMap,
    message: &Message,
    user: Option<String>,
) -> Response {
    if let Err(outcome) = check(headers, message) {
        return wire::plain(message, outcome);
    }
    if message.id.is_none() {
        return StatusCode::ACCEPTED.into_response();
    }
    if message.method == "subscriptions/listen" && shared.script().listens {
        let told = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{{}},"_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}}}}}"#,
            message.id()
        );
        return wire::notifications(shared, wire::event(&told));
    }
    let outcome = answers::answer(shared, Era::Stateless, message, user);
    wire::respond(shared, message, outcome)
}

/// What a server of this era alone tells a client that tries the handshake.
pub(super) fn refuse_handshake(message: &Message) -> Response {
    let asked = message.params.protocol_version.clone().unwrap_or_default();
    wire::plain(message, unsupported(&asked))
}

fn check(headers: &HeaderMap, message: &Message) -> Result<(), Outcome> {
    let in_header = header(headers, "mcp-protocol-version");
    let in_body = message.meta("protocolVersion").as_str();
    if message.id.is_some() && (in_header.is_none() || in_header != in_body) {
        return Err(mismatch("MCP-Protocol-Version is not what the body says"));
    }
    if in_header != Some(VERSION) {
        return Err(unsupported(in_header.unwrap_or_default()));
    }
    if header(headers, "mcp-method") != Some(message.method.as_str()) {
        return Err(mismatch("Mcp-Method is not the body's method"));
    }
    if let Some(name) = message.name()
        && header(headers, "mcp-name") != Some(name)
    {
        return Err(mismatch("Mcp-Name is not the body's name"));
    }
    if message.id.is_some() && !message.meta("clientCapabilities").is_object() {
        return Err(Outcome::error(400, -32602, "_meta lacks clientCapabilities"));
    }
    check_parameters(headers, message)
}

/// The one annotated parameter of the standard tools (`x-mcp-header`), of `located`.
fn check_parameters(headers: &HeaderMap, message: &Message) -> Result<(), Outcome> {
    let region = message.argument("region");
    let (true, Some(region)) = (message.name() == Some("located"), region.as_str()) else {
        return Ok(());
    };
    if header(headers, "mcp-param-region").map(decoded).as_deref() == Some(region) {
        return Ok(());
    }
    Err(mismatch("Mcp-Param-Region is not the argument"))
}

/// The text behind a header's value, which may be Base64 in the form `=?base64?…?=`.
fn decoded(value: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| value.to_owned())
}

fn mismatch(message: &'static str) -> Outcome {
    Outcome::error(400, -32020, message)
}

fn unsupported(requested: &str) -> Outcome {
    let requested = serde_json::Value::from(requested);
    Outcome::Error {
        status: 400,
        code: -32022,
        message: "unsupported protocol version",
        data: Some(format!(r#"{{"supported":{SUPPORTED},"requested":{requested}}}"#)),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
