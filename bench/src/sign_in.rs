//! A user's sign-in, as a script makes it that stands for the host's page and the browser: the session
//! cookie, the launch, and the redirects to the authorization server and back.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, header, request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::{
    connection::host,
    keyway::{self, SLUG},
    load, rotation,
};

/// From the launch to the authorization server, to the callback, and to the page that tells the outcome.
const REDIRECTS: usize = 3;

/// Makes the user's connector to the door with refresh tokens, and signs them in to it.
///
/// # Errors
/// Where anything on the way is refused.
pub(crate) async fn sign_in(
    keyway: SocketAddr,
    upstream: SocketAddr,
    user: &str,
) -> anyhow::Result<()> {
    let headers = keyway::caller(Some(user))?;
    let connector = json!({"url": format!("http://{upstream}{}", rotation::path(user)),
        "slug": SLUG, "auth_type": "oauth", "oauth": {"client_id": user}});
    keyway::create_connector(keyway, &headers, connector).await?;
    let started = post(keyway, &headers, &format!("/api/v1/connectors/{SLUG}/oauth/start")).await?;
    let started: Value = serde_json::from_str(started.body())?;
    let launch = started["authorize_url"].as_str().context("there is nothing to open")?;
    let mut cookies = Cookies::default();
    cookies.keep(&post(keyway, &headers, "/api/v1/session-cookie").await?);
    let mut next = launch.to_owned();
    for _ in 0..REDIRECTS {
        let answer = cookies.open(&next).await?;
        let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        next = to
            .with_context(|| format!("{next}: {} {}", answer.status(), answer.body()))?
            .to_owned();
    }
    anyhow::ensure!(state(keyway, user).await? == "ready", "{user} could not be signed in");
    Ok(())
}

/// The state of the user's connector.
///
/// # Errors
/// Where Keyway does not tell it.
pub(crate) async fn state(keyway: SocketAddr, user: &str) -> anyhow::Result<String> {
    let headers = keyway::caller(Some(user))?;
    let shown = ask(keyway, Method::GET, &headers, &format!("/api/v1/connectors/{SLUG}")).await?;
    let shown: Value = serde_json::from_str(shown.body())?;
    Ok(shown["state"].as_str().context("it has no state")?.to_owned())
}

/// Asks Keyway's interface for something as the caller of these headers.
///
/// # Errors
/// Where it is refused.
pub(crate) async fn ask(
    keyway: SocketAddr,
    method: Method,
    headers: &HeaderMap,
    path: &str,
) -> anyhow::Result<Response<String>> {
    send(keyway, as_caller(keyway, method, headers, path), "").await
}

async fn post(
    keyway: SocketAddr,
    headers: &HeaderMap,
    path: &str,
) -> anyhow::Result<Response<String>> {
    send(keyway, as_caller(keyway, Method::POST, headers, path), "{}").await
}

fn as_caller(
    keyway: SocketAddr,
    method: Method,
    headers: &HeaderMap,
    path: &str,
) -> request::Builder {
    let mut request =
        Request::builder().method(method).uri(path).header(header::HOST, host(keyway));
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    request
}

async fn send(
    address: SocketAddr,
    request: request::Builder,
    body: &'static str,
) -> anyhow::Result<Response<String>> {
    let answer =
        load::exchange(address, request.body(Full::new(Bytes::from_static(body.as_bytes())))?)
            .await?;
    let (status, text) = (answer.status(), answer.body());
    anyhow::ensure!(status.is_success(), "{address} answered {status}: {text}");
    Ok(answer)
}

/// The browser's cookies, as the header has them.
#[derive(Default)]
struct Cookies(String);

impl Cookies {
    /// Keeps what an answer sets. None is ever taken back in a sign-in.
    fn keep(&mut self, answer: &Response<String>) {
        let set = answer.headers().get_all(header::SET_COOKIE).iter();
        for cookie in set.filter_map(|value| value.to_str().ok()?.split(';').next()) {
            if !self.0.is_empty() {
                self.0.push_str("; ");
            }
            self.0.push_str(cookie);
        }
    }

    /// Opens an address of loopback.
    async fn open(&mut self, url: &str) -> anyhow::Result<Response<String>> {
        let uri: Uri = url.parse()?;
        let port = uri.port_u16().with_context(|| format!("{url} is not on loopback"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::get(path)
            .header(header::HOST, authority)
            .header(header::COOKIE, &self.0)
            .body(Full::default())?;
        let answer = load::exchange(SocketAddr::from(([127, 0, 0, 1], port)), request).await?;
        self.keep(&answer);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_shown_without_what_was_said_of_them() {
        let set = |cookie| {
            let answer = Response::builder().header(header::SET_COOKIE, cookie);
            answer.body(String::new()).expect("it is an answer")
        };
        let mut cookies = Cookies::default();
        cookies.keep(&set("a=1; HttpOnly; Path=/"));
        cookies.keep(&set("b=2"));
        assert_eq!(cookies.0, "a=1; b=2");
    }
}
