//! How a caller is told that a person is needed: in the words of the protocol where it speaks it, so
//! that the model and the user see it, else as an error that the server turns into a problem document.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use keyway_connectors::{
    Error as UseCaseError,
    access_token::{self, Gate},
    egress::Body,
    upstream::RawObject,
};
use keyway_model::{Caller, ConnectorId, ConnectorKey, ConnectorRef};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    error::{Error, Response, Result},
    gateway::Gateway,
    retry::{self, Round},
};

/// The JSON-RPC error code for "a person is needed": outside the ranges that JSON-RPC and MCP reserve.
pub const PERSON_NEEDED: i64 = -31001;

/// The error code of a request that needs an address to be opened first (MCP 2025-11-25, elicitation).
pub(crate) const URL_ELICITATION_REQUIRED: i64 = -32042;
/// The error code of parameters that lead nowhere (JSON-RPC 2.0 §5.1).
const INVALID_PARAMS: i64 = -32602;
/// How long a retry waits for a sign-in to be finished; clients wait a minute for an answer.
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(50);
/// The key under which a client is asked to sign in.
pub(crate) const SIGN_IN: &str = "sign_in";

/// That a person is needed, and where.
#[derive(Clone, Debug)]
pub struct Attention {
    /// `sign_in_required`, `reauth_required` or `scope_required`.
    pub code: &'static str,
    /// For which connector.
    pub connector: ConnectorRef,
    /// A page of Keyway's own that checks who is looking.
    pub sign_in_url: String,
    /// In words.
    pub text: String,
}

/// Whether the error means that a person is needed.
pub fn attention(gateway: &Gateway, error: &UseCaseError) -> Option<Attention> {
    let (code, connector) = match error {
        UseCaseError::SignInRequired(connector) => ("sign_in_required", connector),
        UseCaseError::ReauthRequired(connector, _) => ("reauth_required", connector),
        UseCaseError::ScopeRequired(connector, _) => ("scope_required", connector),
        _ => return None,
    };
    let sign_in_url = gateway.cx.settings.public_url.sign_in_url(connector.id);
    let connector = connector.clone();
    Some(Attention { code, connector, text: format!("{error}. Open {sign_in_url}"), sign_in_url })
}

impl Attention {
    /// What hosts read.
    pub(crate) fn data(&self) -> Value {
        json!({
            "code": self.code,
            "connector": self.connector.slug,
            "sign_in_url": self.sign_in_url,
        })
    }

    /// The parameters of the question to open the page (MCP 2026-07-28, elicitation).
    pub(crate) fn elicitation(&self) -> Value {
        json!({ "mode": "url", "message": self.text, "url": self.sign_in_url })
    }

    /// The same with the name that 2025-11-25 wants.
    pub(crate) fn elicitation_with_id(&self) -> Value {
        let mut params = self.elicitation();
        params["elicitationId"] = elicitation_id(self.connector.id).into();
        params
    }
}

/// The name of the question to sign in to a connector.
pub(crate) fn elicitation_id(connector: ConnectorId) -> String {
    format!("{SIGN_IN}-{connector}")
}

/// Whether the client agreed to open the page.
pub(crate) fn is_accepted(params: &RawObject) -> bool {
    let response = params.object("inputResponses").and_then(|all| all.object(SIGN_IN));
    response.and_then(|response| response.text("action")).as_deref() == Some("accept")
}

/// The result of a tool that tells the model and the user what went wrong.
pub(crate) fn tool_error(text: &str, data: &Value, stateless: bool) -> Value {
    let mut result = json!({
        "content": [{ "type": "text", "text": text }],
        "structuredContent": data,
        "isError": true,
    });
    if stateless {
        result["resultType"] = "complete".into();
    }
    result
}

/// A failed call's stable code.
pub(crate) fn code(error: &Error) -> &'static str {
    match error {
        Error::UpstreamUnreachable { .. } => "upstream_unreachable",
        Error::UpstreamTimeout { .. } => "upstream_timeout",
        Error::UpstreamError { .. } | Error::UpstreamRefused { .. } => "upstream_error",
        Error::InvalidRequest(_) => "invalid_request",
        Error::Connectors(UseCaseError::Disabled(_)) => "connector_disabled",
        Error::Connectors(UseCaseError::RefreshUnavailable { .. }) => "refresh_unavailable",
        Error::Connectors(UseCaseError::EgressRefused(_)) => "egress_refused",
        _ => "internal",
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a str>,
}

/// Whether the body is a request with this method.
pub(crate) fn calls(body: &Bytes, method: &str) -> bool {
    serde_json::from_slice::<Envelope<'_>>(body).is_ok_and(|request| request.method == Some(method))
}

/// A request on the proxy that came to nothing.
pub(crate) struct Refused<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) caller: &'a Caller,
    pub(crate) key: &'a ConnectorKey,
    pub(crate) method: &'a Method,
    pub(crate) body: &'a Bytes,
    /// Whether it came on the wire without a handshake.
    pub(crate) stateless: bool,
    /// What it said of an earlier round of Keyway's own.
    pub(crate) round: Round,
}

impl Refused<'_> {
    /// The answer when a person is needed: a question where the client can be asked to open a page, a tool
    /// result for another `tools/call`, a JSON-RPC error for another request; notifications and everything
    /// else keep the error.
    pub(crate) fn answer(self, error: Error) -> Result<Response> {
        if *self.method != Method::POST {
            return Err(error);
        }
        let Ok(Envelope { id: Some(id), method: Some(called) }) = serde_json::from_slice(self.body)
        else {
            return Err(error);
        };
        if matches!(error, Error::StateForged) {
            let told = json!({ "code": INVALID_PARAMS, "message": error.to_string() });
            let message = json!({ "jsonrpc": "2.0", "id": id, "error": told });
            return Ok(json_response(message.to_string()));
        }
        let Error::Connectors(cause) = &error else { return Err(error) };
        let Some(attention) = attention(self.gateway, cause) else { return Err(error) };
        let message = if let Some(result) = self.result(called, &attention) {
            json!({ "jsonrpc": "2.0", "id": id, "result": result })
        } else {
            let data = attention.data();
            let told = json!({ "code": PERSON_NEEDED, "message": attention.text, "data": data });
            json!({ "jsonrpc": "2.0", "id": id, "error": told })
        };
        Ok(json_response(message.to_string()))
    }

    fn result(&self, requested: &str, attention: &Attention) -> Option<Value> {
        if self.stateless && self.round != Round::Declined {
            let (gateway, caller) = (self.gateway, self.caller);
            let question = retry::question(gateway, caller, self.key, self.body, attention);
            if question.is_some() {
                return question;
            }
        }
        let is_call = requested == "tools/call";
        is_call.then(|| tool_error(&attention.text, &attention.data(), self.stateless))
    }
}

/// Waits until somebody signed in to the connector, for a while.
pub(crate) async fn wait_for_sign_in(gateway: &Gateway, caller: &Caller, connector: ConnectorId) {
    let cx = &gateway.cx;
    let mut changes = cx.background.changes();
    let by_id = ConnectorKey::Id(connector);
    let signed_in = async {
        while access_token::credential(cx, caller, &by_id, Gate::Call)
            .await
            .is_err_and(|error| attention(gateway, &error).is_some())
        {
            if changes.recv().await.is_err() {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(SIGN_IN_PATIENCE, signed_in).await;
}

fn json_response(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::OK;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
