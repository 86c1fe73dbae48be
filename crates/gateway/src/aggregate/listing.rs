//! The lists of all connectors as one. A connector that is slow, down or signed out is left out, or shown
//! as it was, and never holds up the others; `_meta` tells which.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use keyway_connectors::{contact::List, upstream::RawObject};
use keyway_model::{Caller, Connector};
use serde::Serialize;
use serde_json::{json, value::RawValue};

use super::{client::Client, message::Refusal, names::Names, outcome, scope::Scope};
use crate::{
    attention::{self, Attention},
    catalogue::{self, Found},
    error::Error,
    gateway::Gateway,
    policy,
};

const AT_ONCE: usize = 16;
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
    let parts = stream::iter(members.into_iter().map(|member| async move {
        let gathered = gather(gateway, caller, scope, &member, list).await;
        (member.slug.to_string(), gathered)
    }));
    let mut parts = parts.buffered(AT_ONCE);
    let (mut items, mut told) = (Vec::new(), BTreeMap::new());
    let mut fresh_for = catalogue::FRESH;
    while let Some((slug, mut gathered)) = parts.next().await {
        items.append(&mut gathered.items);
        fresh_for = fresh_for.min(gathered.fresh_for);
        told.insert(slug, gathered.part);
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
    list: List,
) -> Gathered {
    let names = if scope.plain().is_some() { Names::Plain } else { Names::Of(&member.slug) };
    let patience = gateway.catalogue.patience(member.id);
    let listed =
        tokio::time::timeout(patience, catalogue::list(gateway, caller, member, list)).await;
    gateway.catalogue.came(member.id, listed.is_ok());
    let timeout = || Arc::new(Error::UpstreamTimeout { connector: member.reference() });
    match listed.unwrap_or_else(|_| Err(timeout())) {
        Ok(found) => shown((names, member), list, &found, None),
        Err(error) => {
            let attention = match &*error {
                Error::Connectors(cause) => attention::attention(gateway, cause),
                _ => None,
            };
            let trouble = Some((&*error, attention.as_ref()));
            let stored = match (&attention, list) {
                // Tools that a person can bring back stay: a call of one says how.
                (Some(_), List::Tools) => catalogue::stored(gateway, member).await,
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
