//! Takes the tools that the policy does not admit out of the lists on their way to the caller, and
//! changes no other byte: whole answers in JSON, and streams of events.

use std::ops::Range;

use keyway_connectors::upstream::Members;
use keyway_model::Connector;
use serde_json::value::RawValue;

use super::admits_listing;

/// The longest answer and the longest event that are looked through, in bytes.
pub(super) const LONGEST: usize = 16 * 1024 * 1024;

/// The message, or the batch, without the tools that are not admitted. `None`: it is as it should be.
pub(super) fn filtered(connector: &Connector, message: &str) -> Option<String> {
    let mut edits = Vec::new();
    let whole: &RawValue = serde_json::from_str(message).ok()?;
    let messages: Vec<&RawValue> =
        serde_json::from_str(whole.get()).unwrap_or_else(|_| vec![whole]);
    for tools in messages.into_iter().flat_map(tool_lists) {
        let Ok(all) = serde_json::from_str::<Vec<&RawValue>>(tools.get()) else { continue };
        let kept: Vec<&str> = all
            .iter()
            .filter(|tool| admits_listing(connector, tool))
            .map(|tool| tool.get())
            .collect();
        if kept.len() < all.len() {
            edits.push((range_within(message, tools.get()), format!("[{}]", kept.join(","))));
        }
    }
    if edits.is_empty() {
        return None;
    }
    let mut text = message.to_owned();
    for (range, list) in edits.into_iter().rev() {
        text.replace_range(range, &list);
    }
    Some(text)
}

/// Every `result.tools` of a message, also where they are there twice.
fn tool_lists(message: &RawValue) -> Vec<&RawValue> {
    named(message, "result").into_iter().flat_map(|result| named(result, "tools")).collect()
}

fn named<'a>(raw: &'a RawValue, name: &str) -> Vec<&'a RawValue> {
    let members = serde_json::from_str::<Members<&RawValue>>(raw.get());
    let members = members.map(|members| members.0).unwrap_or_default();
    members.into_iter().filter(|(key, _)| key == name).map(|(_, value)| value).collect()
}

/// Where a part that was borrowed from a text lies in it.
fn range_within(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// A stream of events (WHATWG HTML §9.2.6) on its way through: each event is held until it is whole.
pub(super) struct EventFilter {
    connector: Connector,
    held: Vec<u8>,
    /// Where the line that is being read begins.
    line: usize,
    given_up: bool,
}

impl EventFilter {
    /// A filter by the policy of this connector.
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, held: Vec::new(), line: 0, given_up: false }
    }

    /// Takes the next bytes and gives the events that they complete. An event that is too long ends the
    /// stream; one that the end of the stream cuts short is none.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut passed = Vec::new();
        for &byte in chunk {
            if self.given_up {
                break;
            }
            let ends_line = byte == b'\n' || byte == b'\r';
            let second_of_pair = byte == b'\n' && self.held.last() == Some(&b'\r');
            let is_blank = ends_line && !second_of_pair && self.line == self.held.len();
            self.held.push(byte);
            if ends_line {
                self.line = self.held.len();
            }
            if is_blank {
                passed.extend(self.event());
            }
            self.given_up = self.held.len() > LONGEST;
        }
        passed
    }

    fn event(&mut self) -> Vec<u8> {
        let event = std::mem::take(&mut self.held);
        self.line = 0;
        self.rewritten(&event).unwrap_or(event)
    }

    fn rewritten(&self, event: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(event).ok()?;
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let data: Vec<&str> = text.lines().filter_map(data_of).collect();
        let filtered = filtered(&self.connector, &data.join("\n"))?;
        let mut rewritten = String::with_capacity(event.len());
        for line in text.lines().filter(|line| data_of(line).is_none() && !line.is_empty()) {
            rewritten.extend([line, "\n"]);
        }
        for line in filtered.lines() {
            rewritten.extend(["data: ", line, "\n"]);
        }
        rewritten.push('\n');
        Some(rewritten.into_bytes())
    }
}

/// What a line of an event adds to its data.
fn data_of(line: &str) -> Option<&str> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let value = line.strip_prefix("data:")?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use keyway_model::{
        AuthType, ConnectorId, ConnectorState, Health, HealthStatus, OAuthSettings, Random,
        Timestamp, ToolMode, ToolModes, UserId,
    };

    use super::*;

    /// A connector whose tool `delete` is switched off.
    fn connector() -> Connector {
        let now = Timestamp::from_millis(0);
        let mut tool_modes = ToolModes::default();
        tool_modes.set("delete", ToolMode::Off);
        Connector {
            id: ConnectorId::new(now, &Random::seeded(1)),
            user_id: UserId::local(),
            name: "Notes".into(),
            slug: "notes".parse().unwrap(),
            url: "https://notes.example/mcp".into(),
            auth_type: AuthType::Headers,
            header_names: Vec::new(),
            oauth: OAuthSettings::default(),
            enabled: true,
            state: ConnectorState::Ready,
            state_reason: None,
            required_scopes: Vec::new(),
            health: Health { status: HealthStatus::Unknown, checked_at: None, detail: None },
            pinned_protocol_version: None,
            protocol_version: None,
            tool_count: None,
            read_only: false,
            tool_modes,
            revision: 1,
            created_at: now,
            updated_at: now,
        }
    }

    const LIST: &str = r#"{"id":1e2,"result":{"x":12345678901234567890,"tools":[ {"name": "echo","\u0061":1.0} , {"name":"d\u0065lete"}],"nextCursor":"n"},"jsonrpc":"2.0"}"#;
    const KEPT: &str = r#"{"id":1e2,"result":{"x":12345678901234567890,"tools":[{"name": "echo","\u0061":1.0}],"nextCursor":"n"},"jsonrpc":"2.0"}"#;

    #[test]
    fn what_is_not_admitted_goes_and_every_other_byte_stays() {
        let filtered = |text: &str| filtered(&connector(), text);
        assert_eq!(filtered(LIST).unwrap(), KEPT);
        assert_eq!(filtered(&format!(" [{LIST},{LIST}]")).unwrap(), format!(" [{KEPT},{KEPT}]"));
        assert_eq!(filtered(KEPT), None);
        for text in ["", "no json", "[]", r#"{"result":{"tools":{}}}"#, r#"{"result":[]}"#] {
            assert_eq!(filtered(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_that_is_there_twice_is_looked_through_twice() {
        let twice = r#"{"result":{"tools":[]},"result":{"tools":[1],"tools":[{"name":"delete"},{"name":"a"}]}}"#;
        let expected = r#"{"result":{"tools":[]},"result":{"tools":[],"tools":[{"name":"a"}]}}"#;
        assert_eq!(filtered(&connector(), twice).unwrap(), expected);
    }

    fn streamed(stream: &str, size: usize) -> String {
        let mut filter = EventFilter::new(connector());
        let passed = stream.as_bytes().chunks(size).flat_map(|chunk| filter.push(chunk));
        String::from_utf8(passed.collect()).unwrap()
    }

    #[test]
    fn events_are_filtered_however_they_are_cut() {
        let around = |data: &str| {
            format!(": hello\n\nevent: message\nid: 7\ndata: {data}\n\ndata: {{}}\n\n")
        };
        for size in [1, 2, 7, 10_000] {
            assert_eq!(streamed(&around(LIST), size), around(KEPT), "{size}");
            let other = "retry: 5\r\nid:9\rdata: {\"a\":\r\ndata:1}\r\n\r\ndata: x\n\n";
            assert_eq!(streamed(other, size), other, "{size}");
        }
    }

    #[test]
    fn line_ends_of_any_kind_hide_nothing() {
        let (head, tail) = LIST.split_once(" , ").unwrap();
        for end in ["\n", "\r", "\r\n"] {
            let stream = format!("\u{feff}data:{head}{end}data: , {tail}{end}id: 3{end}{end}");
            let passed = streamed(&stream, 5);
            assert!(passed.contains("echo") && !passed.contains("lete"), "{end:?} {passed}");
            assert!(passed.starts_with("id: 3\ndata: {"), "{passed}");
        }
    }

    #[test]
    fn an_event_that_has_no_end_is_not_kept_for_ever() {
        let mut filter = EventFilter::new(connector());
        for _ in 0..20 {
            assert_eq!(filter.push(&vec![b'x'; 1024 * 1024]), b"");
        }
        assert!(filter.held.len() <= LONGEST + 1);
    }
}
