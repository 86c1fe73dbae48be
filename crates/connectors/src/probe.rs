//! Tries a URL before anything is saved, and says in one word what it is, with the trace of everything
//! that was tried.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use keyway_model::{AuthType, RegistrationKind};
use keyway_oauth::discovery::{
    self, Discovered, DiscoveryError, DiscoveryRequest, Fault, TraceStep,
};
use keyway_oauth::http::SendError;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    clients::{self, Way},
    contact::{Approach, Contact, Found, Listing},
    context::Settings,
    egress::{Egress, EgressClient, Refusal},
    error::{Error, Result},
    upstream::{Era, Upstream},
    validate,
};

/// How long a probe may take in all.
const PROBE_TIME: Duration = Duration::from_secs(10);

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
    /// It wants a credential, and OAuth is not offered, or not in a way that could be used.
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
    /// Why nobody can sign in although the server publishes how; whose fault that is, the trace says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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

impl ProbeReport {
    fn plain(outcome: ProbeOutcome, trace: Vec<TraceStep>) -> Self {
        Self {
            outcome,
            era: None,
            protocol_version: None,
            server: None,
            tools: None,
            oauth: None,
            detail: None,
            trace,
        }
    }

    fn open(listing: Listing, trace: Vec<TraceStep>) -> Self {
        Self {
            era: Some(match listing.era {
                Era::Handshake { .. } | Era::Channel { .. } => "handshake",
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

/// Tries a URL, with headers if there are any, on the wire of `pinned` if that names a version. Bounded to
/// ten seconds.
///
/// # Errors
/// [`Error::UrlInvalid`] and [`Error::HeaderInvalid`]; everything else is an outcome.
pub async fn probe(
    egress: &Egress,
    settings: &Settings,
    url: &str,
    headers: Vec<(String, SecretString)>,
    pinned: Option<&str>,
) -> Result<ProbeReport> {
    validate::headers(&headers, AuthType::Headers)?;
    let http = egress.on_behalf_of(url);
    let admitted = match http.admit(url) {
        Ok(admitted) => admitted,
        Err(refusal @ Refusal::Url(_)) => return Err(refusal.into()),
        Err(Refusal::Address(text)) => {
            let step = step(url, text.to_owned(), "egress policy", Some(Fault::Policy));
            return Ok(ProbeReport::plain(ProbeOutcome::Blocked, vec![step]));
        }
    };
    let upstream = Upstream::new(http.clone(), admitted.clone(), header_map(&headers)?);
    let mut contact = Contact::new(&upstream, PROBE_TIME);
    let probing = async {
        let with_headers = !headers.is_empty();
        let approach = if with_headers { Approach::WithToken } else { Approach::WithoutToken };
        let found = contact.make(pinned.map_or(approach, Approach::Pinned)).await;
        classify(settings, &http, url, with_headers, found, contact.trace.clone()).await
    };
    let probed = tokio::time::timeout(PROBE_TIME, probing).await;
    Ok(probed.unwrap_or_else(|_| {
        let text = "no complete answer within ten seconds".to_owned();
        contact.trace.push(step(url, text, "a probe is bounded", Some(Fault::Network)));
        ProbeReport::plain(ProbeOutcome::Unreachable, contact.trace)
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
    settings: &Settings,
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
                unattended: false,
                exceptions: settings.catalog.exceptions(),
            };
            let discovery = discovery::discover(http, &request).await;
            trace.extend(discovery.trace);
            return sign_in_report(settings, url, discovery.result, trace);
        }
        Found::NotMcp(_) => ProbeOutcome::NotMcp,
        Found::UpstreamError(_) | Found::Unreachable(_) => ProbeOutcome::Unreachable,
        Found::Blocked(_) => ProbeOutcome::Blocked,
    };
    ProbeReport::plain(outcome, trace)
}

fn sign_in_report(
    settings: &Settings,
    url: &str,
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
        Err(DiscoveryError::NoAuthorization) => {
            return ProbeReport::plain(ProbeOutcome::TokenNeeded, trace);
        }
        Err(error) => {
            let detail = Some(error.to_string());
            return ProbeReport { detail, ..ProbeReport::plain(ProbeOutcome::TokenNeeded, trace) };
        }
    };
    let given = settings.catalog.client(&discovered.issuer, url);
    let way = clients::way(settings, &discovered, given.is_some());
    let (outcome, registration) = match way {
        Way::By(kind) => (ProbeOutcome::OAuth, Some(kind)),
        Way::Ask => (ProbeOutcome::ClientNeeded, None),
    };
    let oauth = ProbedOAuth {
        redirect_uri: clients::redirect_uri(&settings.public_url, &discovered, way),
        issuer: discovered.issuer,
        registration,
        scopes: given.map_or(discovered.resource_scopes.clone(), |client| {
            client.capped(&discovered.resource_scopes)
        }),
    };
    ProbeReport { oauth: Some(oauth), ..ProbeReport::plain(outcome, trace) }
}
