//! JSON-RPC 2.0 as clients speak it, with parameters and answers kept raw.

use http::StatusCode;
use keyway_connectors::upstream::{Answered, RawObject, RpcError};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};

pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const INTERNAL_ERROR: i64 = -32603;

/// One message of a client's.
pub(super) enum Message {
    /// It wants an answer.
    Request(Request),
    /// It tells something.
    Notification {
        /// What.
        method: String,
        /// More of it.
        params: RawObject,
    },
    /// It answers a question.
    Response {
        /// Which one, raw.
        id: Box<RawValue>,
        /// How.
        answer: Answered,
    },
}

/// A request of a client's.
pub(super) struct Request {
    /// Its id, raw: a string or an integer.
    pub(super) id: Box<RawValue>,
    /// The method.
    pub(super) method: String,
    /// The parameters.
    pub(super) params: RawObject,
}

/// What one POST brings.
pub(super) enum Incoming {
    /// One message.
    One(Message),
    /// Several (MCP 2025-03-26 alone).
    Batch(Vec<Message>),
}

/// A refusal of a request in the protocol's words.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The HTTP status, where the answer is all that comes.
    pub(super) status: StatusCode,
    /// The error.
    pub(super) error: RpcError,
}

impl Refusal {
    /// An error with words of Keyway's own.
    pub(super) fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self { status, error: RpcError { code, message: message.into(), data: None } }
    }

    /// A request that is at fault itself.
    pub(super) fn bad(code: i64, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Parameters that lead nowhere, in a request that is one.
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, INVALID_PARAMS, message)
    }

    /// Adds data.
    pub(super) fn with(mut self, data: &impl Serialize) -> Self {
        self.error.data = to_raw_value(data).ok();
        self
    }
}

#[derive(Deserialize)]
struct Envelope {
    jsonrpc: Option<String>,
    #[serde(default, deserialize_with = "named")]
    id: Option<Box<RawValue>>,
    method: Option<String>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<RpcError>,
}

/// An id that is `null` is not one that is missing: whoever sends it waits for an answer.
fn named<'de, D: Deserializer<'de>>(id: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(id).map(Some)
}

/// Reads the body of a POST.
pub(super) fn read(body: &[u8]) -> Result<Incoming, Refusal> {
    let raw: &RawValue = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(PARSE_ERROR, format!("the body is no JSON: {error}")))?;
    if !raw.get().starts_with('[') {
        return message(raw).map(Incoming::One);
    }
    let parts: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|error| Refusal::bad(PARSE_ERROR, error.to_string()))?;
    if parts.is_empty() {
        return Err(Refusal::bad(INVALID_REQUEST, "a batch holds at least one message"));
    }
    parts.into_iter().map(message).collect::<Result<_, _>>().map(Incoming::Batch)
}

fn message(raw: &RawValue) -> Result<Message, Refusal> {
    let invalid = |words: &str| Refusal::bad(INVALID_REQUEST, words);
    let envelope: Envelope = serde_json::from_str(raw.get())
        .map_err(|error| invalid(&format!("the body is no JSON-RPC message: {error}")))?;
    if envelope.jsonrpc.as_deref() != Some("2.0") {
        return Err(invalid("\"jsonrpc\" must be \"2.0\""));
    }
    let Envelope { id, method, params, result, error, .. } = envelope;
    if id.as_deref().is_some_and(|id| !is_id(id)) {
        return Err(invalid("\"id\" must be a string or an integer"));
    }
    let Some(method) = method else {
        let answer = match (result, error) {
            (Some(result), None) => Ok(result),
            (None, Some(error)) => Err(error),
            _ => return Err(invalid("the message has neither a method nor a result")),
        };
        let id = id.ok_or_else(|| invalid("an answer names what it answers in \"id\""))?;
        return Ok(Message::Response { id, answer });
    };
    let params = match params {
        None => RawObject::default(),
        Some(params) => {
            RawObject::of(&params).ok_or_else(|| invalid("\"params\" must be an object"))?
        }
    };
    Ok(match id {
        Some(id) => Message::Request(Request { id, method, params }),
        None => Message::Notification { method, params },
    })
}

fn is_id(id: &RawValue) -> bool {
    let text = id.get();
    text.starts_with('"') || text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
}

/// The answer of a person who was not asked to the end (MCP 2025-11-25, elicitation).
pub(super) fn cancel_action() -> Box<RawValue> {
    RawValue::from_string(r#"{"action":"cancel"}"#.to_owned()).unwrap_or_default()
}

/// The answer to a request.
pub(super) fn result(id: &RawValue, result: &RawValue) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// The refusal of a request; without an id where there was none to be read.
pub(super) fn refusal(id: Option<&RawValue>, error: &RpcError) -> String {
    let id = id.map_or("null", RawValue::get);
    let error = to_raw_value(error).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
}

/// Something that the client is told.
pub(super) fn notification(method: &str, params: Option<&RawValue>) -> String {
    let method = to_raw_value(method).unwrap_or_default();
    match params {
        Some(params) => format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{params}}}"#),
        None => format!(r#"{{"jsonrpc":"2.0","method":{method}}}"#),
    }
}

/// Something that the client is asked.
pub(super) fn question(id: &str, method: &str, params: &RawValue) -> String {
    let (id, method) = (to_raw_value(id), to_raw_value(method));
    let (id, method) = (id.unwrap_or_default(), method.unwrap_or_default());
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> i64 {
        match read(body.as_bytes()) {
            Err(refusal) => refusal.error.code,
            Ok(_) => 0,
        }
    }

    #[test]
    fn what_is_no_message_is_refused_in_the_protocols_words() {
        assert_eq!(code("{"), PARSE_ERROR);
        for body in [
            "1",
            "[]",
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping","params":[1]}"#,
            r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},2]"#,
        ] {
            assert_eq!(code(body), INVALID_REQUEST, "{body}");
        }
    }

    #[test]
    fn an_id_comes_back_as_it_was_written() {
        let Ok(Incoming::One(Message::Request(request))) =
            read(br#"{"jsonrpc":"2.0","id":"a\u0062","method":"ping"}"#)
        else {
            panic!()
        };
        let answer = result(&request.id, &RawValue::from_string("{}".into()).unwrap());
        assert_eq!(answer, r#"{"jsonrpc":"2.0","id":"a\u0062","result":{}}"#);
    }
}
