//! Questions of servers with a session to clients without one. The server's work is parked while the
//! client finds the answer: what names it is sealed into the `requestState` of an `input_required` result
//! (MCP 2026-07-28, multi round-trip requests), and it waits in the process that works on it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use keyway_connectors::{
    kept::Kept,
    upstream::{RawObject, raw},
};
use keyway_model::{Caller, Clock, ConnectorId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    relay::{Question, Running},
    scope::Scope,
};
use crate::gateway::Gateway;

/// What marks a state as Keyway's own; the rest is sealed.
pub(crate) const PREFIX: &str = "kw1.";
const PURPOSE: &str = "keyway|request-state|v1";
/// How long a question may stay open.
const OPEN: Duration = Duration::from_secs(600);
const MOST_OPEN: u64 = 10_000;

/// Work that waits for an answer.
pub(crate) struct Parked(Mutex<Option<Waiting>>);

/// What waits, and where the answer goes.
pub(super) struct Waiting {
    pub(super) running: Running,
    pub(super) answer: oneshot::Sender<keyway_connectors::upstream::Answered>,
}

/// Where a retry goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// With the work that is parked under this name.
    #[serde(rename = "p")]
    Parked(Uuid),
    /// From the start, once somebody has signed in to the connector.
    #[serde(rename = "s")]
    SignIn(ConnectorId),
    /// From the start, once what the server asked for is done.
    #[serde(rename = "a")]
    Again,
}

/// All that is parked in this process.
pub(super) fn kept(clock: &Clock) -> Kept<Uuid, Arc<Parked>> {
    Kept::since_made(clock, MOST_OPEN, OPEN)
}

/// What a state belongs to: the user, the address, and the request without what a retry adds.
pub(crate) fn bound_to(
    caller: &Caller,
    address: &str,
    method: &str,
    params: &RawObject,
) -> Vec<u8> {
    let mut digest = Sha256::new();
    for name in ["name", "uri", "arguments"] {
        let value: Value = params.read(name).unwrap_or_default();
        digest.update(name);
        digest.update(value.to_string());
    }
    let digest = format!("{:x?}", digest.finalize());
    crate::session::bound(PURPOSE, &[caller.user.as_str(), address, method, &digest])
}

/// A state as the client carries it.
pub(crate) fn seal(gateway: &Gateway, bound: &[u8], state: &State) -> Option<String> {
    let text = serde_json::to_vec(state).ok()?;
    let sealed = gateway.sessions.seal_bytes(&gateway.cx.random, bound, &text)?;
    Some(format!("{PREFIX}{sealed}"))
}

/// A state that a client brings back. `None` where it is a server's own, or was made for another request.
pub(crate) fn open(gateway: &Gateway, bound: &[u8], state: &str) -> Option<State> {
    let opened = gateway.sessions.open_bytes(bound, state.strip_prefix(PREFIX)?.as_bytes())?;
    serde_json::from_slice(&opened).ok()
}

/// A state that has Keyway's mark and was not made by it for this request.
pub(crate) struct Forged;

/// The state that a request brings back, where it is Keyway's own.
pub(crate) fn brought(
    gateway: &Gateway,
    caller: &Caller,
    address: &str,
    method: &str,
    params: &RawObject,
) -> Result<Option<State>, Forged> {
    let state = params.text("requestState").filter(|state| state.starts_with(PREFIX));
    let Some(state) = state else { return Ok(None) };
    let bound = bound_to(caller, address, method, params);
    open(gateway, &bound, &state).map(Some).ok_or(Forged)
}

/// A result that asks the client for something, under this key.
pub(crate) fn input_required(
    key: &str,
    method: &str,
    params: &RawValue,
    state: &str,
) -> Option<Box<RawValue>> {
    raw(&json!({
        "resultType": "input_required",
        "inputRequests": { key: { "method": method, "params": params } },
        "requestState": state,
    }))
    .ok()
}

/// What the client answered under a key.
pub(crate) fn response(params: &RawObject, key: &str) -> Option<Box<RawValue>> {
    params.object("inputResponses")?.remove(key)
}

/// The key under which a parked question is answered.
pub(super) const QUESTION: &str = "question";

/// Parks the work behind a question, and gives the result that asks it.
pub(super) fn park(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    request: (&str, &RawObject),
    question: Question,
    running: Running,
) -> Option<Box<RawValue>> {
    let id = Uuid::from_bytes(gateway.cx.random.bytes());
    let (method, params) = request;
    let bound = bound_to(caller, &scope.to_string(), method, params);
    let state = seal(gateway, &bound, &State::Parked(id))?;
    let Question { method, params, answer } = question;
    let parked = Parked(Mutex::new(Some(Waiting { running, answer })));
    gateway.clients.parked.insert(id, Arc::new(parked));
    input_required(QUESTION, &method, &params, &state)
}

/// Takes parked work up again. `None` where it is not in this process, is over, or was taken up before.
pub(super) fn take(gateway: &Gateway, id: Uuid) -> Option<Waiting> {
    let parked = gateway.clients.parked.remove(&id)?;
    let mut waiting = parked.0.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.take()
}
