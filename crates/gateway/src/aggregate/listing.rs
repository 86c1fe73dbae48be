//! The lists of all connectors as one. A connector that is slow, down or signed out is left out, or shown
//! as it was, and never holds up the others; `_meta` tells which.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use keyway_connectors::{contact::List, upstream::RawObject};
use keyway_model::{Caller, Connector};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use tokio_util::sync::CancellationToken;

use super::{client::Client, message::Refusal, names::Names, outcome, scope::Scope};
use crate::{
    attention::{self, Attention},
    catalogue::{self, Found},
    error::Error,
    gateway::Gateway,
    policy, tools, waiting,
};

/// Where a list tells how each connector's part of it was come by.
const META: &str = "keyway/connectors";

/// How a connector's part of a list was come by.
#[derive(Serialize)]
struct Part {
    /// `fresh`, `stale` or `unavailable`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<String>,
}

/// A connector's part.
struct Gathered {
    items: Vec<Box<RawValue>>,
    part: Part,
    fresh_for: Duration,
}

impl Gathered {
    fn is_shown(&self) -> bool {
        self.part.fetched_at.is_some()
    }
}

/// The list of all members, in one page.
pub(super) async fn list(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    client: &Client,
    (list, params): (List, &RawObject),
) -> Result<Box<RawValue>, Refusal> {
    if params.get("cursor").is_some_and(|cursor| cursor.get() != "null") {
        return Err(Refusal::params("there is no such page; the list has only one"));
    }
    let members = members(gateway, caller, scope).await?;
    let enough = CancellationToken::new();
    let parts =
        members.iter().map(|member| gather(gateway, caller, scope, member, (list, &enough)));
    let parts = waiting::gather(parts, &enough, Gathered::is_shown).await;
    let (mut items, mut told) = (Vec::new(), BTreeMap::new());
    let mut fresh_for = catalogue::FRESH;
    for (member, mut gathered) in members.iter().zip(parts) {
        items.append(&mut gathered.items);
        fresh_for = fresh_for.min(gathered.fresh_for);
        told.insert(member.slug.as_str(), gathered.part);
    }
    let mut result = RawObject::default();
    let millis = u64::try_from(fresh_for.as_millis()).unwrap_or(u64::MAX);
    let written = result
        .write(list.member(), &items)
        .and_then(|()| result.write("ttlMs", &millis))
        .and_then(|()| result.write("_meta", &json!({ META: told })));
    outcome::finish(client, list.method(), &mut result);
    written.and_then(|()| result.to_raw()).map_err(|error| Refusal::params(error.to_string()))
}

/// The connectors that are meant; one that is named and not there is told.
pub(super) async fn members(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
) -> Result<Vec<Connector>, Refusal> {
    let members = scope.members(gateway, caller).await.map_err(|error| {
        Refusal::new(http::StatusCode::OK, super::message::INTERNAL_ERROR, error.to_string())
    })?;
    if scope.plain().is_some() && members.is_empty() {
        return Err(Refusal::params("there is no such connector, or it is switched off"));
    }
    Ok(members)
}

async fn gather(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    member: &Connector,
    (list, enough): (List, &CancellationToken),
) -> Gathered {
    let names = if scope.plain().is_some() { Names::Plain } else { Names::Of(&member.slug) };
    match in_time(gateway, caller, member, (list, enough)).await {
        Ok(found) => shown((names, member), list, &found, None),
        Err(error) => {
            let attention = match &*error {
                Error::Connectors(cause) => attention::attention(gateway, cause),
                _ => None,
            };
            let trouble = Some((&*error, attention.as_ref()));
            // Tools that a person can bring back stay, too: a call of one says how.
            let stays = attention.is_some() || tools::is_passing(&error);
            let stored = match list {
                List::Tools if stays => catalogue::stored(gateway, member).await,
                _ => None,
            };
            match stored {
                Some(listed) => {
                    let found = Found { listed, fresh_for: Duration::ZERO };
                    shown((names, member), list, &found, trouble)
                }
                None => Gathered {
                    items: Vec::new(),
                    part: part("unavailable", None, trouble),
                    fresh_for: Duration::from_secs(5),
                },
            }
        }
    }
}

/// The member's list, if it comes in time. One that comes later is told to whoever listens.
async fn in_time(
    gateway: &Gateway,
    caller: &Caller,
    member: &Connector,
    (list, enough): (List, &CancellationToken),
) -> Result<Found, Arc<Error>> {
    let (cloned, caller, connector) = (gateway.clone(), caller.clone(), member.clone());
    let listing = async move { catalogue::list(&cloned, &caller, &connector, list).await };
    let (listening, connector) = (gateway.listening.clone(), member.id);
    let tell = move |listed: Result<Found, Arc<Error>>| {
        if listed.is_ok() {
            listening.tell_changed(connector, list);
        }
    };
    let wait = (gateway.catalogue.patience(member), enough);
    let listed = waiting::in_time(gateway, member, wait, listing, tell).await;
    listed
        .unwrap_or_else(|| Err(Arc::new(Error::UpstreamTimeout { connector: member.reference() })))
}

fn shown(
    (names, member): (Names<'_>, &Connector),
    list: List,
    found: &Found,
    trouble: Option<(&Error, Option<&Attention>)>,
) -> Gathered {
    let items: Vec<&RawValue> = match list {
        List::Tools => policy::shown(&found.listed.items)
            .map(|(item, _)| item)
            .filter(|item| policy::admits_listing(member, item))
            .collect(),
        _ => found.listed.items.iter().map(|item| &**item).collect(),
    };
    let items = items.into_iter().filter_map(|item| names.item(list, item)).collect();
    let status = if found.fresh_for.is_zero() { "stale" } else { "fresh" };
    let fetched_at = Some(found.listed.fetched_at.to_string());
    Gathered { items, part: part(status, fetched_at, trouble), fresh_for: found.fresh_for }
}

fn part(
    status: &'static str,
    fetched_at: Option<String>,
    trouble: Option<(&Error, Option<&Attention>)>,
) -> Part {
    let code = trouble.map(|(error, attention)| {
        attention.map_or_else(|| attention::code(error), |attention| attention.code)
    });
    let sign_in_url = trouble.and_then(|(_, attention)| Some(attention?.sign_in_url.clone()));
    Part { status, fetched_at, code, sign_in_url }
}
