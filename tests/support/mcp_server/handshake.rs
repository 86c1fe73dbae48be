//! The handshake eras, 2025-03-26 to 2025-11-25: `initialize`, sessions, the GET stream, DELETE.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};

use super::{
    Shared,
    answers::{self, Era, Outcome},
    message::Message,
    wire,
};
use crate::random::random_text;

const SESSION: &str = "mcp-session-id";
const NEWEST: &str = "2025-11-25";
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", NEWEST];

pub(super) fn post(
    shared: &Shared,
    headers: &HeaderMap,
    message: &Message,
    user: Option<String>,
) -> Response {
    if message.method == "initialize" {
        return initialize(shared, message);
    }
    if let Err(status) = check_session(shared, headers) {
        let (lost, body) = shared.script().lost_session;
        return if status == StatusCode::NOT_FOUND {
            unknown(lost, body)
        } else {
            status.into_response()
        };
    }
    if message.method.is_empty() {
        // Nobody may wait for it any more.
        let _ = shared.answered.send(message.answer());
    }
    if message.id.is_none() || message.method.is_empty() {
        return StatusCode::ACCEPTED.into_response();
    }
    let outcome = answers::answer(shared, Era::Handshake, message, user);
    wire::respond(shared, message, outcome)
}

fn initialize(shared: &Shared, message: &Message) -> Response {
    let mut response = wire::respond(shared, message, initialized(message));
    if shared.script().sessions {
        let id = format!("session-{}", random_text());
        let value = HeaderValue::from_str(&id).expect("hexadecimal digits are a header value");
        response.headers_mut().insert(SESSION, value);
        shared.sessions().insert(id);
    }
    response
}

/// The answer to `initialize`.
pub(super) fn initialized(message: &Message) -> Outcome {
    let asked = message.params.protocol_version.as_deref().unwrap_or(NEWEST);
    let version = if VERSIONS.contains(&asked) { asked } else { NEWEST };
    let members = format!(
        r#""protocolVersion":"{version}","capabilities":{},"serverInfo":{},"instructions":"Be kind.","x-unknown":1"#,
        answers::CAPABILITIES,
        answers::SERVER_INFO,
    );
    Outcome::Result(format!("{{{members}}}"))
}

/// 400 without the session id that is needed, 404 for one that is not (any longer) known.
fn check_session(shared: &Shared, headers: &HeaderMap) -> Result<(), StatusCode> {
    if !shared.script().sessions {
        return Ok(());
    }
    let named = headers.get(SESSION).and_then(|value| value.to_str().ok());
    let named = named.ok_or(StatusCode::BAD_REQUEST)?;
    let known = shared.sessions().contains(named);
    if known { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
}

fn unknown(status: u16, body: &'static str) -> Response {
    let status = StatusCode::from_u16(status).expect("a script names a status");
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// `DELETE`: the client is done with its session.
pub(super) fn end_session(shared: &Shared, headers: &HeaderMap) -> Response {
    if let Err(status) = check_session(shared, headers) {
        return status.into_response();
    }
    if let Some(named) = headers.get(SESSION).and_then(|value| value.to_str().ok()) {
        shared.sessions().remove(named);
    }
    StatusCode::NO_CONTENT.into_response()
}

/// `GET`: a stream of what the test sends by `notify`.
pub(super) fn listen(shared: &Shared, headers: &HeaderMap) -> Response {
    if !shared.script().listens {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    if let Err(status) = check_session(shared, headers) {
        return status.into_response();
    }
    wire::notifications(shared, Bytes::from_static(b": listening\n\n"))
}
