//! The script: everything a test can make the MCP server do differently.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use serde_json::{Value, json, value::RawValue};

use super::tools;
use crate::fault::Fault;

/// How the server behaves; the default speaks all eras, with sessions, and answers with JSON.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a script")]
pub struct McpScript {
    /// Which eras it speaks.
    pub eras: Eras,
    /// Whether `initialize` opens a session that later requests must name.
    pub sessions: bool,
    /// Status and JSON body of the answer to a request in a session that is not known.
    pub lost_session: (u16, &'static str),
    /// The bytes with which a stream of the older transport begins, instead of the address of its own.
    pub first_event: Option<String>,
    /// How requests are answered.
    pub answers: Answers,
    /// Whether a GET opens a stream of notifications; else it is 405.
    pub listens: bool,
    /// The JSON-RPC methods that need credentials; none given: all.
    pub protected_methods: Option<Vec<String>>,
    /// Refuses every token, however good.
    pub refuses_tokens: bool,
    /// Scopes that a token must have for `tools/call`; else 403 `insufficient_scope`.
    pub required_scopes: Vec<String>,
    /// Where the protected resource metadata is.
    pub metadata_at: MetadataAt,
    /// Laid over the protected resource metadata (RFC 7396).
    pub metadata: Value,
    /// Played instead of the protected resource metadata.
    pub metadata_fault: Option<Fault>,
    /// Played at the well-known places where the metadata is not; a 404 if none is given.
    pub metadata_miss: Option<Fault>,
    /// Whether the challenge of a 401 names the metadata.
    pub challenge_names_metadata: bool,
    /// The `scope` of the challenge of a 401.
    pub challenge_scope: Option<String>,
    /// The whole `WWW-Authenticate` of a 401, word for word; empty for none.
    pub challenge: Option<String>,
    /// Whether its challenge of a 401 is of the `DPoP` scheme (RFC 9449 §7.1).
    pub dpop: bool,
    /// The nonce that it wants in DPoP proofs.
    pub dpop_nonce: Option<String>,
    /// Played once each, in order, instead of the next answers at the endpoint.
    pub faults: VecDeque<Fault>,
    /// Played instead of every answer to one JSON-RPC method; `""` for requests without one.
    pub fault_on: HashMap<String, Fault>,
    /// The descriptors of `tools/list`, raw JSON each.
    pub tools: Vec<String>,
    /// How many tools a page has; none given: all on one.
    pub page_size: Option<usize>,
    /// Tools of the test's own making, by name.
    pub handlers: HashMap<String, Handler>,
    /// `ttlMs` of the results of 2026-07-28 that may be cached.
    pub ttl_ms: u64,
    /// Answers by JSON-RPC method, in place of the proper ones: the raw member `"result":…` or `"error":…`.
    pub replies: HashMap<String, String>,
    /// Raw messages that come as events before the answer to a JSON-RPC method.
    pub before: HashMap<String, Vec<String>>,
    /// What the tool `ask` asks the client in the handshake eras: the raw members `"method"` and `"params"`.
    pub question: Option<String>,
}

/// A tool of the test's own making: gives the members of a raw result, without the braces.
pub type Handler = Arc<dyn Fn(&ToolCall) -> String + Send + Sync>;

/// A call, as a [`Handler`] sees it.
pub struct ToolCall {
    /// Who signed in for the token; nothing on an open server.
    pub user: Option<String>,
    /// The arguments, byte for byte; `{}` if there were none.
    pub arguments: Box<RawValue>,
}

impl Default for McpScript {
    fn default() -> Self {
        Self {
            eras: Eras::Both,
            sessions: true,
            lost_session: (404, ""),
            first_event: None,
            answers: Answers::Json,
            listens: true,
            protected_methods: None,
            refuses_tokens: false,
            required_scopes: Vec::new(),
            metadata_at: MetadataAt::default(),
            metadata: json!({}),
            metadata_fault: None,
            metadata_miss: None,
            challenge_names_metadata: true,
            challenge_scope: None,
            challenge: None,
            dpop: false,
            dpop_nonce: None,
            faults: VecDeque::new(),
            fault_on: HashMap::new(),
            tools: tools::standard(),
            page_size: None,
            handlers: HashMap::new(),
            ttl_ms: 0,
            replies: HashMap::new(),
            before: HashMap::new(),
            question: None,
        }
    }
}

impl McpScript {
    /// The fault to play for the next request, if one is due.
    pub(super) fn next_fault(&mut self, method: &str) -> Option<Fault> {
        self.faults.pop_front().or_else(|| self.fault_on.get(method).cloned())
    }
}

/// Which eras of MCP the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eras {
    /// 2025-03-26 to 2025-11-25 only.
    Handshake,
    /// 2026-07-28 only.
    Stateless,
    /// All of them.
    Both,
    /// 2024-11-05 over HTTP with SSE only, with `POST` refused at the endpoint.
    Older,
}

impl Eras {
    pub(super) fn handshake(self) -> bool {
        matches!(self, Self::Handshake | Self::Both)
    }

    pub(super) fn stateless(self) -> bool {
        matches!(self, Self::Stateless | Self::Both)
    }
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// `application/json`.
    Json,
    /// A stream of one event.
    Sse,
}

/// Where the protected resource metadata is found (RFC 9728 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataAt {
    /// At the well-known place with the endpoint's path.
    pub path: bool,
    /// At the well-known place of the root.
    pub root: bool,
    /// At an address that only the challenge tells, which it then does.
    pub custom: bool,
}

impl Default for MetadataAt {
    fn default() -> Self {
        Self { path: true, root: false, custom: false }
    }
}

impl MetadataAt {
    /// Nowhere: a server from before RFC 9728.
    pub const NOWHERE: Self = Self { path: false, root: false, custom: false };
}
