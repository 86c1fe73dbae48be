//! Tries a URL before anything is saved, and says in one word what it is; and the same for a connector
//! that does not work. Both carry the trace of everything that was tried.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use keyway_model::{
    AuthType, Caller, Connector, ConnectorKey, Health, HealthStatus, RegistrationKind,
};
use keyway_oauth::discovery::{
    self, Discovered, DiscoveryError, DiscoveryRequest, Fault, TraceStep,
};
use keyway_oauth::http::SendError;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    access_token::{self, Gate},
    clients::{self, Way},
    contact::{Approach, Contact, Found, Listing},
    context::Context,
    egress::{EgressClient, Refusal},
    error::{Error, Result},
    registry,
    upstream::{Era, Upstream},
    validate,
};

/// How long a probe may take in all.
const PROBE_TIME: Duration = Duration::from_secs(10);
/// How long each exchange of a diagnosis may take.
const EXCHANGE_TIME: Duration = Duration::from_secs(10);

/// What a URL turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// It works as it is, or with the headers given.
    Open,
    /// Sign-in will work.
    #[serde(rename = "oauth")]
    OAuth,
    /// Sign-in needs a client registered by hand.
    ClientNeeded,
    /// It wants a credential, and not by OAuth.
    TokenNeeded,
    /// It refused the headers given.
    HeadersRejected,
    /// It is no MCP server.
    NotMcp,
    /// It does not answer, or answers with failures.
    Unreachable,
    /// The egress policy does not admit it.
    Blocked,
}

/// What a probe found.
#[derive(Debug, Serialize)]
pub struct ProbeReport {
    /// In one word.
    pub outcome: ProbeOutcome,
    /// `handshake` or `stateless`, where it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub era: Option<&'static str>,
    /// The version it answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// Its own description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Box<RawValue>>,
    /// Its tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Box<RawValue>>>,
    /// How a sign-in would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth: Option<ProbedOAuth>,
    /// Everything that was tried.
    pub trace: Vec<TraceStep>,
}

/// How a sign-in would go.
#[derive(Debug, Serialize)]
pub struct ProbedOAuth {
    /// The issuer, byte for byte.
    pub issuer: String,
    /// Which registration would be used; `None` where a person must register a client.
    pub registration: Option<RegistrationKind>,
    /// The scopes that would be asked for.
    pub scopes: Vec<String>,
    /// The redirect URI, to register by hand.
    pub redirect_uri: String,
}

/// What a diagnosis found.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// Everything that was tried.
    pub trace: Vec<TraceStep>,
    /// In one sentence.
    pub summary: String,
}

impl ProbeReport {
    fn plain(outcome: ProbeOutcome, trace: Vec<TraceStep>) -> Self {
        Self {
            outcome,
            era: None,
            protocol_version: None,
            server: None,
            tools: None,
            oauth: None,
            trace,
        }
    }

    fn open(listing: Listing, trace: Vec<TraceStep>) -> Self {
        Self {
            era: Some(match listing.era {
                Era::Handshake { .. } => "handshake",
                Era::Stateless { .. } => "stateless",
            }),
            protocol_version: listing.era.version().map(str::to_owned),
            server: listing.server,
            tools: Some(listing.tools),
            ..Self::plain(ProbeOutcome::Open, trace)
        }
    }

    /// Why the policy refused, in words.
    pub(crate) fn blocked_because(&self) -> String {
        let blocked = self.trace.iter().rev().find(|step| step.fault == Some(Fault::Policy));
        blocked.map_or_else(|| "the address is not allowed".to_owned(), |step| step.outcome.clone())
    }
}

/// Tries a URL, with headers if there are any. Bounded to ten seconds.
///
/// # Errors
/// [`Error::UrlInvalid`] and [`Error::HeaderInvalid`]; everything else is an outcome.
pub async fn probe(
    cx: &Context,
    url: &str,
    headers: Vec<(String, SecretString)>,
) -> Result<ProbeReport> {
    validate::headers(&headers, AuthType::Headers)?;
    let http = cx.egress.on_behalf_of(url);
    let admitted = match http.admit(url) {
        Ok(admitted) => admitted,
        Err(refusal @ Refusal::Url(_)) => return Err(refusal.into()),
        Err(Refusal::Address(text)) => {
            let step = step(url, text.to_owned(), "egress policy", Some(Fault::Policy));
            return Ok(ProbeReport::plain(ProbeOutcome::Blocked, vec![step]));
        }
    };
    let upstream = Upstream::new(http.clone(), admitted.clone(), header_map(&headers)?);
    let probing = async {
        let mut contact = Contact::new(&upstream, &admitted, PROBE_TIME);
        let with_headers = !headers.is_empty();
        let approach = if with_headers { Approach::WithToken } else { Approach::WithoutToken };
        let found = contact.make(approach).await;
        classify(cx, &http, url, with_headers, found, contact.trace).await
    };
    Ok(tokio::time::timeout(PROBE_TIME, probing).await.unwrap_or_else(|_| {
        let text = "no complete answer within ten seconds".to_owned();
        let step = step(url, text, "a probe is bounded", Some(Fault::Network));
        ProbeReport::plain(ProbeOutcome::Unreachable, vec![step])
    }))
}

fn step(url: &str, outcome: String, rule: &str, fault: Option<Fault>) -> TraceStep {
    let url = url.split(['?', '#']).next().unwrap_or_default().to_owned();
    TraceStep { step: "probe", url, status: None, outcome, rule: rule.to_owned(), fault }
}

fn header_map(headers: &[(String, SecretString)]) -> Result<HeaderMap> {
    let invalid = || Error::HeaderInvalid("a header is not one".into());
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| invalid())?;
        let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| invalid())?;
        value.set_sensitive(true);
        map.append(name, value);
    }
    Ok(map)
}

async fn classify(
    cx: &Context,
    http: &EgressClient,
    url: &str,
    with_headers: bool,
    found: Found,
    mut trace: Vec<TraceStep>,
) -> ProbeReport {
    let outcome = match found {
        Found::Works(listing) => return ProbeReport::open(listing, trace),
        Found::Challenged { .. } if with_headers => ProbeOutcome::HeadersRejected,
        Found::Challenged { challenge, .. } => {
            let request = DiscoveryRequest {
                mcp_url: url,
                challenge: challenge.as_ref(),
                allow_legacy_fallback: false,
            };
            let discovery = discovery::discover(http, &request).await;
            trace.extend(discovery.trace);
            return sign_in_report(cx, discovery.result, trace);
        }
        Found::NotMcp(_) => ProbeOutcome::NotMcp,
        Found::UpstreamError(_) | Found::Unreachable(_) => ProbeOutcome::Unreachable,
        Found::Blocked(_) => ProbeOutcome::Blocked,
    };
    ProbeReport::plain(outcome, trace)
}

fn sign_in_report(
    cx: &Context,
    discovered: Result<Discovered, DiscoveryError>,
    trace: Vec<TraceStep>,
) -> ProbeReport {
    let discovered = match discovered {
        Ok(discovered) => discovered,
        Err(DiscoveryError::Send { source: SendError::Blocked(_), .. }) => {
            return ProbeReport::plain(ProbeOutcome::Blocked, trace);
        }
        Err(DiscoveryError::Unavailable { .. } | DiscoveryError::Send { .. }) => {
            return ProbeReport::plain(ProbeOutcome::Unreachable, trace);
        }
        Err(_) => return ProbeReport::plain(ProbeOutcome::TokenNeeded, trace),
    };
    let way = clients::way(cx, &discovered, false);
    let (outcome, registration) = match way {
        Way::By(kind) => (ProbeOutcome::OAuth, Some(kind)),
        Way::Ask => (ProbeOutcome::ClientNeeded, None),
    };
    let oauth = ProbedOAuth {
        redirect_uri: clients::redirect_uri(&cx.settings.public_url, &discovered, way),
        issuer: discovered.issuer,
        registration,
        scopes: discovered.resource_scopes,
    };
    ProbeReport { oauth: Some(oauth), ..ProbeReport::plain(outcome, trace) }
}

/// Finds out what is wrong with a connector. Changes nothing but its health.
pub async fn diagnose(cx: &Context, caller: &Caller, key: &ConnectorKey) -> Result<Diagnosis> {
    let connector = registry::connector(cx, caller, key).await?;
    let http = cx.egress.on_behalf_of(&connector.url);
    let url = http.admit(&connector.url)?;
    let credential = access_token::credential(cx, caller, key, Gate::Test).await;
    let (headers, approach) = match &credential {
        Ok(credential) => (credential.headers.clone(), Approach::WithToken),
        Err(_) => (HeaderMap::new(), Approach::WithoutToken),
    };
    let approach = connector.pinned_protocol_version.as_deref().map_or(approach, Approach::Pinned);
    let upstream = Upstream::new(http.clone(), url.clone(), headers);
    let mut contact = Contact::new(&upstream, &url, EXCHANGE_TIME);
    let found = contact.make(approach).await;
    let mut trace = contact.trace;
    record(cx, &connector, &found).await?;
    let mut summary = summary(&found);
    if let Found::Challenged { challenge, .. } = &found {
        let request = DiscoveryRequest {
            mcp_url: &connector.url,
            challenge: challenge.as_ref(),
            allow_legacy_fallback: false,
        };
        let discovery = discovery::discover(&http, &request).await;
        trace.extend(discovery.trace);
        if let Err(error) = discovery.result {
            summary = format!("the server asks for a sign-in, and that cannot work: {error}");
        }
    }
    if let Err(error) = credential {
        summary = format!("{summary}; its credential: {error}");
    }
    Ok(Diagnosis { trace, summary })
}

fn summary(found: &Found) -> String {
    match found {
        Found::Works(listing) => format!("the server works and has {} tools", listing.tools.len()),
        Found::Challenged { .. } => "the server answers and asks for a credential".to_owned(),
        Found::NotMcp(text)
        | Found::UpstreamError(text)
        | Found::Unreachable(text)
        | Found::Blocked(text) => text.clone(),
    }
}

/// Writes down how the contact went.
pub async fn record(cx: &Context, connector: &Connector, found: &Found) -> Result<()> {
    let (status, detail) = match found {
        Found::Works(_) | Found::Challenged { .. } => (HealthStatus::Ok, None),
        Found::NotMcp(text) | Found::UpstreamError(text) => {
            (HealthStatus::UpstreamError, Some(text.clone()))
        }
        Found::Unreachable(text) | Found::Blocked(text) => {
            (HealthStatus::Unreachable, Some(text.clone()))
        }
    };
    let health = Health { status, checked_at: Some(cx.clock.now()), detail };
    let (version, tools) = match found {
        Found::Works(listing) => (listing.era.version(), i64::try_from(listing.tools.len()).ok()),
        _ => (None, None),
    };
    let database = &cx.database;
    database.record_contact(&connector.user_id, connector.id, &health, version, tools).await?;
    Ok(())
}
