//! Finds out what is wrong with a connector: a real contact with its credential as it is stored, then
//! discovery where the server refuses it, all in one trace.

use std::time::Duration;

use http::HeaderMap;
use keyway_model::{Caller, Connector, ConnectorKey, Health, HealthStatus};
use keyway_oauth::{
    challenge::BearerChallenge,
    discovery::{self, DiscoveryRequest, TraceStep},
};
use serde::Serialize;

use crate::{
    access_token,
    contact::{Approach, Contact, Found},
    context::Context,
    egress::EgressClient,
    error::{Error, Result},
    registry,
    upstream::Upstream,
};

/// How long each exchange of a diagnosis may take.
const EXCHANGE_TIME: Duration = Duration::from_secs(10);

/// What a diagnosis found.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// Everything that was tried.
    pub trace: Vec<TraceStep>,
    /// In one sentence.
    pub summary: String,
}

/// Finds out what is wrong with a connector. Changes nothing but its health: no token is renewed, and
/// whatever the server says the state stays.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Disabled`], [`Error::EgressRefused`].
pub async fn diagnose(cx: &Context, caller: &Caller, key: &ConnectorKey) -> Result<Diagnosis> {
    let connector = registry::connector(cx, caller, key).await?;
    if !connector.enabled {
        return Err(Error::Disabled(connector.reference()));
    }
    let http = cx.egress.on_behalf_of(&connector.url);
    let url = http.admit(&connector.url)?;
    let credential = access_token::stored(cx, &connector, &url).await;
    let plain = |headers| Upstream::new(http.clone(), url.clone(), headers);
    let (upstream, approach) = match &credential {
        Ok(credential) => {
            let upstream = plain(credential.header_map());
            (upstream.with_prover(credential.prover.clone()), Approach::WithToken)
        }
        Err(_) => (plain(HeaderMap::new()), Approach::WithoutToken),
    };
    let approach = connector.pinned_protocol_version.as_deref().map_or(approach, Approach::Pinned);
    let mut contact = Contact::new(&upstream, EXCHANGE_TIME);
    let found = contact.make(approach).await;
    let mut trace = contact.trace;
    let (user, health) = (&connector.user_id, health(cx, &found));
    cx.database.record_contact(user, connector.id, &health, None, None).await?;
    let mut summary = summary(&found);
    if let Found::Challenged { challenge, .. } = &found
        && let Some(obstacle) =
            obstacle(cx, &http, &connector, challenge.as_ref(), &mut trace).await
    {
        summary = obstacle;
    }
    match credential {
        Err(error) => summary = format!("{summary}; its credential: {error}"),
        Ok(credential) if credential.has_ended(cx.clock.now()) => {
            summary = format!("{summary}; its access token has ended, and the next call renews it");
        }
        Ok(_) => {}
    }
    Ok(Diagnosis { trace, summary })
}

/// Why a sign-in that the server asks for cannot work, if it cannot.
async fn obstacle(
    cx: &Context,
    http: &EgressClient,
    connector: &Connector,
    challenge: Option<&BearerChallenge>,
    trace: &mut Vec<TraceStep>,
) -> Option<String> {
    let request = DiscoveryRequest {
        mcp_url: &connector.url,
        challenge,
        allow_legacy_fallback: false,
        unattended: connector.oauth.grant.is_unattended(),
        exceptions: cx.settings.catalog.exceptions(),
    };
    let discovery = discovery::discover(http, &request).await;
    trace.extend(discovery.trace);
    let error = discovery.result.err()?;
    Some(format!("the server asks for a sign-in, and that cannot work: {error}"))
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

fn health(cx: &Context, found: &Found) -> Health {
    let (status, detail) = match found {
        Found::Works(_) | Found::Challenged { .. } => (HealthStatus::Ok, None),
        Found::NotMcp(text) | Found::UpstreamError(text) => {
            (HealthStatus::UpstreamError, Some(text.clone()))
        }
        Found::Unreachable(text) | Found::Blocked(text) => {
            (HealthStatus::Unreachable, Some(text.clone()))
        }
    };
    Health { status, checked_at: Some(cx.clock.now()), detail }
}
