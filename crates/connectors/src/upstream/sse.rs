//! Server-sent events, as far as MCP uses them: the data of each complete event.

/// Splits a stream of bytes into the data of its events (WHATWG HTML §9.2.6).
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_carriage_return: bool,
}

impl Events {
    /// Takes the next bytes and gives the data of the events they complete.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Vec<u8>> {
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
    pub(super) fn held(&self) -> usize {
        self.line.len() + self.data.len()
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let complete = std::mem::take(&mut self.has_data);
            let data = std::mem::take(&mut self.data);
            return complete.then_some(data);
        }
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        if field == b"data" {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            self.has_data = true;
        }
        None
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
    fn an_unfinished_event_is_no_event() {
        assert!(events(&["data: a\n"]).is_empty());
        assert!(events(&["id: 1\n\n"]).is_empty());
    }
}
