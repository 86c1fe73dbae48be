//! A scripted HTTP client: answers by address, and remembers what was asked.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};

use crate::http::{HttpClient, Limits, SendError};

/// What is known by address; everything else is 404 with an HTML page.
#[derive(Default)]
pub(crate) struct Script {
    answers: HashMap<String, Result<Response<Bytes>, SendError>>,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn json(self, url: &str, status: u16, body: &str) -> Self {
        self.response(url, status, &[("content-type", "application/json")], body)
    }

    pub(crate) fn redirect(self, url: &str, location: &str) -> Self {
        self.response(url, 302, &[("location", location)], "")
    }

    pub(crate) fn response(
        mut self,
        url: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Self {
        self.answers.insert(url.to_owned(), Ok(response(status, headers, body)));
        self
    }

    pub(crate) fn fail(mut self, url: &str, error: SendError) -> Self {
        self.answers.insert(url.to_owned(), Err(error));
        self
    }

    /// The addresses that were asked, in order.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.seen().iter().map(|request| request.uri().to_string()).collect()
    }

    /// The only request there was.
    pub(crate) fn only_request(&self) -> Request<Bytes> {
        let [request] = <[_; 1]>::try_from(self.seen()).expect("exactly one request");
        request
    }

    pub(crate) fn seen(&self) -> Vec<Request<Bytes>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpClient for Script {
    async fn send(
        &self,
        request: Request<Bytes>,
        _limits: Limits,
    ) -> Result<Response<Bytes>, SendError> {
        let url = request.uri().to_string();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let missing = || Ok(response(404, &[("content-type", "text/html")], "<h1>not found</h1>"));
        self.answers.get(&url).cloned().unwrap_or_else(missing)
    }
}

/// A response with this status, these headers and this body.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    for (name, value) in headers {
        let name = header::HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        response.headers_mut().insert(name, value.parse().expect("a header value"));
    }
    response
}

/// The fields of a form body, in order.
pub(crate) fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.body())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}
