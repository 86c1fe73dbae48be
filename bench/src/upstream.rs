//! The server that is called: answers at once, so that what is measured is the way there. It counts the
//! requests it took, and refuses one without its key.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use http::HeaderValue;

use crate::{
    call::{self, Call, Tool},
    grants, rotation, server,
};

/// How long a stream stays open after its only event.
const STREAM_END: Duration = Duration::from_millis(2);

const PIECE: &[u8] = &[b'x'; 64 * 1024];

/// Where the number of requests is told.
pub(crate) const COUNT_PATH: &str = "/count";

/// How many requests there were.
pub(crate) type Count = Arc<AtomicU64>;

/// The server's routes.
pub(crate) fn router() -> Router {
    let requests = Count::default();
    Router::new()
        .route(call::PATH, post(answer).fallback(refuse))
        .route(call::OPEN_PATH, post(answer_anybody).fallback(refuse))
        .route(COUNT_PATH, get(count))
        .with_state(requests.clone())
        .merge(grants::router(requests))
        .merge(rotation::router())
}

async fn count(State(count): State<Count>) -> String {
    count.load(Ordering::Relaxed).to_string()
}

async fn answer(State(count): State<Count>, headers: HeaderMap, body: Bytes) -> Response {
    count.fetch_add(1, Ordering::Relaxed);
    if headers.get(call::KEY_HEADER).is_none_or(|key| key != call::KEY) {
        return (StatusCode::UNAUTHORIZED, "the key is missing").into_response();
    }
    answer_to(&body)
}

async fn answer_anybody(State(count): State<Count>, body: Bytes) -> Response {
    count.fetch_add(1, Ordering::Relaxed);
    answer_to(&body)
}

/// Refuses what is no POST, such as the GET of a client that would hear: the server tells nothing unasked.
async fn refuse(State(count): State<Count>) -> StatusCode {
    count.fetch_add(1, Ordering::Relaxed);
    StatusCode::METHOD_NOT_ALLOWED
}

/// Answers a message that has shown what it must.
pub(crate) fn answer_to(body: &[u8]) -> Response {
    let Ok(Call { id, params }) = serde_json::from_slice::<Call>(body) else {
        return server::answer_to(body);
    };
    let text = &params.arguments.text;
    match params.name {
        Tool::Echo => typed("application/json", call::answer(id, text).to_string()),
        Tool::Stream => typed("text/event-stream", events(id, text)),
        Tool::Parts => typed("text/event-stream", parts(id, text)),
        Tool::Large => typed("application/json", large(id)),
    }
}

fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn events(id: u64, text: &str) -> Body {
    let event = Bytes::from(format!("event: message\ndata: {}\n\n", call::answer(id, text)));
    let end = stream::once(async {
        tokio::time::sleep(STREAM_END).await;
        Ok(Bytes::new())
    });
    Body::from_stream(stream::once(async { Ok::<_, Infallible>(event) }).chain(end))
}

/// The event in two writes, the second as soon as the first is with the kernel.
fn parts(id: u64, text: &str) -> Body {
    let end = Bytes::from(format!("data: {}\n\n", call::answer(id, text)));
    let end = stream::once(async move {
        tokio::task::yield_now().await;
        Ok(end)
    });
    let begin =
        stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"event: message\n")) });
    Body::from_stream(begin.chain(end))
}

fn large(id: u64) -> Body {
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"text":""#);
    let pieces = std::iter::repeat_n(Bytes::from_static(PIECE), call::LARGE / PIECE.len());
    let whole =
        std::iter::once(Bytes::from(head)).chain(pieces).chain([Bytes::from_static(b"\"}}")]);
    Body::from_stream(stream::iter(whole.map(Ok::<_, Infallible>)))
}
