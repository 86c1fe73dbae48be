//! An OAuth 2.1 client for MCP as plain functions.
//!
//! Nothing here keeps anything: the HTTP client, the time and the randomness are handed in, and what has
//! to be remembered between two steps is handed out. Every exchange is a pair of a function that builds
//! and sends and one that validates what came back. `issuer`, `resource` and `iss` are strings and stay
//! the bytes they were.
//!
//! # The whole flow
//!
//! 1. The MCP server refuses a call; [`challenge`] reads its `WWW-Authenticate`.
//! 2. [`discovery`] finds the protected resource and its authorization server, with a trace of every step.
//! 3. [`registration`] gets a client id, unless there is one: registered by hand, or the address of a
//!    [`client_metadata`] document.
//! 4. [`pkce`] and [`state`] make what ties the answer to this sign-in; [`authorization::request_url`] is
//!    where the person's browser goes.
//! 5. The browser comes back: [`state::verify`] before anything is looked up, then
//!    [`authorization::validate_callback`] makes the only value that [`token::exchange_code`] takes.
//! 6. [`token::refresh`] keeps the grant alive; [`token::TokenError::class`] says what a failure means.
//! 7. [`revocation`] ends it.
//!
//! ```
//! use bytes::Bytes;
//! use keyway_oauth::{
//!     authorization::{self, AuthorizationRequest, Expected},
//!     challenge,
//!     client_auth::ClientAuthentication,
//!     discovery::{self, DiscoveryRequest},
//!     http::{HttpClient, Limits, SendError},
//!     pkce,
//!     registration::{self, RegistrationRequest},
//!     state::{self, StateKey, StatePayload},
//!     token::{self, TokenRequest},
//! };
//! use secrecy::ExposeSecret;
//!
//! /// An MCP server and its authorization server, as far as this example needs them.
//! struct Servers;
//!
//! impl HttpClient for Servers {
//!     async fn send(
//!         &self,
//!         request: http::Request<Bytes>,
//!         _limits: Limits,
//!     ) -> Result<http::Response<Bytes>, SendError> {
//!         let body = match request.uri().path() {
//!             "/.well-known/oauth-protected-resource" => {
//!                 r#"{"resource": "https://mcp.example",
//!                     "authorization_servers": ["https://as.example"],
//!                     "scopes_supported": ["notes"]}"#
//!             }
//!             "/.well-known/oauth-authorization-server" => {
//!                 r#"{"issuer": "https://as.example",
//!                     "authorization_endpoint": "https://as.example/authorize",
//!                     "token_endpoint": "https://as.example/token",
//!                     "registration_endpoint": "https://as.example/register",
//!                     "code_challenge_methods_supported": ["S256"]}"#
//!             }
//!             "/register" => r#"{"client_id": "client-1"}"#,
//!             "/token" => r#"{"access_token": "at-1", "refresh_token": "rt-1", "expires_in": 3600}"#,
//!             path => return Err(SendError::Unreachable(path.to_owned())),
//!         };
//!         Ok(http::Response::new(Bytes::from(body)))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The server said 401, and where its metadata is.
//! let header = r#"Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource""#;
//! let challenge = challenge::bearer(&challenge::parse([header].into_iter()));
//! let request = DiscoveryRequest {
//!     mcp_url: "https://mcp.example/mcp",
//!     challenge: challenge.as_ref(),
//!     allow_legacy_fallback: false,
//!     unattended: false,
//!     exceptions: &[],
//! };
//! let discovered = discovery::discover(&Servers, &request).await.result?;
//! assert_eq!(discovered.issuer, "https://as.example");
//!
//! // A client of our own.
//! let redirect_uri = "https://keyway.example/oauth/callback";
//! let request = RegistrationRequest {
//!     redirect_uris: &[redirect_uri],
//!     client_name: "Keyway",
//!     client_uri: None,
//!     application_type: registration::application_type(redirect_uri),
//!     scope: None,
//!     grant_types: &["authorization_code", "refresh_token"],
//!     token_endpoint_auth_method: "none",
//!     keys: None,
//!     token_endpoint_auth_methods_supported: discovered
//!         .server
//!         .token_endpoint_auth_methods_supported
//!         .as_deref(),
//! };
//! let endpoint = discovered.server.registration_endpoint.as_deref().ok_or("a client id is needed")?;
//! let now = 1_700_000_000;
//! let client = registration::register(&Servers, endpoint, &request, now).await?;
//!
//! // The person's browser goes to the authorization server …
//! let pkce = pkce::from_random([7; 32]);
//! let key = StateKey { id: "k1".to_owned(), key: [9; 32] };
//! let payload = StatePayload { session: [1; 16], expires_at_seconds: now + 600 };
//! let sent = state::sign(&key, &payload);
//! let endpoint = discovered.server.authorization_endpoint.as_deref().ok_or("no such endpoint")?;
//! let url = authorization::request_url(&AuthorizationRequest {
//!     endpoint,
//!     client_id: &client.client_id,
//!     redirect_uri,
//!     scopes: &discovered.resource_scopes,
//!     resource: discovered.resource.as_deref(),
//!     code_challenge: &pkce.challenge,
//!     state: &sent,
//!     extra: &[],
//! })?;
//! assert!(url.starts_with("https://as.example/authorize?response_type=code&client_id=client-1&"));
//!
//! // … and comes back with a code.
//! let callback = authorization::parse_callback(&format!("code=abc&state={sent}"))?;
//! let state = callback.state().ok_or("no state")?;
//! assert_eq!(state::verify(&[key], state, now + 30)?, payload);
//! let server = &discovered.server;
//! let expected = Expected {
//!     issuer: &discovered.issuer,
//!     iss_supported: server.authorization_response_iss_parameter_supported,
//! };
//! let code = authorization::validate_callback(callback, &expected)?;
//!
//! // Tokens, now and later.
//! let request = TokenRequest {
//!     token_endpoint: &server.token_endpoint,
//!     client: ClientAuthentication {
//!         client_id: &client.client_id,
//!         client_secret: client.client_secret.as_ref(),
//!         method: &client.token_endpoint_auth_method,
//!         assertion: None,
//!     },
//!     resource: discovered.resource.as_deref(),
//!     dpop: None,
//! };
//! let first = token::exchange_code(&Servers, &request, &code, redirect_uri, &pkce.verifier).await?;
//! assert_eq!(first.access_token.expose_secret(), "at-1");
//! let refresh_token = first.refresh_token.ok_or("no refresh token")?;
//! token::refresh(&Servers, &request, &refresh_token, &[]).await?;
//! # Ok(())
//! # }
//! ```

pub mod assertion;
pub mod authorization;
pub mod challenge;
pub mod client_auth;
pub mod client_metadata;
pub mod discovery;
pub mod dpop;
pub mod http;
pub mod metadata;
pub mod pkce;
pub mod registration;
pub mod resource;
pub mod revocation;
pub mod state;
pub mod token;
pub mod userinfo;

mod answer;
mod endpoint;
mod es256;
mod json;
mod scope;
#[cfg(test)]
mod testing;
