//! Server-sent events, as far as MCP uses them: each event's name and data, the id to resume from, the
//! time to wait before that.

use std::time::Duration;

/// The longest id of an event that is remembered, in bytes.
const LONGEST_ID: usize = 1024;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name; empty where it has none, which means `message`.
    pub(super) name: Vec<u8>,
    /// Its data.
    pub(super) data: Vec<u8>,
}

/// Splits a stream of bytes into events (WHATWG HTML §9.2.6).
#[derive(Default)]
pub struct Events {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_carriage_return: bool,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl Events {
    /// Takes the next bytes and gives the data of the events they complete.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Vec<u8>> {
        self.push_named(chunk).into_iter().map(|event| event.data).collect()
    }

    /// As [`Self::push`], with the events' names.
    pub(super) fn push_named(&mut self, chunk: &[u8]) -> Vec<Event> {
        let mut complete = Vec::new();
        for &byte in chunk {
            let line_feed_of_pair = self.after_carriage_return && byte == b'\n';
            self.after_carriage_return = byte == b'\r';
            match byte {
                _ if line_feed_of_pair => {}
                b'\n' | b'\r' => complete.extend(self.end_line()),
                byte => self.line.push(byte),
            }
        }
        complete
    }

    /// How many bytes of an unfinished event are held.
    pub fn held(&self) -> usize {
        self.line.len() + self.name.len() + self.data.len()
    }

    /// The id of the last event that had one: where to resume.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long the server asks to wait before resuming.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Forgets what is unfinished, for a stream that goes on where another broke off.
    pub fn resume(&mut self) {
        self.line.clear();
        self.name.clear();
        self.data.clear();
        (self.has_data, self.after_carriage_return) = (false, false);
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let complete = std::mem::take(&mut self.has_data);
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            return complete.then_some(Event { name, data });
        }
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        self.field(field, value.strip_prefix(b" ").unwrap_or(value));
        None
    }

    fn field(&mut self, field: &[u8], value: &[u8]) {
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => value.clone_into(&mut self.name),
            b"id" if value.len() <= LONGEST_ID && !value.contains(&0) => {
                self.last_id = std::str::from_utf8(value).ok().map(str::to_owned);
            }
            b"retry" => {
                let millis = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.retry = millis.map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> Vec<String> {
        let mut events = Events::default();
        let data = chunks.iter().flat_map(|chunk| events.push(chunk.as_bytes()));
        data.map(|data| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn every_line_ending_ends_a_line() {
        for ending in ["\n", "\r", "\r\n"] {
            let text = format!("event: message{ending}data: a{ending}data:b{ending}{ending}");
            assert_eq!(events(&[&text]), ["a\nb"], "{ending:?}");
        }
    }

    #[test]
    fn chunks_may_split_anywhere() {
        let text = ": hello\r\n\r\ndata: {\"é\":1}\r\n\r\ndata: 2\r\n\r\n";
        for at in 0..text.len() {
            let (a, b) = text.as_bytes().split_at(at);
            let mut parser = Events::default();
            let mut data = parser.push(a);
            data.extend(parser.push(b));
            assert_eq!(data, [b"{\"\xc3\xa9\":1}".to_vec(), b"2".to_vec()]);
        }
    }

    #[test]
    fn an_event_has_the_name_that_it_was_given_and_the_next_one_has_not() {
        let mut events = Events::default();
        let named = events.push_named(b"event: endpoint\ndata: /a\n\nevent: lost\n\ndata: b\n\n");
        let event = |name: &str, data: &str| Event { name: name.into(), data: data.into() };
        assert_eq!(named, [event("endpoint", "/a"), event("", "b")]);
    }

    #[test]
    fn an_unfinished_event_is_no_event() {
        assert!(events(&["data: a\n"]).is_empty());
        assert!(events(&["id: 1\n\n"]).is_empty());
    }

    #[test]
    fn an_id_and_a_wait_are_remembered_for_resuming() {
        let mut events = Events::default();
        events.push(b"id: 7\nretry: 500\ndata:\n\nid: 8\0\nretry: soon\n\n");
        assert_eq!(events.last_id(), Some("7"));
        assert_eq!(events.retry(), Some(Duration::from_millis(500)));
    }
}
