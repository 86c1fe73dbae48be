//! What a real MCP client asks of the server besides calls: the handshake of 2025-11-25, without a session,
//! and the list of tools.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call;

/// What is read of a message that is no call.
#[derive(Deserialize)]
struct Message {
    /// None where it is a notification.
    id: Option<Value>,
    /// None where it is an answer.
    method: Option<String>,
}

/// Answers a message that is no call.
pub(crate) fn answer_to(body: &[u8]) -> Response {
    let Ok(message) = serde_json::from_slice::<Message>(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match (message.id, message.method) {
        (Some(id), Some(method)) => {
            let body = answer(&id, &method).to_string();
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

fn answer(id: &Value, method: &str) -> Value {
    let result = match method {
        "initialize" => json!({"protocolVersion": call::PROTOCOL_VERSION,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "keyway-bench", "version": env!("CARGO_PKG_VERSION")}}),
        "ping" => json!({}),
        "tools/list" => json!({"tools": [tool()]}),
        _ => {
            let error = json!({"code": -32601, "message": format!("there is no {method}")});
            return json!({"jsonrpc": "2.0", "id": id, "error": error});
        }
    };
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn tool() -> Value {
    json!({"name": call::ECHO, "description": "Gives the text back.",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}},
            "required": ["text"]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_accepted_and_has_no_answer() {
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
        assert_eq!(answer_to(told.as_bytes()).status(), StatusCode::ACCEPTED);
        assert_eq!(answer_to(b"[").status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn what_is_not_there_is_told_so_with_the_id_as_it_came() {
        let answer = answer(&json!("seven"), "server/discover");
        assert_eq!(answer["error"]["code"], -32601);
        assert_eq!(answer["id"], "seven");
    }
}
