//! The one way in which this crate talks to the network: a client that is handed in, with bounds, and
//! the rules for redirects: discovery follows a few within one origin, a POST never any.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use thiserror::Error;
use url::Url;

use crate::{client_auth::AuthenticatedForm, endpoint};

/// Bounds of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest the whole exchange may take.
    pub time: Duration,
    /// The largest body, in bytes after any content coding.
    pub body: usize,
}

impl Limits {
    /// For one document of discovery: 10 s, 256 KiB.
    pub const DISCOVERY: Self = Self { time: Duration::from_secs(10), body: 256 * 1024 };
    /// For a request to a token, registration or revocation endpoint: 10 s, 128 KiB.
    pub const ENDPOINT: Self = Self { time: Duration::from_secs(10), body: 128 * 1024 };
}

/// Sends one HTTP request and reads the whole answer.
///
/// An implementation follows no redirect, adds no credential, admits the address (every hop comes here
/// as a request of its own), and keeps within the limits.
pub trait HttpClient: Send + Sync {
    /// Sends the request.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> impl Future<Output = Result<http::Response<Bytes>, SendError>> + Send;
}

/// Why there is no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// The egress policy does not admit the address; nothing was sent.
    #[error("{0}")]
    Blocked(String),
    /// No connection was made; nothing was sent.
    #[error("the server could not be reached: {0}")]
    Unreachable(String),
    /// The time ran out, or the connection broke, after the request may have been sent.
    #[error("the server did not answer: {0}")]
    NoAnswer(String),
    /// The answer is larger than the limit.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// How many redirects a GET follows.
const MOST_REDIRECTS: usize = 3;

/// What came of a GET.
pub(crate) struct Fetched {
    /// The redirects that were followed: the address that sent each, and its status.
    pub redirects: Vec<(String, u16)>,
    /// The address that gave the result.
    pub url: String,
    /// The answer; a redirect that may not be followed is an answer like any other.
    pub result: Result<Response<Bytes>, SendError>,
}

/// GETs a JSON document. Follows at most three redirects, each within the origin it came from.
pub(crate) async fn get(
    http: &impl HttpClient,
    url: &str,
    headers: &[(HeaderName, HeaderValue)],
) -> Fetched {
    let mut fetched = Fetched { redirects: Vec::new(), url: url.to_owned(), result: unusable() };
    let Some(mut address) = endpoint::parse(url) else { return fetched };
    loop {
        fetched.result = send(http, get_request(&address, headers), Limits::DISCOVERY).await;
        let Ok(response) = &fetched.result else { return fetched };
        let status = response.status().as_u16();
        let target = redirect_target(&address, response);
        let Some(target) = target.filter(|_| fetched.redirects.len() < MOST_REDIRECTS) else {
            return fetched;
        };
        let from = std::mem::replace(&mut fetched.url, target.to_string());
        fetched.redirects.push((from, status));
        address = target;
    }
}

/// POSTs to an endpoint of an authorization server. Follows no redirect.
pub(crate) async fn post(
    http: &impl HttpClient,
    endpoint: &str,
    headers: HeaderMap,
    content_type: &'static str,
    body: String,
) -> Result<Response<Bytes>, SendError> {
    let Some(address) = endpoint::parse(endpoint) else { return unusable() };
    let mut request = Request::post(address.as_str()).body(Bytes::from(body));
    if let Ok(request) = &mut request {
        *request.headers_mut() = headers;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::ACCEPT, json);
        let content_type = HeaderValue::from_static(content_type);
        request.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    send(http, request, Limits::ENDPOINT).await
}

/// POSTs a form with the client's authentication. Follows no redirect.
pub(crate) async fn post_form(
    http: &impl HttpClient,
    endpoint: &str,
    form: AuthenticatedForm,
) -> Result<Response<Bytes>, SendError> {
    let content_type = "application/x-www-form-urlencoded";
    post(http, endpoint, form.headers, content_type, form.body).await
}

fn get_request(
    address: &Url,
    headers: &[(HeaderName, HeaderValue)],
) -> http::Result<Request<Bytes>> {
    let mut request = Request::get(address.as_str()).header(header::ACCEPT, "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Bytes::new())
}

async fn send(
    http: &impl HttpClient,
    request: http::Result<Request<Bytes>>,
    limits: Limits,
) -> Result<Response<Bytes>, SendError> {
    let Ok(request) = request else { return unusable() };
    let response = http.send(request, limits).await?;
    if response.body().len() > limits.body {
        return Err(SendError::TooLarge(limits.body));
    }
    Ok(response)
}

fn unusable<T>() -> Result<T, SendError> {
    Err(SendError::Blocked("the address is not a plain http or https address".to_owned()))
}

fn redirect_target(from: &Url, response: &Response<Bytes>) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let target = endpoint::parse(from.join(location).ok()?.as_str())?;
    endpoint::same_origin(from, &target).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;

    async fn get_from(script: &Script) -> Fetched {
        get(script, "https://h.example/a", &[]).await
    }

    #[tokio::test]
    async fn redirects_within_the_origin_are_followed() {
        let script = Script::new()
            .redirect("https://h.example/a", "/b")
            .redirect("https://h.example/b", "https://h.example/c")
            .json("https://h.example/c", 200, "{}");
        let fetched = get_from(&script).await;
        assert_eq!(fetched.url, "https://h.example/c");
        assert_eq!(fetched.redirects.len(), 2);
        assert!(fetched.result.is_ok_and(|response| response.status() == 200));
    }

    #[tokio::test]
    async fn a_redirect_to_another_origin_is_not_followed() {
        for target in ["https://evil.example/a", "http://h.example/a", "https://h.example:1/"] {
            let script = Script::new().redirect("https://h.example/a", target);
            let fetched = get_from(&script).await;
            assert!(fetched.result.is_ok_and(|response| response.status() == 302), "{target}");
            assert_eq!(script.urls(), ["https://h.example/a"]);
        }
    }

    #[tokio::test]
    async fn the_fourth_redirect_is_not_followed() {
        let script = Script::new().redirect("https://h.example/a", "/a");
        let fetched = get_from(&script).await;
        assert!(fetched.result.is_ok_and(|response| response.status() == 302));
        assert_eq!(script.urls().len(), MOST_REDIRECTS + 1);
    }

    #[tokio::test]
    async fn a_post_is_not_redirected() {
        let script = Script::new().redirect("https://h.example/a", "/b");
        let answer =
            post(&script, "https://h.example/a", HeaderMap::new(), "text/plain", String::new());
        assert!(answer.await.is_ok_and(|response| response.status() == 302));
        assert_eq!(script.urls(), ["https://h.example/a"]);
    }

    #[tokio::test]
    async fn an_answer_beyond_the_limit_is_refused_whatever_the_client_let_through() {
        let large = "x".repeat(Limits::DISCOVERY.body + 1);
        let script = Script::new().json("https://h.example/a", 200, &large);
        let fetched = get_from(&script).await;
        assert_eq!(fetched.result.err(), Some(SendError::TooLarge(Limits::DISCOVERY.body)));
    }
}
