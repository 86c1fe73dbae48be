//! How an answer goes to a client: as one JSON body where nothing comes before it, else as a stream of
//! events that ends with it.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::message::{self, Refusal};

/// A body on its way to a client.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;
/// An answer on its way to a client.
pub type Response = http::Response<Body>;

/// How often a stream that has nothing to say lets hear of itself.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What goes to a client.
pub(super) enum Out {
    /// A message before the answer.
    Message(String),
    /// The answer, and its status where nothing came before it.
    Last(StatusCode, String),
}

/// Where it goes.
pub(super) type Sink = mpsc::Sender<Out>;

/// A whole JSON body.
pub(super) fn json(status: StatusCode, text: String) -> Response {
    let mut response = http::Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Nothing but a status.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(Full::default().boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A refusal of a request.
pub(super) fn refused(id: Option<&RawValue>, refusal: &Refusal) -> Response {
    json(refusal.status, message::refusal(id, &refusal.error))
}

/// Whether the client takes events; one that says nothing takes everything.
pub(super) fn takes_events(headers: &HeaderMap) -> bool {
    accepts(headers, "text/event-stream")
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    let group = kind.split('/').next().unwrap_or_default();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        let all = range == "*/*" || range.strip_suffix("/*") == Some(group);
        all || range.eq_ignore_ascii_case(kind)
    })
}

/// Waits for what comes first, and answers in its way.
pub(super) async fn respond(mut from: mpsc::Receiver<Out>, headers: &HeaderMap) -> Response {
    let as_events = takes_events(headers);
    loop {
        match from.recv().await {
            Some(Out::Last(status, text)) if accepts(headers, "application/json") => {
                return json(status, text);
            }
            Some(first) if as_events => {
                return events(stream::once(async { first }).chain(rest(from)));
            }
            Some(Out::Last(status, text)) => return json(status, text),
            // A client that takes no events misses what comes before the answer.
            Some(Out::Message(_)) => {}
            None => return empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn rest(from: mpsc::Receiver<Out>) -> impl Stream<Item = Out> + Send {
    stream::unfold(from, |mut from| async { from.recv().await.map(|out| (out, from)) })
}

/// A stream of events, which ends with its source or after the answer.
pub(super) fn events(outs: impl Stream<Item = Out> + Send + 'static) -> Response {
    let outs = Some(Box::pin(outs));
    let chunks = stream::unfold(outs, |outs| async {
        let mut outs = outs?;
        Some(match tokio::time::timeout(KEEP_ALIVE, outs.next()).await {
            Ok(Some(Out::Message(text))) => (event(&text), Some(outs)),
            Ok(Some(Out::Last(_, text))) => (event(&text), None),
            Ok(None) => return None,
            Err(_) => (Bytes::from_static(b": still here\n\n"), Some(outs)),
        })
    });
    let frames = chunks.map(|chunk| Ok(Frame::data(chunk)));
    let mut response = http::Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// A message as an event; a line end inside its JSON is a line end between two lines of data.
fn event(text: &str) -> Bytes {
    let mut event = String::with_capacity(text.len() + 32);
    event.push_str("event: message\n");
    for line in text.split(['\n', '\r']) {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())])
    }

    #[test]
    fn what_a_client_takes_is_read_from_its_ranges() {
        for (accept, takes) in [
            ("application/json, text/event-stream", true),
            ("text/*;q=0.5", true),
            ("*/*", true),
            ("Text/Event-Stream", true),
            ("application/json", false),
        ] {
            assert_eq!(takes_events(&headers(accept)), takes, "{accept}");
        }
        assert!(takes_events(&HeaderMap::new()));
    }

    #[test]
    fn a_line_end_inside_a_message_does_not_end_the_event() {
        assert_eq!(event("{\n1\r}"), "event: message\ndata: {\ndata: 1\ndata: }\n\n");
    }

    #[tokio::test]
    async fn an_answer_without_anything_before_it_is_one_body() {
        let (to, from) = mpsc::channel(4);
        to.send(Out::Last(StatusCode::OK, "{}".into())).await.unwrap();
        let response = respond(from, &headers("application/json, text/event-stream")).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }

    #[tokio::test]
    async fn what_comes_before_the_answer_makes_it_a_stream_that_ends_with_it() {
        let (to, from) = mpsc::channel(4);
        to.send(Out::Message("1".into())).await.unwrap();
        to.send(Out::Last(StatusCode::OK, "2".into())).await.unwrap();
        let response = respond(from, &headers("*/*")).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "event: message\ndata: 1\n\nevent: message\ndata: 2\n\n");
        drop(to);
    }
}
