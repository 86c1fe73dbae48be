//! Ways in which a scripted server fails to answer as it should.

use std::{io, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};

use crate::serving::Connection;

/// A failure, played instead of the proper answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An empty answer with this status.
    Status(u16),
    /// An answer of the test's own making: status, header fields, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// A page for people where a document for machines was asked for; 200.
    Html,
    /// No answer ever; the connection stays open.
    Hang,
    /// The connection is closed before the first byte of an answer.
    Reset,
    /// A 200 that promises a thousand bytes, sends ten and closes the connection.
    CloseMidBody,
    /// A 200 with this many bytes of JSON white space.
    Large(usize),
    /// A 200 whose body comes at one byte a second, for ever.
    Dribble,
    /// 302 to this address.
    Redirect(String),
}

impl Fault {
    /// A 503, 429 or the like with `Retry-After`.
    pub fn retry_after(status: u16, value: &str) -> Self {
        Self::Answer(status, vec![("retry-after", value.to_owned())], String::new())
    }

    /// An OAuth error answer (RFC 6749 §5.2) with any status.
    pub fn oauth_error(status: u16, error: &str) -> Self {
        let json = ("content-type", "application/json".to_owned());
        let body = serde_json::json!({"error": error, "error_description": "scripted"});
        Self::Answer(status, vec![json], body.to_string())
    }

    /// Plays the fault on the connection that the request came on.
    pub(crate) async fn play(&self, connection: &Connection) -> Response {
        match self {
            Self::Status(status) => answer(*status, &[], Body::empty()),
            Self::Answer(status, headers, body) => {
                answer(*status, headers, Body::from(body.clone()))
            }
            Self::Html => answer(200, &content_type("text/html"), Body::from(PAGE)),
            Self::Hang => std::future::pending().await,
            Self::Reset => connection.cut().await,
            Self::CloseMidBody => truncated(),
            Self::Large(bytes) => {
                answer(200, &content_type("application/json"), white_space(*bytes))
            }
            Self::Dribble => answer(200, &content_type("application/json"), dribble()),
            Self::Redirect(to) => answer(302, &[(LOCATION.as_str(), to.clone())], Body::empty()),
        }
    }
}

const PAGE: &str = "<!doctype html><title>Welcome</title><p>Please enable JavaScript.</p>";

fn content_type(value: &str) -> [(&'static str, String); 1] {
    [(CONTENT_TYPE.as_str(), value.to_owned())]
}

fn answer(status: u16, headers: &[(&'static str, String)], body: Body) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(body).expect("a test scripts only answers that HTTP can carry")
}

fn truncated() -> Response {
    let broken = stream::once(async {
        // The pause lets the server write out what it has before it meets the error.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::other("scripted end of the body"))
    });
    let begun = stream::iter([Ok(Bytes::from_static(b"{\"issuer\":"))]);
    let headers = [
        (CONTENT_TYPE.as_str(), "application/json".to_owned()),
        (CONTENT_LENGTH.as_str(), "1000".to_owned()),
    ];
    answer(200, &headers, Body::from_stream(begun.chain(broken)))
}

fn white_space(bytes: usize) -> Body {
    const PIECE: usize = 64 * 1024;
    let pieces = (0..bytes.div_ceil(PIECE)).map(move |piece| {
        let length = PIECE.min(bytes - piece * PIECE);
        Ok::<_, io::Error>(Bytes::from(vec![b' '; length]))
    });
    Body::from_stream(stream::iter(pieces))
}

fn dribble() -> Body {
    Body::from_stream(stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, io::Error>(Bytes::from_static(b" "))
    }))
}
