//! Tokens that are bound to a key (DPoP, RFC 9449), as requests use them: what is proven at a token
//! endpoint, the proof beside each request to an MCP server, and the nonces that servers hand out.

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use keyway_model::{Clock, Random};
use keyway_oauth::{
    dpop::{self, DpopBinding, DpopKey, ProofRequest},
    http::SendError,
    token::{TokenAnswer, TokenError},
};
use metrics::Counter;
use secrecy::SecretString;
use url::Url;

use crate::{
    context::Context,
    egress::{Body, Egress, EgressClient, Outgoing, Refusal, Target},
    error::{Error, Result},
    kept::Kept,
};

/// Looked up once: every call counts.
static UPSTREAM_REQUESTS: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("keyway_upstream_requests_total"));

/// How often random bytes that are no key are replaced by others.
const MOST_TRIES: usize = 4;

/// The newest nonce of each server, by origin (RFC 9449 §8.2). Clones are the same store.
#[derive(Clone)]
pub(crate) struct Nonces(Kept<String, String>);

impl Nonces {
    pub(crate) fn new(clock: &Clock) -> Self {
        // A token endpoint is asked once in the life of a token.
        const IDLE: Duration = Duration::from_secs(24 * 3600);
        Self(Kept::since_used(clock, 10_000, IDLE))
    }

    /// Drops those of servers that are not called any more.
    pub(crate) fn drop_old(&self) {
        self.0.drop_old();
    }

    fn of(&self, url: &Url) -> Option<String> {
        self.0.get(&url.origin().ascii_serialization())
    }

    fn keep(&self, url: &Url, nonce: &str) {
        self.0.insert(url.origin().ascii_serialization(), nonce.to_owned());
    }
}

/// A new key for a grant.
pub(crate) fn new_key(cx: &Context) -> Result<DpopKey> {
    let key = (0..MOST_TRIES).find_map(|_| DpopKey::from_random(cx.random.bytes()));
    key.ok_or_else(|| Error::Internal("the source of randomness gives no key".into()))
}

/// The key of a stored grant, if its tokens are bound to one.
pub(crate) fn stored_key(secret: Option<&SecretString>) -> Result<Option<DpopKey>> {
    let read = |secret| DpopKey::from_secret(secret).ok_or("a stored key is not one");
    secret.map(read).transpose().map_err(|text| Error::Internal(text.into()))
}

/// What is proven in requests to one token endpoint: that Keyway holds the key that tokens are bound to.
pub(crate) struct Proofs<'a> {
    nonces: &'a Nonces,
    endpoint: Option<Url>,
    key: Option<DpopKey>,
    nonce: Option<String>,
    now: i64,
    identifiers: Box<dyn Fn() -> [u8; 16] + Send + Sync + 'a>,
}

impl<'a> Proofs<'a> {
    pub(crate) fn new(cx: &'a Context, token_endpoint: &str, key: Option<DpopKey>) -> Self {
        let endpoint = Url::parse(token_endpoint).ok();
        Self {
            nonces: &cx.nonces,
            nonce: endpoint.as_ref().and_then(|url| cx.nonces.of(url)),
            endpoint,
            key,
            now: cx.clock.now().as_seconds(),
            identifiers: Box::new(|| cx.random.bytes()),
        }
    }

    pub(crate) fn binding(&self) -> Option<DpopBinding<'_>> {
        Some(DpopBinding {
            key: self.key.as_ref()?,
            nonce: self.nonce.as_deref(),
            now: self.now,
            identifiers: &*self.identifiers,
        })
    }

    /// Keeps the nonce that came with the tokens for the next request.
    pub(crate) fn note(&self, answer: &Result<TokenAnswer, TokenError>) {
        let nonce = answer.as_ref().ok().and_then(|answer| answer.dpop_nonce.as_deref());
        if let (Some(url), Some(nonce)) = (&self.endpoint, nonce) {
            self.nonces.keep(url, nonce);
        }
    }
}

/// Proves with each request that Keyway holds the key that its access token is bound to.
pub struct Prover {
    key: DpopKey,
    access_token: SecretString,
    clock: Clock,
    random: Random,
    nonces: Nonces,
}

impl Prover {
    pub(crate) fn new(cx: &Context, key: DpopKey, access_token: SecretString) -> Self {
        let (clock, random, nonces) = (cx.clock.clone(), cx.random.clone(), cx.nonces.clone());
        Self { key, access_token, clock, random, nonces }
    }

    fn prove(&self, method: &Method, url: &Url, headers: &mut HeaderMap, nonce: Option<&str>) {
        let proof = self.key.proof(&ProofRequest {
            method: method.as_str(),
            url: url.as_str(),
            access_token: Some(&self.access_token),
            nonce,
            now: self.clock.now().as_seconds(),
            identifier: self.random.bytes(),
        });
        headers.insert(dpop::PROOF, proof);
    }

    /// The nonce to send once more with, after an answer to a request with another one or none
    /// (RFC 9449 §9). Any answer may bring the nonce of the next request along.
    fn learn(&self, url: &Url, sent: Option<&str>, answer: &Response<Body>) -> Option<String> {
        let given = dpop::nonce(answer.headers())?;
        if sent == Some(given) {
            return None;
        }
        self.nonces.keep(url, given);
        let refused = answer.status() == StatusCode::UNAUTHORIZED;
        refused.then(|| dpop::wanted_nonce(answer.headers()))?.map(str::to_owned)
    }
}

/// Sends a request as [`EgressClient::open_url`] does; with a fresh proof where there is a prover, and
/// once more where the server wants its nonce in it.
pub async fn open_url(
    client: &EgressClient,
    prover: Option<&Prover>,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response<Body>, SendError> {
    let refused = |refusal: Refusal| SendError::Blocked(refusal.to_string());
    let target = client.target(&url).map_err(refused)?;
    let mut request = Box::new(Request::new(body.into()));
    (*request.method_mut(), *request.headers_mut()) = (method, headers);
    Box::pin(send_to(client.egress(), &target, prover, request)).await
}

/// Sends a request as [`Egress::send_to`] does; with a proof as [`open_url`] does.
pub async fn send_to(
    egress: &Egress,
    target: &Target,
    prover: Option<&Prover>,
    request: Outgoing,
) -> Result<Response<Body>, SendError> {
    UPSTREAM_REQUESTS.increment(1);
    let Some(prover) = prover else {
        return egress.send_to(target, request).await;
    };
    Box::pin(send_proven(egress, target, prover, request)).await
}

async fn send_proven(
    egress: &Egress,
    target: &Target,
    prover: &Prover,
    mut request: Outgoing,
) -> Result<Response<Body>, SendError> {
    let (method, url) = (request.method().clone(), &target.url()?);
    let nonce = prover.nonces.of(url);
    prover.prove(&method, url, request.headers_mut(), nonce.as_deref());
    let answer = egress.send_to(target, request.clone()).await?;
    let Some(wanted) = prover.learn(url, nonce.as_deref(), &answer) else { return Ok(answer) };
    drop(answer);
    UPSTREAM_REQUESTS.increment(1);
    prover.prove(&method, url, request.headers_mut(), Some(&wanted));
    egress.send_to(target, request).await
}
