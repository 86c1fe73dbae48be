//! A person's browser: a cookie jar, redirects followed one by one, and forms filled in as a person
//! would. It runs no scripts.

mod form;
mod jar;

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use crate::{
    api::{Answer, Api, Credentials},
    client::client,
};
use form::Form;
use jar::Jar;

/// More redirects than any sign-in has.
const MOST_REDIRECTS: usize = 12;

/// More pages with a form than any sign-in has.
const MOST_FORMS: usize = 5;

/// One browser with its own cookies. Another value is another browser.
pub struct Browser {
    client: reqwest::Client,
    jar: Mutex<Jar>,
    user: String,
}

/// What a browser shows after it followed all redirects.
#[derive(Debug)]
pub struct Page {
    /// The address it was found at.
    pub url: Url,
    /// The status of the last answer.
    pub status: StatusCode,
    /// The header fields of the last answer.
    pub headers: HeaderMap,
    /// The text.
    pub text: String,
    /// Every address on the way, the first one asked for first.
    pub trail: Vec<Url>,
}

impl Browser {
    /// A fresh browser of the person `user`, who types that name into sign-in pages.
    pub fn of(user: &str) -> Self {
        let client = client(Duration::from_secs(30));
        Self { client, jar: Mutex::default(), user: user.to_owned() }
    }

    /// Takes Keyway's session cookie for the JWT that `api` shows, as a host's page does for the user in
    /// front of it. Such a cookie proves who sits here.
    pub async fn hold_session(&self, api: &Api) {
        let answer = api.post("/api/v1/session-cookie", json!({})).await;
        self.keep_cookie(api, &answer).await;
    }

    /// Takes Keyway's session cookie for a session token that came in a link. Such a cookie proves nobody.
    pub async fn hold_session_of_link(&self, api: &Api) {
        let holder = api.with(Credentials::Bearer(self.session_token(api).await));
        let answer = holder.post("/api/v1/session-cookie", json!({})).await;
        self.keep_cookie(api, &answer).await;
    }

    /// Answers the hand-shake of a launch page with a session token that `api` opens for its user.
    pub async fn shake_hands(&self, launch: &str, api: &Api) -> Page {
        let token = self.session_token(api).await;
        let url = Url::parse(launch).expect("a browser goes to addresses that parse");
        self.travel(Method::POST, url, Some(format!("session_token={token}")), 0).await
    }

    async fn session_token(&self, api: &Api) -> String {
        let opened = api.post("/api/v1/sessions", json!({"user_id": self.user})).await;
        let token = opened.json()["token"].as_str().unwrap_or_default().to_owned();
        assert!(!token.is_empty(), "no session was opened: {}", opened.text());
        token
    }

    async fn keep_cookie(&self, api: &Api, answer: &Answer) {
        assert!(answer.status.is_success(), "no cookie was given: {}", answer.text());
        let origin = Url::parse(api.origin()).expect("an origin is an address");
        self.jar.lock().await.store(&origin, &answer.headers);
    }

    /// Goes to an address and follows all redirects.
    pub async fn open(&self, url: &str) -> Page {
        let url = Url::parse(url).expect("a browser goes to addresses that parse");
        self.travel(Method::GET, url, None, MOST_REDIRECTS).await
    }

    /// Goes to an address and follows none.
    pub async fn peek(&self, url: &str) -> Page {
        let url = Url::parse(url).expect("a browser goes to addresses that parse");
        self.travel(Method::GET, url, None, 0).await
    }

    /// Goes to `authorize_url`, signs in and allows whatever is asked, until no page asks any more.
    pub async fn sign_in(&self, authorize_url: &str) -> Page {
        self.decide(authorize_url, "allow").await
    }

    /// Goes to `authorize_url` and presses Deny.
    pub async fn deny(&self, authorize_url: &str) -> Page {
        self.decide(authorize_url, "deny").await
    }

    /// The sign-in up to the callback, which is not opened: its address is returned.
    pub async fn sign_in_up_to(&self, authorize_url: &str, stop: &str) -> Url {
        let mut page = self.peek(authorize_url).await;
        for _ in 0..MOST_REDIRECTS {
            if let Some(next) = page.location() {
                if next.path().starts_with(stop) {
                    return next;
                }
                page = self.travel(Method::GET, next, None, 0).await;
            } else {
                page = self.press(&page, "allow", 0).await;
            }
        }
        panic!("the sign-in never came to {stop}");
    }

    async fn decide(&self, url: &str, decision: &str) -> Page {
        let mut page = self.open(url).await;
        for _ in 0..MOST_FORMS {
            if Form::first_in(&page.text).is_none() {
                return page;
            }
            page = self.press(&page, decision, MOST_REDIRECTS).await;
        }
        panic!("the sign-in keeps asking; the last page was {}", page.url);
    }

    /// Fills in the page's form and presses the button with this value, or the only one.
    async fn press(&self, page: &Page, decision: &str, redirects: usize) -> Page {
        let form = Form::first_in(&page.text)
            .unwrap_or_else(|| panic!("no form at {}: {} {}", page.url, page.status, page.text));
        let action = page.url.join(&form.action).expect("a form's action is an address");
        let fields = form.filled(&self.user, decision);
        self.travel(Method::POST, action, Some(fields), redirects).await
    }

    async fn travel(
        &self,
        mut method: Method,
        mut url: Url,
        mut fields: Option<String>,
        redirects: usize,
    ) -> Page {
        let mut trail = Vec::new();
        loop {
            trail.push(url.clone());
            let response = self.send(method, &url, fields.take()).await;
            let mut page = read(url, response, trail).await;
            self.jar.lock().await.store(&page.url, &page.headers);
            match page.location() {
                Some(next) if page.trail.len() <= redirects => {
                    trail = std::mem::take(&mut page.trail);
                    url = next;
                    method = Method::GET;
                }
                _ => return page,
            }
        }
    }

    async fn send(&self, method: Method, url: &Url, fields: Option<String>) -> reqwest::Response {
        let mut request = self.client.request(method, url.clone());
        if let Some(cookies) = self.jar.lock().await.header_for(url) {
            request = request.header(header::COOKIE, cookies);
        }
        if let Some(fields) = fields {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, url.origin().ascii_serialization())
                .body(fields);
        }
        let sent = request.header(header::ACCEPT, "text/html").send().await;
        sent.unwrap_or_else(|error| panic!("{url} did not answer: {error}"))
    }
}

impl Page {
    /// Where a redirect leads; nothing if this is none.
    pub fn location(&self) -> Option<Url> {
        if !self.status.is_redirection() {
            return None;
        }
        let location = self.headers.get(header::LOCATION)?.to_str().ok()?;
        self.url.join(location).ok()
    }
}

async fn read(url: Url, response: reqwest::Response, trail: Vec<Url>) -> Page {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap_or_default();
    Page { url, status, headers, text, trail }
}
