//! When a person is needed on the stateless wire of the transparent proxy: a client that can open an
//! address is asked to (MCP 2026-07-28, multi round-trip requests), and its retry waits for the sign-in and
//! then goes to the server as the request that it was at first.

use std::sync::LazyLock;

use bytes::Bytes;
use keyway_connectors::upstream::{Capabilities, RawObject, raw};
use keyway_model::{Caller, ConnectorKey};
use memchr::memmem::Finder;
use serde_json::Value;

use crate::{
    aggregate::parked::{self, State},
    attention::{self, Attention, SIGN_IN},
    error::{Error, Result, unwritable},
    gateway::Gateway,
};

/// The methods that may be answered with a question.
const MAY_ASK: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];

/// Looks for Keyway's mark; made once, as every call looks.
static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(parked::PREFIX));

/// What a request says of an earlier round of Keyway's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Nothing.
    First,
    /// The person was shown the page.
    Shown,
    /// The person did not want to see it.
    Declined,
}

fn address(key: &ConnectorKey) -> String {
    match key {
        ConnectorKey::Id(id) => format!("proxy {id}"),
        ConnectorKey::Slug(slug) => format!("proxy {slug}"),
    }
}

/// Takes out of a body what belongs to a round of Keyway's own, and waits for the sign-in that it was
/// about. A body without Keyway's mark is not read.
///
/// # Errors
/// [`Error::StateForged`].
pub(crate) async fn resume(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
    body: &mut Bytes,
) -> Result<Round> {
    if MARK.find(body).is_none() {
        return Ok(Round::First);
    }
    Box::pin(resume_marked(gateway, caller, key, body)).await
}

async fn resume_marked(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
    body: &mut Bytes,
) -> Result<Round> {
    let Ok(mut message) = serde_json::from_slice::<RawObject>(body) else {
        return Ok(Round::First);
    };
    let (Some(method), Some(mut params)) = (message.text("method"), message.object("params"))
    else {
        return Ok(Round::First);
    };
    let brought = parked::brought(gateway, caller, &address(key), &method, &params);
    let Some(state) = brought.map_err(|_| Error::StateForged)? else { return Ok(Round::First) };
    let accepted = attention::is_accepted(&params);
    if let (State::SignIn(connector), true) = (&state, accepted) {
        attention::wait_for_sign_in(gateway, caller, *connector).await;
    }
    params.remove("inputResponses");
    params.remove("requestState");
    message.write("params", &params).map_err(unwritable)?;
    *body = message.to_raw().map_err(unwritable)?.get().to_owned().into();
    Ok(if accepted { Round::Shown } else { Round::Declined })
}

/// The result that asks the client to open the page, where it declared that it can.
pub(crate) fn question(
    gateway: &Gateway,
    caller: &Caller,
    key: &ConnectorKey,
    body: &Bytes,
    attention: &Attention,
) -> Option<Value> {
    let message: RawObject = serde_json::from_slice(body).ok()?;
    let method = message.text("method").filter(|method| MAY_ASK.contains(&method.as_str()))?;
    let params = message.object("params")?;
    let declared: Value =
        params.object("_meta")?.read("io.modelcontextprotocol/clientCapabilities")?;
    if !Capabilities::of(&declared).elicitation.url {
        return None;
    }
    let bound = parked::bound_to(caller, &address(key), &method, &params);
    let state = parked::seal(gateway, &bound, &State::SignIn(attention.connector.id))?;
    let asked = raw(&attention.elicitation()).ok()?;
    let result = parked::input_required(SIGN_IN, "elicitation/create", &asked, &state)?;
    serde_json::from_str(result.get()).ok()
}
