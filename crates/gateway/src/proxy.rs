//! The transparent proxy: one connector as the MCP server it is, byte for byte. Only credentials,
//! hop-by-hop headers and the session id change hands; no body is decoded, unless a tool policy is to be
//! held to.

mod older;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use keyway_connectors::{
    DbOAuthProvider, Mode,
    access_token::{self, Credential, Gate},
    dpop,
    egress::Body,
    trace,
    upstream::{STATELESS_VERSION, bearer_challenge},
};
use keyway_model::{Caller, ConnectorKey};
use keyway_oauth::challenge::BearerChallenge;

use crate::{
    activity,
    attention::Refused,
    error::{Error, Response, Result, send_failed},
    gateway::Gateway,
    health,
    policy::{self, Passage},
    retry::{self, Round},
};

/// How long the head of an answer may take; a tool may think before it speaks.
const HEAD_TIME: Duration = Duration::from_secs(120);

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The headers of a caller that concern the server, besides `Mcp-*`.
static FORWARDED: [HeaderName; 9] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    HeaderName::from_static("baggage"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// The headers of a server that concern the caller, besides `Mcp-*`.
static RETURNED: [HeaderName; 5] = [
    header::ALLOW,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::RETRY_AFTER,
];

/// Those of a message's headers that concern the other side: the ones on the list, and `Mcp-*`.
fn passed(from: &HeaderMap, list: &[HeaderName]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(list.len());
    let this_hop = ThisHop::of(from);
    for (name, value) in from {
        let concerns = list.contains(name) || name.as_str().starts_with("mcp-");
        if concerns && !this_hop.names(name) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// The headers of a message that are for the next hop alone, by its own word (RFC 9110 §7.6.1).
struct ThisHop<'a>(Vec<&'a [u8]>);

impl<'a> ThisHop<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let values = headers.get_all(header::CONNECTION).iter().map(HeaderValue::as_bytes);
        let options = values.flat_map(|value| value.split(|byte| *byte == b','));
        Self(options.map(<[u8]>::trim_ascii).collect())
    }

    fn names(&self, header: &HeaderName) -> bool {
        self.0.iter().any(|option| option.eq_ignore_ascii_case(header.as_str().as_bytes()))
    }
}

/// What a caller sends to a connector.
pub struct ProxyRequest {
    /// `GET`, `POST` or `DELETE`.
    pub method: Method,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The whole body; it is kept until the answer begins, so that the one retry is possible.
    pub body: Bytes,
}

/// Sends the request to the connector's server and hands the answer back as it streams.
///
/// A warm call costs one upstream request and no database query. After a 401 the token is renewed, at
/// most once, and the request sent once more.
///
/// Whatever a warm call does not come by is boxed, here and below: a future is as large as all of its
/// branches, and is moved with every call.
pub fn forward<'a>(
    gateway: &'a Gateway,
    caller: &'a Caller,
    key: &'a ConnectorKey,
    mut request: ProxyRequest,
) -> impl Future<Output = Result<Response>> + use<'a> {
    let begun = gateway.cx.clock.now();
    async move {
        let mut used = None;
        let resumed = retry::resume(gateway, caller, key, &mut request.body).await;
        let round = *resumed.as_ref().unwrap_or(&Round::First);
        let answer = match resumed {
            Ok(_) => attempt(gateway, caller, key, &request, &mut used).await,
            Err(error) => Err(error),
        };
        activity::request_ended(gateway, caller, used.as_ref(), &request.headers, begun, &answer);
        match answer {
            Ok(response) => Ok(response),
            Err(error) => {
                let ProxyRequest { method, headers, body } = &request;
                let version = headers.get(PROTOCOL_VERSION);
                let stateless = version.is_some_and(|version| version == STATELESS_VERSION);
                if let Some(refusal) = policy::refusal(gateway, &error) {
                    return policy::answer(&refusal, stateless, body).ok_or(error);
                }
                let refused = Refused { gateway, caller, key, method, body, stateless, round };
                refused.answer(error)
            }
        }
    }
}

async fn attempt(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
    request: &ProxyRequest,
    used: &mut Option<Arc<Credential>>,
) -> Result<Response> {
    let cx = &gateway.cx;
    let mut passage = Passage::new(caller, request);
    let mut credential = access_token::credential(cx, caller, key, Gate::Call).await?;
    *used = Some(credential.clone());
    trace::name_connector(credential.connector.id);
    passage.check(gateway, &credential).await?;
    let mut response = send(gateway, &credential, request, &passage).await?;
    if response.status() == StatusCode::UNAUTHORIZED {
        let again = send_renewed(gateway, &credential, request, &mut passage, response);
        (credential, response) = Box::pin(again).await?;
    }
    if response.status() == StatusCode::FORBIDDEN {
        let challenge = bearer_challenge(response.status(), response.headers());
        Box::pin(step_up(gateway, &credential, challenge)).await?;
    }
    health::note_answer(cx, &credential);
    if older::answers_so(request, &response) {
        Box::pin(older::check(gateway, caller, &credential)).await?;
    }
    let answer = returned(gateway, &credential, request, response)?;
    passage.filter(&credential, answer).await
}

/// Sends the request that was answered with 401 once more, with a renewed credential.
async fn send_renewed(
    gateway: &Gateway,
    refused_one: &Arc<Credential>,
    request: &ProxyRequest,
    passage: &mut Passage<'_>,
    response: Response,
) -> Result<(Arc<Credential>, Response)> {
    let challenge = bearer_challenge(response.status(), response.headers());
    drop(response);
    let (cx, challenge) = (&gateway.cx, challenge.as_ref());
    let renewed =
        access_token::credential_after_refusal(cx, passage.caller(), refused_one, challenge)
            .await?;
    passage.check(gateway, &renewed).await?;
    let response = send(gateway, &renewed, request, passage).await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok((renewed, response));
    }
    let challenge = bearer_challenge(response.status(), response.headers());
    Err(refused(gateway, &renewed, challenge.as_ref()).await?)
}

/// The server answered 403: where it asks for more scopes, a person has to grant them (RFC 6750 §3.1).
async fn step_up(
    gateway: &Gateway,
    credential: &Arc<Credential>,
    challenge: Option<BearerChallenge>,
) -> Result<()> {
    let insufficient =
        challenge.filter(|challenge| challenge.error.as_deref() == Some("insufficient_scope"));
    let (Some(challenge), Some(token)) = (insufficient, &credential.token) else { return Ok(()) };
    let cx = &gateway.cx;
    let provider = DbOAuthProvider::new(cx, credential.row(cx).await?, Mode::Use);
    Err(provider.require_scopes(token.generation, &challenge.scope).await?.into())
}

/// The server refuses a credential that was just renewed.
pub(crate) async fn refused(
    gateway: &Gateway,
    credential: &Arc<Credential>,
    challenge: Option<&BearerChallenge>,
) -> Result<Error> {
    let Some(token) = &credential.token else {
        return Err(Error::InvalidRequest("the server refused the headers".into()));
    };
    let provider = DbOAuthProvider::new(&gateway.cx, credential.row(&gateway.cx).await?, Mode::Use);
    Ok(provider.reject_token(token.generation, challenge).await?.into())
}

async fn send(
    gateway: &Gateway,
    credential: &Arc<Credential>,
    request: &ProxyRequest,
    passage: &Passage<'_>,
) -> Result<Response> {
    let connector = || credential.connector.clone();
    let mut outgoing = Box::new(http::Request::new(request.body.clone().into()));
    *outgoing.method_mut() = request.method.clone();
    *outgoing.headers_mut() = upstream_headers(gateway, credential, &request.headers)?;
    passage.prepare(outgoing.headers_mut());
    let prover = credential.prover.as_deref();
    let sent = dpop::send_to(&gateway.cx.egress, &credential.target, prover, outgoing);
    match tokio::time::timeout(HEAD_TIME, sent).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            health::note_failure(&gateway.cx, credential, &error);
            Err(send_failed(connector(), error))
        }
        Err(_) => Err(Error::UpstreamTimeout { connector: connector() }),
    }
}

/// The request's headers are built anew from what concerns the server; the caller's own credentials,
/// cookies, origin and hop-by-hop headers are not among them.
fn upstream_headers(
    gateway: &Gateway,
    credential: &Credential,
    from: &HeaderMap,
) -> Result<HeaderMap> {
    let mut headers = passed(from, &FORWARDED);
    if let Some(sealed) = from.get(SESSION_ID) {
        let opened = gateway.sessions.open(credential, sealed).ok_or(Error::SessionNotFound)?;
        headers.insert(SESSION_ID, opened);
    }
    for (name, value) in &credential.headers {
        headers.insert(name, value.clone());
    }
    Ok(headers)
}

/// The answer with those of its headers that concern the caller; a challenge, a cookie or a redirect of the
/// server's never reaches the caller.
fn returned(
    gateway: &Gateway,
    credential: &Credential,
    request: &ProxyRequest,
    response: http::Response<Body>,
) -> Result<Response> {
    let (http::response::Parts { status, headers, .. }, body) = response.into_parts();
    if status.is_redirection() || !is_relayed(status, &headers) {
        let connector = credential.connector.clone();
        let detail = format!("the server answered {status} with something that is not MCP");
        return Err(Error::UpstreamError { connector, detail });
    }
    let mut headers = passed(&headers, &RETURNED);
    if let Some(id) = headers.get(SESSION_ID) {
        match session_id(gateway, credential, &request.headers, id) {
            Some(sealed) => headers.insert(SESSION_ID, sealed),
            None => headers.remove(SESSION_ID),
        };
    }
    let mut answer = Response::new(body);
    (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
    Ok(answer)
}

/// The session id as the caller is to see it: the value it already has, where the server repeats its own.
fn session_id(
    gateway: &Gateway,
    credential: &Credential,
    from: &HeaderMap,
    id: &HeaderValue,
) -> Option<HeaderValue> {
    let held = from.get(SESSION_ID);
    let repeated = held.filter(|held| gateway.sessions.open(credential, held).as_ref() == Some(id));
    repeated.cloned().or_else(|| gateway.sessions.seal(credential, &gateway.cx.random, id))
}

/// JSON and event streams are relayed, and plain words or nothing beside a refusal.
fn is_relayed(status: StatusCode, headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.as_bytes();
    let starts = |with: &str| {
        kind.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    starts("application/json")
        || starts("text/event-stream")
        || (!status.is_success() && (starts("text/plain") || starts("application/problem+json")))
}
