//! JSON-RPC messages as raw values: what is looked at is looked at in place, the rest is kept as it is.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A message as it came, with only its envelope read.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// A JSON-RPC error object, raw beside its code.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RpcError {
    /// The error's code.
    pub code: i64,
    /// The server's own words; foreign text.
    #[serde(default)]
    pub message: String,
    /// Whatever the server added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

/// How a server answered a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With a result, byte for byte.
    Result(Box<RawValue>),
    /// With an error object.
    Error(RpcError),
}

#[derive(Serialize)]
struct Outgoing<'a, P: Serialize> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<P>,
}

/// The bytes of a request, or of a notification where there is no id.
pub(super) fn outgoing(
    id: Option<u64>,
    method: &str,
    params: Option<impl Serialize>,
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Outgoing { jsonrpc: "2.0", id, method, params })
}

/// What a message means to somebody who waits for the answer to `id`.
pub(super) enum Incoming {
    /// The answer.
    Answer(Reply),
    /// A request of the server's, which wants an answer of its own.
    Request {
        /// Its id, raw.
        id: String,
        /// Its method.
        method: String,
        /// Its parameters, raw.
        params: Box<RawValue>,
    },
    /// Something the server tells.
    Notification {
        /// Its method.
        method: String,
        /// Its parameters, raw.
        params: Option<Box<RawValue>>,
    },
    /// Somebody else's answer.
    Other,
}

/// Reads a message's envelope; `None` where it is not a JSON-RPC message.
pub(super) fn incoming(text: &[u8], id: u64) -> Option<Incoming> {
    let envelope: Envelope<'_> = serde_json::from_slice(text).ok()?;
    if let Some(method) = envelope.method {
        return Some(match envelope.id {
            Some(id) => Incoming::Request {
                id: id.get().to_owned(),
                method: method.into_owned(),
                params: envelope.params.map_or_else(nothing, ToOwned::to_owned),
            },
            None => Incoming::Notification {
                method: method.into_owned(),
                params: envelope.params.map(ToOwned::to_owned),
            },
        });
    }
    let ours = envelope.id.is_some_and(|answered| answered.get() == id.to_string());
    let unaddressed = envelope.id.is_none_or(|answered| answered.get() == "null");
    if let Some(error) = envelope.error.filter(|_| ours || unaddressed) {
        return serde_json::from_str(error.get())
            .ok()
            .map(|error| Incoming::Answer(Reply::Error(error)));
    }
    match envelope.result {
        Some(result) if ours => Some(Incoming::Answer(Reply::Result(result.to_owned()))),
        Some(_) => Some(Incoming::Other),
        None => None,
    }
}

/// Whom a message is for, where several wait on one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addressee {
    /// Who waits for the answer to this request.
    Waiting(u64),
    /// It is an error that does not say what it answers.
    Anybody,
    /// Who can answer a question.
    Asked,
    /// All: it is a notification.
    Everybody,
}

/// Reads whom a message is for; `None` where it is for nobody here, or no JSON-RPC message.
pub(super) fn addressee(text: &[u8]) -> Option<Addressee> {
    let envelope: Envelope<'_> = serde_json::from_slice(text).ok()?;
    match (envelope.method, envelope.id) {
        (Some(_), Some(_)) => Some(Addressee::Asked),
        (Some(_), None) => Some(Addressee::Everybody),
        (None, Some(id)) if id.get() != "null" => id.get().parse().ok().map(Addressee::Waiting),
        (None, _) => envelope.error.map(|_| Addressee::Anybody),
    }
}

fn nothing() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_kept_byte_for_byte() {
        let text =
            br#"{"jsonrpc":"2.0","id":7,"result":{"b":1,"a":12345678901234567890123,"x":{}}}"#;
        let Some(Incoming::Answer(Reply::Result(raw))) = incoming(text, 7) else { panic!() };
        assert_eq!(raw.get(), r#"{"b":1,"a":12345678901234567890123,"x":{}}"#);
    }

    #[test]
    fn somebody_elses_answer_is_not_ours() {
        let text = br#"{"jsonrpc":"2.0","id":8,"result":{}}"#;
        assert!(matches!(incoming(text, 7), Some(Incoming::Other)));
    }

    #[test]
    fn an_error_without_an_id_answers_the_request_it_came_for() {
        let text = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}"#;
        let Some(Incoming::Answer(Reply::Error(error))) = incoming(text, 7) else { panic!() };
        assert_eq!(error.code, -32600);
    }

    #[test]
    fn what_is_no_message_is_told() {
        assert!(incoming(b"<html>", 1).is_none());
        assert!(incoming(b"{}", 1).is_none());
    }
}
