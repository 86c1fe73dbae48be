//! The bodies of answers as they stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use keyway_oauth::http::SendError;

use super::{exchange::Streamed, failure::no_answer};

/// A streamed response body: a server's, changed on its way or not, or one of Keyway's own.
#[derive(Debug)]
pub struct Body(Source);

#[derive(Debug)]
enum Source {
    Server(Streamed),
    Shared(Incoming),
    Own(Full<Bytes>),
    Changed(UnsyncBoxBody<Bytes, hyper::Error>),
}

impl Body {
    /// Another body that is changed on its way.
    pub fn wrap<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        Self(Source::Changed(body.boxed_unsync()))
    }
}

impl From<Streamed> for Body {
    fn from(body: Streamed) -> Self {
        Self(Source::Server(body))
    }
}

impl From<Incoming> for Body {
    fn from(body: Incoming) -> Self {
        Self(Source::Shared(body))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(Source::Own(Full::from(text)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.get_mut().0 {
            Source::Server(body) => body.poll_frame(cx),
            Source::Shared(body) => Pin::new(body).poll_frame(cx),
            Source::Changed(body) => Pin::new(body).poll_frame(cx),
            Source::Own(body) => {
                Pin::new(body).poll_frame(cx).map_err(|infallible| match infallible {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Server(body) => body.is_end_stream(),
            Source::Shared(body) => body.is_end_stream(),
            Source::Own(body) => body.is_end_stream(),
            Source::Changed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Server(body) => body.size_hint(),
            Source::Shared(body) => body.size_hint(),
            Source::Own(body) => body.size_hint(),
            Source::Changed(body) => body.size_hint(),
        }
    }
}

/// Reads a body to its end, or to the limit.
pub async fn read_body(mut body: Body, limit: usize) -> Result<Bytes, SendError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|error| no_answer(&error))?.into_data() else { continue };
        if whole.len() + chunk.len() > limit {
            return Err(SendError::TooLarge(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}
