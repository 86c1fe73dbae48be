//! What each JSON-RPC method answers, as raw text, in either era.

use super::{Shared, message::Message, tools};

pub(super) const CAPABILITIES: &str =
    r#"{"tools":{"listChanged":true},"prompts":{},"resources":{},"x-unknown":{"deep":[1,2]}}"#;
pub(super) const SERVER_INFO: &str = r#"{"name":"scripted-notes","version":"1.0.0"}"#;

const PROMPTS: &str = r#""prompts":[{"name":"summary","description":"Sums up","x-unknown":1}]"#;
const PROMPT: &str =
    r#""messages":[{"role":"user","content":{"type":"text","text":"Sum up."}}],"x-unknown":1"#;
const RESOURCES: &str = r#""resources":[{"uri":"notes://one","name":"one","x-unknown":1}]"#;
const RESOURCE: &str = r#""contents":[{"uri":"notes://one","text":"milk","x-unknown":1}]"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    Handshake,
    Stateless,
}

/// What is said in return, before it is put on the wire.
pub(super) enum Outcome {
    /// The raw result.
    Result(String),
    /// The raw result, after this many progress events.
    Slow { result: String, steps: u64, token: String },
    /// A question to the client, and then a result that holds its answer.
    Asks(String),
    /// The raw member that the script gives in place of a proper answer.
    Scripted(String),
    /// An error; `status` matters in 2026-07-28 alone.
    Error { status: u16, code: i64, message: &'static str, data: Option<String> },
}

impl Outcome {
    pub(super) fn error(status: u16, code: i64, message: &'static str) -> Self {
        Self::Error { status, code, message, data: None }
    }
}

pub(super) fn answer(
    shared: &Shared,
    era: Era,
    message: &Message,
    user: Option<String>,
) -> Outcome {
    if let Some(reply) = shared.script().replies.get(&message.method) {
        return Outcome::Scripted(reply.clone());
    }
    let ttl = shared.script().ttl_ms;
    let listed = |members: &str| Outcome::Result(finish(era, members, Some(ttl)));
    match message.method.as_str() {
        "tools/list" => match tools::page(&shared.script(), message.params.cursor.as_deref()) {
            Some(members) => listed(&members),
            None => Outcome::error(400, -32602, "unknown cursor"),
        },
        "tools/call" => tools::call(shared, era, message, user),
        "prompts/list" => listed(PROMPTS),
        "prompts/get" => Outcome::Result(finish(era, PROMPT, None)),
        "resources/list" => listed(RESOURCES),
        "resources/read" => listed(RESOURCE),
        "ping" if era == Era::Handshake => Outcome::Result("{}".to_owned()),
        "server/discover" if era == Era::Stateless => listed(&discovered()),
        _ => Outcome::error(404, -32601, "method not found"),
    }
}

fn discovered() -> String {
    format!(
        r#""supportedVersions":["2026-07-28"],"capabilities":{CAPABILITIES},"instructions":"Be kind.","x-unknown":1"#
    )
}

/// A result object from its members, with what 2026-07-28 wants on each; `ttl` on what may be cached.
pub(super) fn finish(era: Era, members: &str, ttl: Option<u64>) -> String {
    if era == Era::Handshake {
        return format!("{{{members}}}");
    }
    let cache =
        ttl.map_or_else(String::new, |ttl| format!(r#","ttlMs":{ttl},"cacheScope":"private""#));
    let meta = format!(r#""_meta":{{"io.modelcontextprotocol/serverInfo":{SERVER_INFO}}}"#);
    format!(r#"{{{members},"resultType":"complete"{cache},{meta}}}"#)
}
