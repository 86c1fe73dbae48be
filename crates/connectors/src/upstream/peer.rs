//! Who is behind a request while a server works on it: hears what the server tells meanwhile, and answers
//! what it asks.

use futures_util::future::{BoxFuture, FutureExt, pending, ready};
use serde_json::{Value, value::RawValue};

use super::{Capabilities, Elicitation, RpcError, raw};

/// The error code of a method that somebody does not know (JSON-RPC 2.0 §5.1).
const METHOD_NOT_FOUND: i64 = -32601;

/// An answer to a question of the server's.
pub type Answered = Result<Box<RawValue>, RpcError>;

/// Who is behind a request.
pub trait Peer: Send + Sync {
    /// What it lets itself be asked for.
    fn capabilities(&self) -> Capabilities;

    /// Hears a notification that came while the server worked.
    fn notified(&self, method: &str, params: Option<&RawValue>);

    /// Answers a question.
    fn asked<'a>(&'a self, method: &'a str, params: &'a RawValue) -> BoxFuture<'a, Answered>;

    /// From which level on it wants to hear the server's log (RFC 5424 levels); `None` where it said
    /// nothing.
    fn log_level(&self) -> Option<String> {
        None
    }

    /// Learns that the server is listened to from now on, or that it cannot be.
    fn listening(&self) {}

    /// Whether the questions of the server must not be missed, so that it is listened to before it begins.
    fn listens_first(&self) -> bool {
        false
    }

    /// Ends when nobody waits for the answer any more.
    fn gone(&self) -> BoxFuture<'_, ()> {
        pending().boxed()
    }
}

/// The answer to what nobody here can do.
pub fn method_not_found() -> RpcError {
    RpcError { code: METHOD_NOT_FOUND, message: "method not found".to_owned(), data: None }
}

/// Nobody: questions are answered by the operator's decision.
pub struct Nobody(pub Elicitation);

impl Peer for Nobody {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FORMS
    }

    fn notified(&self, _method: &str, _params: Option<&RawValue>) {}

    fn asked<'a>(&'a self, method: &'a str, params: &'a RawValue) -> BoxFuture<'a, Answered> {
        let answer = match method {
            "elicitation/create" => Ok(self.0.answer(params.get())),
            _ => Err(method_not_found()),
        };
        ready(answer.and_then(|value: Value| raw(&value).map_err(|_| method_not_found()))).boxed()
    }

    /// Servers drop a question for which no stream is open when it comes up. Where all that is said to
    /// it is no, that does not matter, and a call that is quick costs no second request.
    fn listens_first(&self) -> bool {
        self.0 == Elicitation::AcceptDefaults
    }
}
