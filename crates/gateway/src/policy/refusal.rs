//! How a caller that speaks MCP is told that the policy refused: in a result of the tool, so that the
//! model and the user see it.

use bytes::Bytes;
use http::{HeaderValue, header};
use keyway_connectors::egress::Body;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    attention::{self, PERSON_NEEDED},
    error::{Error, Response},
    gateway::Gateway,
};

/// What was refused, in words and for hosts.
pub(crate) struct Refusal {
    /// In words.
    pub(crate) text: String,
    /// `code`, `connector`, `tool`, and where a person can approve.
    pub(crate) data: Value,
}

/// What the error refuses, if it is the policy's.
pub(crate) fn refusal(gateway: &Gateway, error: &Error) -> Option<Refusal> {
    let (code, connector, tool) = match error {
        Error::ToolOff { connector, tool } => ("tool_off", connector, tool),
        Error::ReadOnly { connector, tool } => ("read_only", connector, tool),
        Error::ApprovalNeeded { connector, tool, .. } => ("approval_needed", connector, tool),
        _ => return None,
    };
    let mut text = error.to_string();
    let mut data = json!({ "code": code, "connector": connector.slug, "tool": tool });
    if let Error::ApprovalNeeded { approval_id, denied, .. } = error {
        let url = gateway.approval_url(*approval_id);
        if !denied {
            text = format!("{text}. Open {url}");
        }
        data["approval_id"] = approval_id.to_string().into();
        data["approval_url"] = url.into();
        data["denied"] = (*denied).into();
    }
    Some(Refusal { text, data })
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
}

/// The answer to a refused request on the proxy; a batch is refused as a whole. `None`: nobody waits for
/// an answer.
pub(crate) fn answer(refusal: &Refusal, stateless: bool, body: &Bytes) -> Option<Response> {
    let one = |request: Request<'_>| {
        let (Some(id), Some(method)) = (request.id, request.method) else { return None };
        Some(message(refusal, stateless, id, &method))
    };
    let text = if let Ok(batch) = serde_json::from_slice::<Vec<Request<'_>>>(body) {
        let answers: Vec<Value> = batch.into_iter().filter_map(one).collect();
        (!answers.is_empty()).then(|| Value::from(answers))?
    } else {
        one(serde_json::from_slice(body).ok()?)?
    };
    let mut response = Response::new(Body::from(text.to_string()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Some(response)
}

fn message(refusal: &Refusal, stateless: bool, id: &RawValue, method: &str) -> Value {
    let Refusal { text, data } = refusal;
    if method != "tools/call" {
        let error = json!({ "code": PERSON_NEEDED, "message": text, "data": data });
        return json!({ "jsonrpc": "2.0", "id": id, "error": error });
    }
    let result = attention::tool_error(text, data, stateless);
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}
