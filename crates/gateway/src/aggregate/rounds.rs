//! Multi round-trip requests (MCP 2026-07-28) for clients that do not know them: what a server needs
//! before it can go on is asked of the client as requests of the handshake wire, and the request is put
//! again with the answers.

use std::{collections::BTreeMap, sync::Arc};

use keyway_connectors::upstream::{Peer, RawObject};
use keyway_model::Caller;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::relay::{Ask, Relay, put};
use crate::{
    error::{Error, Result, unwritable},
    gateway::Gateway,
    policy::Admission,
};

/// How often a server may need something more for one request.
const MOST_ROUNDS: usize = 10;

/// What a server needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InputRequired {
    #[serde(default)]
    pub(super) input_requests: BTreeMap<String, InputRequest>,
    #[serde(default)]
    request_state: Option<Box<RawValue>>,
}

/// One thing it needs, in the form of a request of the handshake wire.
#[derive(Deserialize)]
pub(super) struct InputRequest {
    pub(super) method: String,
    #[serde(default)]
    pub(super) params: Option<Box<RawValue>>,
}

impl InputRequired {
    /// Reads a result; `None` where it is complete.
    pub(super) fn of(result: &RawValue) -> Option<Self> {
        let object = RawObject::of(result)?;
        let required = object.text("resultType").as_deref() == Some("input_required");
        required.then(|| serde_json::from_str(result.get()).ok()).flatten()
    }
}

/// Puts the request until its result is complete.
pub(super) async fn ask_until_complete(
    gateway: &Gateway,
    caller: &Caller,
    relay: &Arc<Relay>,
    mut ask: Ask,
) -> Result<Box<RawValue>> {
    let admission = Admission::of_params(caller, &ask.params)?;
    for _ in 0..MOST_ROUNDS {
        let result = put(gateway, caller, relay, &ask, &admission).await?;
        let Some(required) = InputRequired::of(&result) else { return Ok(result) };
        let mut responses = BTreeMap::new();
        for (key, request) in &required.input_requests {
            responses.insert(key, answer(relay, request).await?);
        }
        ask.params.remove("inputResponses");
        if !responses.is_empty() {
            ask.params.write("inputResponses", &responses).map_err(unwritable)?;
        }
        ask.params.remove("requestState");
        if let Some(state) = required.request_state {
            ask.params.set("requestState", state);
        }
    }
    Err(Error::InvalidRequest("the server asks again and again without an end".into()))
}

async fn answer(relay: &Relay, request: &InputRequest) -> Result<Box<RawValue>> {
    let empty = RawValue::from_string("{}".to_owned()).unwrap_or_default();
    let params = request.params.as_deref().unwrap_or(&empty);
    let read: Value = serde_json::from_str(params.get()).unwrap_or_default();
    if !relay.capabilities().admit(&request.method, &read) {
        let words = format!("the server needs {}, which this client does not do", request.method);
        return Err(Error::InvalidRequest(words));
    }
    match relay.asked(&request.method, params).await {
        Ok(answer) => Ok(answer),
        Err(_) if request.method == "elicitation/create" => {
            keyway_connectors::upstream::raw(&json!({ "action": "cancel" })).map_err(unwritable)
        }
        Err(error) => Err(Error::InvalidRequest(format!(
            "the client refused {}: {}",
            request.method, error.message
        ))),
    }
}
