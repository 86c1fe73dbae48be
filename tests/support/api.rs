//! A host's backend: a thin client of Keyway's REST routes and MCP doors.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::{client::client, mcp_client::McpClient};

/// What a caller shows at the door.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing, as in `single_user`.
    None,
    /// `Authorization: Bearer` with a JWT, session token or personal token.
    Bearer(String),
    /// A service key, and the user it speaks for.
    ServiceKey {
        /// `kwsk_…`.
        key: String,
        /// `Keyway-User`.
        user: String,
    },
    /// The session cookie, with the `Origin` of Keyway's own page.
    Cookie(String),
}

/// A caller of one Keyway. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    origin: String,
    credentials: Credentials,
}

/// What came back, byte for byte.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.expect("the body came to its end");
        Self { status, headers, body }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Status and `code` of a problem document, for one assertion.
    pub fn problem(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }

    /// A header field as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }
}

impl Api {
    /// A caller of the Keyway at `origin`.
    pub fn new(origin: &str, credentials: Credentials) -> Self {
        let client = client(Duration::from_secs(60));
        Self { client, origin: origin.to_owned(), credentials }
    }

    /// The same caller with other credentials.
    #[must_use]
    pub fn with(&self, credentials: Credentials) -> Self {
        Self { credentials, ..self.clone() }
    }

    /// The same caller at Keyway's own page: the session cookie that the credentials give.
    pub async fn at_own_page(&self) -> Self {
        let answer = self.post("/api/v1/session-cookie", json!({})).await;
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie was given: {}", answer.text()));
        self.with(Credentials::Cookie(cookie.to_owned()))
    }

    /// What is shown at the door.
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// The public origin of this Keyway.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A request with the credentials, to be sent by the test.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        match &self.credentials {
            Credentials::None => request,
            Credentials::Bearer(token) => request.bearer_auth(token),
            Credentials::ServiceKey { key, user } => {
                request.bearer_auth(key).header("keyway-user", user)
            }
            Credentials::Cookie(cookie) => {
                request.header("cookie", cookie).header("origin", &self.origin)
            }
        }
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("keyway answers")).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// `POST` with JSON text as it is, for numbers that no value holds.
    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        self.send(request.body(body.to_owned())).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Tries to create a connector.
    pub async fn create(&self, connector: Value) -> Answer {
        self.post("/api/v1/connectors", connector).await
    }

    /// Creates a connector with a slug, of type `oauth`, without a probe.
    pub async fn create_oauth(&self, slug: &str, url: &str) -> Value {
        let connector = json!({"url": url, "slug": slug, "auth_type": "oauth"});
        self.create(connector).await.expect(201)
    }

    /// The connector as it stands.
    pub async fn connector(&self, key: &str) -> Value {
        self.get(&format!("/api/v1/connectors/{key}")).await.expect(200)
    }

    /// Tries to start a sign-in.
    pub async fn start(&self, key: &str, options: Value) -> Answer {
        self.post(&format!("/api/v1/connectors/{key}/oauth/start"), options).await
    }

    /// Starts a sign-in: the launch address and the authorization session's id.
    pub async fn start_sign_in(&self, key: &str) -> (String, String) {
        let started = self.start(key, json!({})).await.expect(200);
        let text = |name: &str| started[name].as_str().unwrap_or_default().to_owned();
        (text("authorize_url"), text("authorization_session_id"))
    }

    /// How a sign-in went.
    pub async fn session(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/authorization-sessions/{id}")).await.expect(200)
    }

    /// Calls a tool over REST.
    pub async fn call(&self, connector: &str, tool: &str, arguments: Value) -> Answer {
        let call = json!({"connector": connector, "tool": tool, "arguments": arguments});
        self.post("/api/v1/tools/call", call).await
    }

    /// An MCP client at `/mcp/{connector}`, or at `/mcp` for `""`.
    pub fn mcp(&self, connector: &str) -> McpClient {
        let path =
            if connector.is_empty() { "/mcp".to_owned() } else { format!("/mcp/{connector}") };
        McpClient::new(self.clone(), path)
    }
}
