//! What a body asks for, read so strictly that a server cannot read something else in it: nothing that
//! matters is there twice, under a name that only looks the same, or of another kind than it should be.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use keyway_connectors::upstream::Members;
use serde_json::value::RawValue;

/// What one message asks for.
pub(super) enum Asked<'a> {
    /// A call of a tool, with its arguments and its `_meta` where there are any.
    Call { tool: String, arguments: Option<&'a RawValue>, meta: Option<&'a RawValue> },
    /// A list of the tools.
    List,
    /// Anything else.
    Other,
}

/// Why a body is not let through to a connector with a policy, in words.
pub(super) type Unclear = &'static str;

const NO_JSON: Unclear = "the body is not one JSON-RPC message or a batch of them";
const TWICE: Unclear =
    "a member of the message is there twice, or under a name that only looks the same";
const KIND: Unclear = "a tool is called with an object of params and a text for its name";
const ENCODED: Unclear =
    "this connector has a tool policy: send the body as UTF-8, without Content-Encoding";
const HEADERS: Unclear = "the Mcp-Method or Mcp-Name header says something else than the body";

/// What the messages of a body ask for. An empty body asks for nothing.
pub(super) fn read<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Vec<Asked<'a>>, Unclear> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    expect_plain(headers)?;
    let whole: &RawValue = serde_json::from_slice(body).map_err(|_| NO_JSON)?;
    if whole.get().starts_with('[') {
        let messages: Vec<&RawValue> = serde_json::from_str(whole.get()).map_err(|_| NO_JSON)?;
        let alone = !headers.contains_key("mcp-method") && !headers.contains_key("mcp-name");
        let read = messages.into_iter().map(|message| Ok(message_of(message)?.1));
        return if alone { read.collect() } else { Err(HEADERS) };
    }
    let (method, asked) = message_of(whole)?;
    expect_agreement(headers, method.as_deref(), &asked)?;
    Ok(vec![asked])
}

/// A server that decompresses a body, or reads it in another charset, sees another one.
fn expect_plain(headers: &HeaderMap) -> Result<(), Unclear> {
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|value| value != "identity");
    let foreign = headers.get_all(header::CONTENT_TYPE).iter().any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        let text = String::from_utf8_lossy(&value);
        text.split_once("charset").is_some_and(|(_, charset)| !charset.contains("utf-8"))
    });
    if encoded || foreign { Err(ENCODED) } else { Ok(()) }
}

fn message_of(message: &RawValue) -> Result<(Option<String>, Asked<'_>), Unclear> {
    let members = object(message).ok_or(NO_JSON)?;
    let Some(method) = member(&members, "method")? else { return Ok((None, Asked::Other)) };
    let method: String = serde_json::from_str(method.get()).map_err(|_| NO_JSON)?;
    let asked = match fold(&method).as_str() {
        "tools/list" => Asked::List,
        "tools/call" => {
            let params = member(&members, "params")?.and_then(object).ok_or(KIND)?;
            let name = member(&params, "name")?.ok_or(KIND)?;
            let tool = serde_json::from_str(name.get()).map_err(|_| KIND)?;
            let (arguments, meta) = (member(&params, "arguments")?, member(&params, "_meta")?);
            Asked::Call { tool, arguments, meta }
        }
        _ => Asked::Other,
    };
    Ok((Some(method), asked))
}

fn object(raw: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    serde_json::from_str::<Members<&RawValue>>(raw.get()).ok().map(|members| members.0)
}

/// The one member of this name.
fn member<'a>(
    members: &[(String, &'a RawValue)],
    name: &str,
) -> Result<Option<&'a RawValue>, Unclear> {
    let mut alike = members.iter().filter(|(key, _)| fold(key) == name);
    match (alike.next(), alike.next()) {
        (None, _) => Ok(None),
        (Some((key, value)), None) if key == name => Ok(Some(value)),
        _ => Err(TWICE),
    }
}

/// Whether the parameters of a call have none that a lax server could take for another.
pub(super) fn is_clear<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.all(|name| {
        let folded = fold(name);
        folded == name || !matches!(folded.as_str(), "name" | "arguments")
    })
}

/// How a server that is lax about case and blanks sees a name.
fn fold(name: &str) -> String {
    name.trim().to_uppercase().to_lowercase()
}

/// What the stateless wire repeats of the body must be the same (MCP 2026-07-28, standard headers).
fn expect_agreement(
    headers: &HeaderMap,
    method: Option<&str>,
    asked: &Asked<'_>,
) -> Result<(), Unclear> {
    let says = |name: &str, expected: Option<&str>| {
        let all = headers.get_all(name).iter();
        all.map(|value| value.to_str().ok().and_then(decoded))
            .all(|said| said.as_deref() == expected)
    };
    let tool = match asked {
        Asked::Call { tool, .. } => Some(tool.as_str()),
        Asked::List | Asked::Other => None,
    };
    let agree = says("mcp-method", method) && (tool.is_none() || says("mcp-name", tool));
    if agree { Ok(()) } else { Err(HEADERS) }
}

/// The text that a header carries, as it is or in Base64.
fn decoded(value: &str) -> Option<String> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="))
    else {
        return Some(value.to_owned());
    };
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn called(body: &str) -> Result<Vec<String>, Unclear> {
        let asked = read(&HeaderMap::new(), body.as_bytes())?;
        let tools = asked.into_iter().filter_map(|asked| match asked {
            Asked::Call { tool, .. } => Some(tool),
            Asked::List | Asked::Other => None,
        });
        Ok(tools.collect())
    }

    #[test]
    fn a_call_is_seen_in_whatever_way_it_is_written() {
        for body in [
            r#"{"method":"tools/call","params":{"name":"delete"}}"#,
            r#"{"params":{"arguments":{"name":"x"},"name":"d\u0065lete"},"m\u0065thod":"tools\/call"}"#,
            r#"{"method":"Tools/CALL","params":{"name":"delete"}}"#,
            r#"{"method":" tools/call ","params":{"name":"delete"}}"#,
            r#"[{"method":"ping","id":1},{"method":"tools/call","params":{"name":"delete"}}]"#,
        ] {
            assert_eq!(called(body), Ok(vec!["delete".to_owned()]), "{body}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for body in [
            r#"{"method":"ping","method":"tools/call","params":{"name":"delete"}}"#,
            r#"{"method":"ping","Method":"tools/call","params":{"name":"delete"}}"#,
            r#"{"METHOD":"tools/call","params":{"name":"delete"}}"#,
            r#"{"method":"tools/call","params":{"name":"echo","name":"delete"}}"#,
            r#"{"method":"tools/call","params":{"name":"echo","n\u0061me":"delete"}}"#,
            r#"{"method":"tools/call","params":{"name":"echo","Name":"delete"}}"#,
            r#"{"method":"tools/call","params":{"name":"echo"},"params":{"name":"delete"}}"#,
            r#"{"method":"tools/call","params":{"name":"echo"},"param\u017f":{"name":"delete"}}"#,
            r#"{"method":"tools/call","params":{"name":"a","arguments":{},"arguments":{"x":1}}}"#,
            r#"{"method":"tools/call","params":{"name":["delete"]}}"#,
            r#"{"method":"tools/call","params":["delete",{}]}"#,
            r#"{"method":"tools/call"}"#,
            r#"{"method":["tools/call"],"params":{"name":"delete"}}"#,
            r#"{"method":"tools/call","params":{"name":"\ud800"}}"#,
            r#"{"method":"ping"}{"method":"tools/call","params":{"name":"delete"}}"#,
            "\u{feff}{\"method\":\"tools/call\",\"params\":{\"name\":\"delete\"}}",
            r#"[[{"method":"tools/call","params":{"name":"delete"}}]]"#,
            r#"{"method":"tools/call",/**/"params":{"name":"delete"}}"#,
            "no json",
        ] {
            assert!(called(body).is_err(), "{body}");
        }
        assert!(called(&"[".repeat(4_000_000)).is_err());
    }

    #[test]
    fn parameters_that_only_look_the_same_are_not_clear() {
        assert!(is_clear(["name", "arguments", "_meta", "Other"].into_iter()));
        for name in ["Name", "ARGUMENTS", " name"] {
            assert!(!is_clear(["name", name].into_iter()), "{name}");
        }
    }

    #[test]
    fn what_calls_no_tool_passes() {
        for body in
            ["", r#"{"method":"ping","id":1}"#, r#"{"id":1,"result":{"name":"delete"}}"#, "[]"]
        {
            assert_eq!(called(body), Ok(Vec::new()), "{body}");
        }
    }

    #[test]
    fn headers_that_say_something_else_are_refused() {
        let call = r#"{"method":"tools/call","params":{"name":"søk"}}"#;
        let read = |headers: &[(&'static str, &'static str)]| {
            let pairs = headers.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            read(&pairs.collect(), call.as_bytes()).is_ok()
        };
        assert!(read(&[("mcp-method", "tools/call"), ("mcp-name", "=?base64?c8O4aw==?=")]));
        assert!(read(&[("content-type", "application/json; charset=UTF-8")]));
        for headers in [
            [("mcp-method", "tools/list")],
            [("mcp-name", "delete")],
            [("content-encoding", "gzip")],
            [("content-type", "application/json; charset=utf-16")],
        ] {
            assert!(!read(&headers), "{headers:?}");
        }
    }
}
