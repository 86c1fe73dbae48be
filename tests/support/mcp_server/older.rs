//! HTTP with SSE, the transport of 2024-11-05: a GET opens the stream on which everything comes, and
//! messages are posted to the address that its first event names.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Body,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::{
    Shared,
    answers::{self, Era, Outcome},
    handshake,
    message::Message,
    protection, tools, wire,
};
use crate::random::random_text;

/// Where messages are posted to.
pub(super) const MESSAGES: &str = "/messages";

const QUESTION: &str = r#"{"jsonrpc":"2.0","id":"who","method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}"#;

/// The open streams, by name.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<String, Stream>>);

struct Stream {
    events: UnboundedSender<Bytes>,
    /// The call that waits for the answer to a question.
    asking: Option<Message>,
}

impl Streams {
    /// How many clients still read theirs.
    pub(super) fn open(&self) -> usize {
        self.lock().values().filter(|stream| !stream.events.is_closed()).count()
    }

    /// Ends every stream.
    pub(super) fn end(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET`: opens a stream.
pub(super) fn open(shared: &Shared) -> Response {
    let (events, received) = mpsc::unbounded_channel();
    let name = random_text();
    let (origin, script) = (&shared.origin, shared.script());
    let first = script
        .first_event
        .clone()
        .unwrap_or_else(|| format!("event: endpoint\ndata: {origin}{MESSAGES}?stream={name}\n\n"));
    // The receiver is right here.
    let _ = events.send(first.into());
    shared.streams.lock().insert(name, Stream { events, asking: None });
    let next = |mut received: UnboundedReceiver<Bytes>| async {
        received.recv().await.map(|event| (Ok::<_, Infallible>(event), received))
    };
    let body = Body::from_stream(stream::unfold(received, next));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// `POST`: 202 where the stream is known; what there is to say comes there.
pub(super) async fn post(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message = Message::parse(&body);
    let user = match protection::admit(&shared, &Method::POST, &headers, &message) {
        Ok(user) => user,
        Err(refusal) => return *refusal,
    };
    let name = query.get("stream").map(String::as_str).unwrap_or_default();
    let mut streams = shared.streams.lock();
    let Some(stream) = streams.get_mut(name) else { return StatusCode::NOT_FOUND.into_response() };
    let said = match (message.method.as_str(), message.params.name.as_deref()) {
        ("tools/call", Some("leave")) => {
            streams.remove(name);
            return StatusCode::ACCEPTED.into_response();
        }
        ("tools/call", Some("ask")) => {
            stream.asking = Some(message);
            Some(QUESTION.to_owned())
        }
        ("", _) => stream.asking.take().map(|call| answered(&call, &body)),
        ("initialize", _) => Some(wire::text(&message, handshake::initialized(&message)).1),
        _ if message.id.is_none() => None,
        _ => {
            let outcome = answers::answer(&shared, Era::Handshake, &message, user);
            Some(wire::text(&message, outcome).1)
        }
    };
    if let Some(said) = said {
        // A client that has gone hears nothing.
        let _ = stream.events.send(wire::event(&said));
    }
    StatusCode::ACCEPTED.into_response()
}

/// The result of `ask`: what the client answered, as text.
fn answered(call: &Message, body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let members = tools::text_result(&answer["result"].to_string());
    wire::text(call, Outcome::Result(format!("{{{members}}}"))).1
}
