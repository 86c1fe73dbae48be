//! Who sends a request: over which wire, in which version, and what it lets itself be asked for
//! (MCP 2025-11-25, lifecycle; MCP 2026-07-28, versioning and standard headers).

use std::sync::Arc;

use http::{HeaderMap, HeaderName, StatusCode};
use keyway_connectors::upstream::{
    Capabilities, HANDSHAKE_VERSION, HEADER_MISMATCH, RawObject, STATELESS_VERSION,
    UNSUPPORTED_VERSION, decoded,
};
use serde_json::{Value, json};

use super::{
    message::{INVALID_PARAMS, METHOD_NOT_FOUND, Refusal, Request},
    session::ClientSession,
};

/// The versions with a handshake, oldest first.
const HANDSHAKE_VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", HANDSHAKE_VERSION];
/// The one in which a client may send several messages at once.
pub(super) const BATCH_VERSION: &str = "2025-03-26";

/// The error code of a request whose client does not declare what it needs (MCP 2026-07-28).
const MISSING_CAPABILITY: i64 = -32021;
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// All versions that are spoken, newest first.
pub(super) fn supported_versions() -> Vec<&'static str> {
    let mut versions = vec![STATELESS_VERSION];
    versions.extend(HANDSHAKE_VERSIONS.iter().rev());
    versions
}

/// The version that answers the one a client asks for: the same, or the newest there is.
pub(super) fn negotiated(wanted: &str) -> &'static str {
    let same = HANDSHAKE_VERSIONS.into_iter().find(|known| *known == wanted);
    same.unwrap_or(HANDSHAKE_VERSION)
}

/// Whoever sends a request.
#[derive(Clone)]
pub(super) struct Client {
    /// The session; `None` on the stateless wire.
    pub(super) session: Option<Arc<ClientSession>>,
    /// What it lets itself be asked for.
    pub(super) capabilities: Capabilities,
    /// From which level on it wants to hear a server's log.
    pub(super) log_level: Option<String>,
}

impl Client {
    /// Whether every request stands for itself.
    pub(super) fn is_stateless(&self) -> bool {
        self.session.is_none()
    }

    /// The client with this session.
    pub(super) fn with_session(session: Arc<ClientSession>) -> Self {
        let (capabilities, log_level) = (session.capabilities, session.log_level());
        Self { session: Some(session), capabilities, log_level }
    }

    /// The client of a request on the stateless wire, whose headers must say what its body says.
    pub(super) fn of_stateless(request: &Request, headers: &HeaderMap) -> Result<Self, Refusal> {
        let meta = request.params.object("_meta").unwrap_or_default();
        check_version(&meta, headers)?;
        let declared: Option<Value> = meta.read(META_CAPABILITIES);
        let Some(declared) = declared.filter(Value::is_object) else {
            let words = format!("\"_meta\" must hold \"{META_CAPABILITIES}\"");
            return Err(Refusal::bad(INVALID_PARAMS, words));
        };
        check_header(headers, &METHOD, &request.method)?;
        if let Some(name) = name_of(request) {
            check_header(headers, &NAME, &name)?;
        }
        let log_level = meta.text(META_LOG_LEVEL);
        Ok(Self { session: None, capabilities: Capabilities::of(&declared), log_level })
    }
}

/// Whether a request means the stateless wire: its header or its body names a version without a handshake.
pub(super) fn is_stateless(request: &Request, headers: &HeaderMap) -> bool {
    let meta = request.params.object("_meta");
    let in_body = meta.is_some_and(|meta| meta.get(META_VERSION).is_some());
    in_body || version_header(headers).is_some_and(|version| version >= STATELESS_VERSION)
}

/// The version that the header names.
pub(super) fn version_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(PROTOCOL_VERSION)?.to_str().ok()
}

/// Whether a version has a handshake and is spoken.
pub(super) fn is_handshake_version(version: &str) -> bool {
    HANDSHAKE_VERSIONS.contains(&version)
}

/// A refusal of the version that was asked for.
pub(super) fn unsupported(requested: &str) -> Refusal {
    let words = format!("the version {requested} is not spoken here");
    let data = json!({ "supported": supported_versions(), "requested": requested });
    Refusal::bad(UNSUPPORTED_VERSION, words).with(&data)
}

/// The HTTP status that goes with an error (MCP 2026-07-28, Streamable HTTP).
pub(super) fn status_of(code: i64) -> StatusCode {
    match code {
        HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION => StatusCode::BAD_REQUEST,
        METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    }
}

/// A method that the wire does not have.
pub(super) fn unknown_method(method: &str) -> Refusal {
    let words = format!("there is no method {method} here");
    Refusal::new(StatusCode::NOT_FOUND, METHOD_NOT_FOUND, words)
}

fn check_version(meta: &RawObject, headers: &HeaderMap) -> Result<(), Refusal> {
    let header = version_header(headers);
    let body = meta.text(META_VERSION);
    match (header, body) {
        (None, _) => Err(mismatch("the header MCP-Protocol-Version is missing")),
        (Some(header), Some(body)) if header != body => {
            Err(mismatch("the header MCP-Protocol-Version and the body name different versions"))
        }
        (Some(header), _) if header != STATELESS_VERSION => Err(unsupported(header)),
        (_, None) => {
            let words = format!("\"_meta\" must hold \"{META_VERSION}\"");
            Err(Refusal::bad(INVALID_PARAMS, words))
        }
        _ => Ok(()),
    }
}

fn check_header(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> Result<(), Refusal> {
    let Some(value) = headers.get(name) else {
        return Err(mismatch(format!("the header {name} is missing")));
    };
    if decoded(value).as_deref() == Some(wanted) {
        return Ok(());
    }
    Err(mismatch(format!("the header {name} does not say what the body says")))
}

/// The refusal of headers that do not say what the body says.
pub(super) fn mismatch(words: impl Into<String>) -> Refusal {
    Refusal::bad(HEADER_MISMATCH, words)
}

/// What `Mcp-Name` must say.
fn name_of(request: &Request) -> Option<String> {
    match request.method.as_str() {
        "tools/call" | "prompts/get" => request.params.text("name"),
        "resources/read" => request.params.text("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => request.params.text("taskId"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use keyway_connectors::upstream::raw;

    use super::*;

    fn request(method: &str, params: &Value) -> Request {
        let params = RawObject::of(&raw(params).unwrap()).unwrap();
        Request { id: raw(&1).unwrap(), method: method.into(), params }
    }

    fn meta(version: &str) -> Value {
        json!({ META_VERSION: version, META_CAPABILITIES: {} })
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn code(request: &Request, pairs: &[(&'static str, &'static str)]) -> i64 {
        Client::of_stateless(request, &headers(pairs)).err().map_or(0, |refusal| refusal.error.code)
    }

    #[test]
    fn headers_must_say_what_the_body_says() {
        let version = ("mcp-protocol-version", STATELESS_VERSION);
        let call = json!({ "name": "notes__søk", "_meta": meta(STATELESS_VERSION) });
        let call = request("tools/call", &call);
        let method = ("mcp-method", "tools/call");
        let name = ("mcp-name", "=?base64?bm90ZXNfX3PDuGs=?=");
        assert_eq!(code(&call, &[version, method, name]), 0);
        assert_eq!(code(&call, &[version, method]), HEADER_MISMATCH);
        assert_eq!(code(&call, &[version, ("mcp-method", "TOOLS/CALL"), name]), HEADER_MISMATCH);
        assert_eq!(code(&call, &[version, method, ("mcp-name", "other")]), HEADER_MISMATCH);
        assert_eq!(code(&call, &[method, name]), HEADER_MISMATCH);
        let other = ("mcp-protocol-version", "2026-07-27");
        assert_eq!(code(&call, &[other, method, name]), HEADER_MISMATCH);
    }

    #[test]
    fn a_version_that_is_not_spoken_is_answered_with_those_that_are() {
        let list = request("tools/list", &json!({ "_meta": meta("2030-01-01") }));
        let sent = headers(&[("mcp-protocol-version", "2030-01-01"), ("mcp-method", "tools/list")]);
        let Err(refusal) = Client::of_stateless(&list, &sent) else { panic!() };
        assert_eq!(refusal.error.code, UNSUPPORTED_VERSION);
        assert!(refusal.error.data.unwrap().get().contains(STATELESS_VERSION));
    }

    #[test]
    fn what_every_request_must_declare_is_asked_for() {
        let sent = [("mcp-protocol-version", STATELESS_VERSION), ("mcp-method", "tools/list")];
        assert_eq!(code(&request("tools/list", &json!({})), &sent), INVALID_PARAMS);
        let meta = json!({ META_VERSION: STATELESS_VERSION });
        assert_eq!(code(&request("tools/list", &json!({ "_meta": meta })), &sent), INVALID_PARAMS);
    }

    #[test]
    fn a_handshake_settles_on_a_version_of_its_own_wire() {
        for (wanted, agreed) in [
            ("2024-11-05", "2024-11-05"),
            ("2025-03-26", "2025-03-26"),
            ("2026-07-28", HANDSHAKE_VERSION),
            ("1999-01-01", HANDSHAKE_VERSION),
        ] {
            assert_eq!(negotiated(wanted), agreed);
        }
    }
}
