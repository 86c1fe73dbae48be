//! Servers of the older HTTP+SSE transport at the transparent door. They have two addresses, which cannot
//! be handed through; the caller is told which door translates.

use http::Method;
use keyway_connectors::{
    access_token::{Credential, Gate},
    egress::Body,
    upstream::Era,
};
use keyway_model::{Caller, ConnectorKey};

use super::{ProxyRequest, SESSION_ID};
use crate::{
    attention,
    client::{Done, Task, perform},
    error::{Error, Result},
    gateway::Gateway,
};

/// Whether the answer is one that such servers give: they refuse `initialize`, and open a stream without a
/// session. Calls to other servers are not among these, so that it costs them nothing.
pub(super) fn answers_so(request: &ProxyRequest, response: &http::Response<Body>) -> bool {
    match (&request.method, response.status().as_u16()) {
        (&Method::POST, 400 | 404 | 405) => attention::calls(&request.body, "initialize"),
        (&Method::GET, 200) => !request.headers.contains_key(SESSION_ID),
        _ => false,
    }
}

/// Finds out whether the connector's server really is one.
pub(super) async fn check(
    gateway: &Gateway,
    caller: &Caller,
    credential: &Credential,
) -> Result<()> {
    let connector = credential.connector.clone();
    let (key, nobody) = (ConnectorKey::Id(connector.id), gateway.nobody());
    let connected = perform(gateway, caller, &key, Gate::Call, &nobody, Task::Connect).await;
    let Ok((Done::Connected(spoken), _)) = connected else { return Ok(()) };
    if !matches!(spoken.era, Era::Channel { .. }) {
        return Ok(());
    }
    let detail = format!(
        "the server speaks only the older HTTP+SSE transport, which cannot be passed through; use \
         /mcp?connectors={}&names=plain instead, where Keyway translates",
        connector.slug,
    );
    Err(Error::UpstreamError { connector, detail })
}
