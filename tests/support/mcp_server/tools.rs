//! The standard tools. Their descriptors and results hold members that no model knows and integers
//! that no float carries, so that tests see whether anything is lost on the way.

use serde_json::{Value, value::RawValue};

use super::{
    McpScript, Shared, ToolCall,
    answers::{Era, Outcome, finish},
    message::Message,
};

/// Descriptors of `echo`, `whoami`, `slow`, `big`, `located`, `ask` and `fail`.
pub(super) fn standard() -> Vec<String> {
    let read = r#""readOnlyHint":true"#;
    vec![
        descriptor("echo", r#"{"type":"object","x-unknown":12345678901234567890123}"#, read),
        descriptor("whoami", r#"{"type":"object"}"#, read),
        descriptor("slow", r#"{"type":"object","properties":{"steps":{"type":"integer"}}}"#, read),
        descriptor("big", r#"{"type":"object","properties":{"bytes":{"type":"integer"}}}"#, read),
        descriptor("located", LOCATED, ""),
        descriptor("ask", r#"{"type":"object"}"#, ""),
        descriptor("fail", r#"{"type":"object"}"#, r#""destructiveHint":true"#),
    ]
}

const LOCATED: &str =
    r#"{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}"#;

/// A descriptor as raw JSON, from its name, its input schema and the members of its annotations.
pub fn descriptor(name: &str, input_schema: &str, annotations: &str) -> String {
    format!(
        r#"{{"name":"{name}","title":"The tool {name}","description":"What {name} does","inputSchema":{input_schema},"annotations":{{{annotations}}},"x-unknown":{{"z":98765432109876543210,"a":[1.0,1e2]}}}}"#
    )
}

/// The members of a result with one text.
pub fn text_result(text: &str) -> String {
    let text = Value::from(text);
    format!(r#""content":[{{"type":"text","text":{text}}}],"isError":false"#)
}

/// The members of one page of `tools/list`; nothing for a cursor that was never given out.
pub(super) fn page(script: &McpScript, cursor: Option<&str>) -> Option<String> {
    let size = script.page_size.unwrap_or(usize::MAX);
    let start = match cursor {
        None => 0,
        Some(cursor) => cursor.strip_prefix("page-")?.parse().ok()?,
    };
    let rest = script.tools.get(start..)?;
    let shown = &rest[..rest.len().min(size)];
    let next = if shown.len() < rest.len() {
        format!(r#","nextCursor":"page-{}""#, start + shown.len())
    } else {
        String::new()
    };
    Some(format!(r#""tools":[{}]{next},"x-unknown":11111111111111111111"#, shown.join(",")))
}

pub(super) fn call(shared: &Shared, era: Era, message: &Message, user: Option<String>) -> Outcome {
    let name = message.params.name.as_deref().unwrap_or_default();
    let handler = shared.script().handlers.get(name).cloned();
    if let Some(handler) = handler {
        let arguments = RawValue::from_string(message.arguments().to_owned());
        let arguments = arguments.expect("raw JSON was parsed as raw JSON before");
        return Outcome::Result(finish(era, &handler(&ToolCall { user, arguments }), None));
    }
    let members = match name {
        "echo" => echo(message.arguments()),
        "whoami" => text_result(user.as_deref().unwrap_or("nobody")),
        "slow" => return slow(era, message),
        "big" => text_result(&"x".repeat(big_size(message))),
        "located" => text_result(message.argument("region").as_str().unwrap_or("nowhere")),
        "ask" => return ask(shared, era, message),
        "fail" => r#""content":[{"type":"text","text":"it went wrong"}],"isError":true"#.to_owned(),
        _ => return Outcome::error(400, -32602, "unknown tool"),
    };
    Outcome::Result(finish(era, &members, None))
}

fn echo(arguments: &str) -> String {
    let text = Value::from(arguments);
    format!(
        r#""x-first":12345678901234567890123,"content":[{{"type":"text","text":{text},"x-unknown":null}}],"structuredContent":{arguments},"isError":false"#
    )
}

fn big_size(message: &Message) -> usize {
    message.argument("bytes").as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

fn slow(era: Era, message: &Message) -> Outcome {
    let token = &message.params.meta["progressToken"];
    Outcome::Slow {
        result: finish(era, &text_result("done"), None),
        steps: message.argument("steps").as_u64().unwrap_or(3),
        token: if token.is_null() { "0".to_owned() } else { token.to_string() },
    }
}

/// Wants a name from the user and gives back the answer: by multi round-trip (2026-07-28), or by the
/// script's question.
fn ask(shared: &Shared, era: Era, message: &Message) -> Outcome {
    let params = &message.params;
    if let (Era::Handshake, Some(question)) = (era, shared.script().question.clone()) {
        return Outcome::Asks(question);
    }
    let answered = params.input_responses.as_ref().map(|given| given["who"].to_string());
    match answered {
        Some(answer) if params.request_state.as_deref() == Some("opaque+/=state") => {
            Outcome::Result(finish(era, &text_result(&answer), None))
        }
        _ if era == Era::Stateless => Outcome::Result(ASKING.to_owned()),
        _ => Outcome::Result(finish(era, &text_result("nobody to ask"), None)),
    }
}

const ASKING: &str = r#"{"resultType":"input_required","requestState":"opaque+/=state","inputRequests":{"who":{"method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}},"x-unknown":1}"#;
