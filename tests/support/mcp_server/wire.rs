//! Putting an outcome on the wire: JSON, one event, or several.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{StatusCode, header::CONTENT_TYPE};
use tokio::sync::broadcast::error::RecvError;

use super::{Answers, Shared, answers::Outcome, message::Message};
use crate::gate::Gate;

/// The answer in the form the script asks for.
pub(super) fn respond(shared: &Shared, message: &Message, outcome: Outcome) -> Response {
    if let Outcome::Slow { result, steps, token } = outcome {
        let last = envelope(message, &format!(r#""result":{result}"#));
        return slow(shared.call_gate.clone(), steps, &token, last);
    }
    if let Outcome::Asks(question) = outcome {
        return asking(shared, message, &question);
    }
    let before = shared.script().before.get(&message.method).cloned().unwrap_or_default();
    if !before.is_empty() {
        let (_, last) = text(message, outcome);
        let all = before.iter().chain([&last]).map(|text| event(text)).collect::<Vec<_>>();
        return stream_of(stream::iter(all));
    }
    let streamed = shared.script().answers == Answers::Sse;
    if streamed && matches!(outcome, Outcome::Result(_)) {
        let (_, text) = text(message, outcome);
        return ([(CONTENT_TYPE, "text/event-stream")], event(&text)).into_response();
    }
    plain(message, outcome)
}

fn stream_of(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(events.map(Ok::<_, std::io::Error>));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// A stream that begins so and goes on with what the test sends by `notify`.
pub(super) fn notifications(shared: &Shared, begin: Bytes) -> Response {
    let notifications = shared.notifications.subscribe();
    let events = stream::unfold(notifications, |mut notifications| async {
        loop {
            match notifications.recv().await {
                Ok(text) => return Some((event(&text), notifications)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    stream_of(stream::once(async { begin }).chain(events))
}

/// A question as an event, and then a result that says how it was answered.
fn asking(shared: &Shared, message: &Message, question: &str) -> Response {
    let mut answered = shared.answered.subscribe();
    let first = event(&format!(r#"{{"jsonrpc":"2.0","id":"question-1",{question}}}"#));
    let id = message.id().to_owned();
    let last = async move {
        let answer = answered.recv().await.unwrap_or_default();
        let result = super::tools::text_result(&answer);
        event(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{result}}}}}"#))
    };
    stream_of(stream::once(async { first }).chain(stream::once(last)))
}

/// The answer as `application/json`.
pub(super) fn plain(message: &Message, outcome: Outcome) -> Response {
    let (status, text) = text(message, outcome);
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}

/// One event with the message as its data.
pub(super) fn event(message: &str) -> Bytes {
    Bytes::from(format!("event: message\ndata: {message}\n\n"))
}

/// The status and the message of an answer.
pub(super) fn text(message: &Message, outcome: Outcome) -> (StatusCode, String) {
    match outcome {
        Outcome::Result(result) | Outcome::Slow { result, .. } => {
            (StatusCode::OK, envelope(message, &format!(r#""result":{result}"#)))
        }
        Outcome::Scripted(member) => (StatusCode::OK, envelope(message, &member)),
        Outcome::Asks(question) => (StatusCode::OK, question),
        Outcome::Error { status, code, message: words, data } => {
            let data = data.map_or_else(String::new, |data| format!(r#","data":{data}"#));
            let error = format!(r#""error":{{"code":{code},"message":"{words}"{data}}}"#);
            (error_status(message, status, code), envelope(message, &error))
        }
    }
}

/// The handshake eras answer errors of a method with 200; 2026-07-28 with a status of their own.
fn error_status(message: &Message, status: u16, code: i64) -> StatusCode {
    let modern = code <= -32020 && code > -32100 || message.meta("protocolVersion").is_string();
    let status = if modern { status } else { 200 };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn envelope(message: &Message, member: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},{member}}}"#, message.id())
}

/// `steps` progress events, each at once; after the first one the gate may hold the rest back.
fn slow(gate: Gate, steps: u64, token: &str, last: String) -> Response {
    let token = token.to_owned();
    let progress = stream::iter(1..=steps).then(move |step| {
        let (gate, token) = (gate.clone(), token.clone());
        async move {
            if step > 1 {
                gate.pass().await;
            }
            let params =
                format!(r#"{{"progressToken":{token},"progress":{step},"total":{steps}}}"#);
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#
            );
            Ok::<_, std::io::Error>(event(&text))
        }
    });
    let end = stream::once(async move { Ok(event(&last)) });
    let body = Body::from_stream(progress.chain(end));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}
