//! Dynamic client registration (RFC 7591): asking for a client, and checking what came.

use std::{fmt, time::Duration};

use ::http::{HeaderMap, Response};
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;
use url::{Host, Url};

use crate::{
    answer,
    client_auth::{self, CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, NONE, PRIVATE_KEY_JWT},
    es256,
    http::{self, HttpClient, SendError},
    json::Object,
    metadata::AuthorizationServerMetadata,
};

/// The longest client id, in bytes.
const LONGEST_ID: usize = 2 * 1024;
/// The longest client secret, in bytes.
const LONGEST_SECRET: usize = 8 * 1024;

/// The client metadata that is sent (RFC 7591 §2). The response type is always `code`.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationRequest<'a> {
    /// Where authorization responses go.
    pub redirect_uris: &'a [&'a str],
    /// The name that people see.
    pub client_name: &'a str,
    /// The client's home page.
    pub client_uri: Option<&'a str>,
    /// `web` or `native`; see [`application_type`].
    pub application_type: &'a str,
    /// Scopes, joined by spaces.
    pub scope: Option<&'a str>,
    /// Such as `authorization_code` and `refresh_token`.
    pub grant_types: &'a [&'a str],
    /// See [`auth_methods`].
    pub token_endpoint_auth_method: &'a str,
    /// The client's public keys, where the method is `private_key_jwt`.
    pub keys: Option<ClientKeys<'a>>,
    /// The methods in the server's metadata (RFC 8414 §2), which decide where an answer names none. It is
    /// not sent.
    pub token_endpoint_auth_methods_supported: Option<&'a [String]>,
}

/// Where the server finds the public keys of the client (RFC 7591 §2).
#[derive(Clone, Copy, Debug)]
pub enum ClientKeys<'a> {
    /// At this address (`jwks_uri`), so that they can change.
    At(&'a str),
    /// Here (`jwks`), for a client that the server cannot reach.
    Inline(&'a Value),
}

/// A client that the server registered.
pub struct RegisteredClient {
    /// Visible ASCII, at most 2 KiB.
    pub client_id: String,
    /// The secret, if there is one.
    pub client_secret: Option<SecretString>,
    /// When the secret ends, in seconds since 1970-01-01T00:00:00Z; `None` if it does not.
    pub client_secret_expires_at: Option<i64>,
    /// The method that was registered, which need not be the one asked for; one that is supported.
    pub token_endpoint_auth_method: String,
}

/// Why there is no client.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegistrationError {
    /// The server does not register this client (RFC 7591 §3.2.2).
    #[error("the authorization server refused to register a client{}", Shown(.code.as_deref()))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its error code, if it gave one in the form of a code.
        code: Option<String>,
    },
    /// The server is busy or failing (408, 425, 429, 5xx): try again later.
    #[error("the registration endpoint answered {status}; try again later")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait, at most an hour.
        retry_after: Option<Duration>,
    },
    /// A success that cannot be used.
    #[error("the registration cannot be used: {0}")]
    Answer(&'static str),
    /// The server registered an authentication method that is not supported here.
    #[error("the server registered the client for the authentication method {}, which is not supported; \
             register one by hand", .method.as_deref().unwrap_or("of an odd name"))]
    UnsupportedAuthMethod {
        /// Its name, if that is in the form of a name.
        method: Option<String>,
    },
    /// The secret has ended already.
    #[error("the server registered the client with a secret that has expired already")]
    SecretExpired,
    /// There is no answer.
    #[error("no answer of the registration endpoint: {0}")]
    Send(#[from] SendError),
}

struct Shown<'a>(Option<&'a str>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |code| write!(f, ": {code}"))
    }
}

impl RegistrationError {
    /// The provider's own error code: `[A-Za-z0-9_.-]{1,64}`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }
}

/// The methods to ask for, the best one first. `private_key_jwt`, which nobody else can use and which
/// leaves no secret with anybody (RFC 9700 §2.5), where the server offers it with ES256. Then `none`
/// where the server offers that or says nothing; else the first way to send a secret in the server's
/// own order, which knows best what it implements. There is always one.
pub fn auth_methods(server: &AuthorizationServerMetadata) -> Vec<&'static str> {
    let offered = server.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
    let offers = |method: &str| offered.iter().any(|offered| offered == method);
    let algorithms = server.token_endpoint_auth_signing_alg_values_supported.as_deref();
    let verifies =
        algorithms.unwrap_or_default().iter().any(|algorithm| algorithm == es256::ALGORITHM);
    let signed = (offers(PRIVATE_KEY_JWT) && verifies).then_some(PRIVATE_KEY_JWT);
    let by_secret = |offered: &String| {
        [CLIENT_SECRET_BASIC, CLIENT_SECRET_POST].into_iter().find(|method| method == offered)
    };
    let plain = if offers(NONE) { Some(NONE) } else { offered.iter().find_map(by_secret) };
    let plain = plain.or_else(|| signed.is_none().then_some(NONE));
    signed.into_iter().chain(plain).collect()
}

/// The `application_type` (OpenID Connect Registration §2) that goes with a redirect URI: `native` for
/// one that is not https or on this machine, which servers refuse for a `web` client.
pub fn application_type(redirect_uri: &str) -> &'static str {
    let web = Url::parse(redirect_uri).is_ok_and(|url| {
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        url.scheme() == "https" && !loopback
    });
    if web { "web" } else { "native" }
}

/// Registers a client. `now_seconds` is the time since 1970-01-01T00:00:00Z, for the secret's expiry.
pub async fn register(
    http: &impl HttpClient,
    registration_endpoint: &str,
    request: &RegistrationRequest<'_>,
    now_seconds: i64,
) -> Result<RegisteredClient, RegistrationError> {
    let body = body(request).to_string();
    let headers = HeaderMap::new();
    let response =
        http::post(http, registration_endpoint, headers, "application/json", body).await?;
    read_answer(&response, request, now_seconds)
}

fn body(request: &RegistrationRequest<'_>) -> Value {
    let mut body = json!({
        "redirect_uris": request.redirect_uris,
        "client_name": request.client_name,
        "application_type": request.application_type,
        "grant_types": request.grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": request.token_endpoint_auth_method,
    });
    for (name, value) in [("client_uri", request.client_uri), ("scope", request.scope)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    if let Some(keys) = request.keys {
        body["token_endpoint_auth_signing_alg"] = es256::ALGORITHM.into();
        match keys {
            ClientKeys::At(address) => body["jwks_uri"] = address.into(),
            ClientKeys::Inline(keys) => body["jwks"] = keys.clone(),
        }
    }
    body
}

/// Checks what a registration endpoint answered (RFC 7591 §3.2).
pub fn read_answer(
    response: &Response<Bytes>,
    request: &RegistrationRequest<'_>,
    now_seconds: i64,
) -> Result<RegisteredClient, RegistrationError> {
    let status = response.status().as_u16();
    if answer::is_transient(response.status()) {
        let retry_after = answer::retry_after(response.headers());
        return Err(RegistrationError::Unavailable { status, retry_after });
    }
    let object = Object::parse(response.body());
    let refusal = object.as_ref().ok().filter(|object| answer::is_error(object));
    if refusal.is_some() || !response.status().is_success() {
        let code = refusal.and_then(answer::code_of);
        return Err(RegistrationError::Refused { status, code });
    }
    let object = object.map_err(|_| RegistrationError::Answer("it is not one JSON object"))?;
    read_client(&object, request, now_seconds)
}

fn read_client(
    object: &Object,
    request: &RegistrationRequest<'_>,
    now_seconds: i64,
) -> Result<RegisteredClient, RegistrationError> {
    let client_id = object.text("client_id").filter(|id| answer::is_visible(id, LONGEST_ID));
    let client_id = client_id.ok_or(RegistrationError::Answer("it holds no usable client_id"))?;
    if let Some(registered) = object.texts("redirect_uris") {
        let kept = |uri: &&str| registered.iter().any(|known| known == uri);
        if !request.redirect_uris.iter().all(kept) {
            return Err(RegistrationError::Answer("its redirect_uris are not those asked for"));
        }
    }
    let client_secret = client_secret(object)?;
    let method = auth_method(object, request, client_secret.is_some())?;
    // Some servers give a secret to everyone; one that signs has no use for it.
    let client_secret = client_secret.filter(|_| method != PRIVATE_KEY_JWT);
    let expiry = client_secret.as_ref().and_then(|_| expires_at(object));
    if expiry.is_some_and(|expiry| expiry <= now_seconds) {
        return Err(RegistrationError::SecretExpired);
    }
    Ok(RegisteredClient {
        client_id: client_id.to_owned(),
        client_secret,
        client_secret_expires_at: expiry,
        token_endpoint_auth_method: method,
    })
}

fn client_secret(object: &Object) -> Result<Option<SecretString>, RegistrationError> {
    let Some(secret) = object.text("client_secret") else { return Ok(None) };
    let secret = SecretString::from(secret);
    if answer::is_visible(secret.expose_secret(), LONGEST_SECRET) {
        Ok(Some(secret))
    } else {
        Err(RegistrationError::Answer("its client_secret is not visible ASCII"))
    }
}

/// The method in the answer governs; without one, what was asked for, as far as it fits the secret and
/// the server's metadata. A client without its keys registered cannot sign.
fn auth_method(
    object: &Object,
    request: &RegistrationRequest<'_>,
    has_secret: bool,
) -> Result<String, RegistrationError> {
    let signs = request.keys.is_some();
    let method = match object.text("token_endpoint_auth_method") {
        Some(method) => method,
        None if has_secret => method_of_secret(request),
        None if signs => PRIVATE_KEY_JWT,
        None => NONE,
    };
    if method == PRIVATE_KEY_JWT && signs {
        return Ok(method.to_owned());
    }
    if !client_auth::is_supported(method) {
        let method = answer::error_code(method);
        return Err(RegistrationError::UnsupportedAuthMethod { method });
    }
    if method != NONE && !has_secret {
        return Err(RegistrationError::Answer("its authentication method needs a secret"));
    }
    Ok(method.to_owned())
}

/// Some servers give a secret to everyone, also where `none` is all they take.
fn method_of_secret(request: &RegistrationRequest<'_>) -> &'static str {
    let offered = request.token_endpoint_auth_methods_supported.unwrap_or_default();
    if request.token_endpoint_auth_method == CLIENT_SECRET_POST {
        return CLIENT_SECRET_POST;
    }
    let known = |method: &&str| offered.iter().any(|offered| offered == method);
    let first = [CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, NONE].into_iter().find(known);
    first.unwrap_or(CLIENT_SECRET_BASIC)
}

/// Zero means that the secret does not expire (RFC 7591 §3.2.1).
fn expires_at(object: &Object) -> Option<i64> {
    let seconds = object.number("client_secret_expires_at").filter(|seconds| *seconds != 0.0)?;
    let since_epoch = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Some(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
