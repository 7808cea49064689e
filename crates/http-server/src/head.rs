//! Where the head of a request ends. actix reads on while it answers, and keeps the bytes that it read: it is given one
//! request at a time.
//!
//! This only decides how much is handed over. Only actix finds out the meaning of the bytes, so a wrong guess does no
//! harm.

/// How far into a head a connection is.
#[derive(Debug, Default)]
pub(crate) struct Head {
    line: Line,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing yet but empty lines, which are passed over.
    #[default]
    Before,
    Inside,
    /// A line has ended.
    Ended,
    /// Behind that, a carriage return has come.
    Returned,
}

impl Head {
    /// Whether something of it has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.line != Line::Before
    }

    /// How many of these bytes belong to it, if it ends among them.
    pub(crate) fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            self.line = match (self.line, byte) {
                (Line::Before, b'\r' | b'\n') => Line::Before,
                (Line::Ended | Line::Returned, b'\n') => {
                    *self = Self::default();
                    return Some(index + 1);
                }
                (Line::Ended, b'\r') => Line::Returned,
                (_, b'\n') => Line::Ended,
                _ => Line::Inside,
            };
        }
        None
    }
}

/// The length of a body, as this head says it: then the body can be handed over with its head.
pub(crate) fn length_of_body(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let lines = head.split(|byte| *byte == b'\n');
    let line = lines.skip(1).find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)));
    let digits = line.and_then(|line| std::str::from_utf8(line.get(NAME.len()..)?).ok());
    digits.and_then(|digits| digits.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<usize> {
        Head::default().end_in(text.as_bytes())
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(end(head), Some(head.len()));
        assert_eq!(end(&format!("{head}GET / HTTP/1.1\r\n\r\n")), Some(head.len()));
        assert_eq!(end(&format!("\r\n\r\n\n{head}")), Some(head.len() + 5));
        assert_eq!(end("GET /\nHost: a\n\nbody"), Some(15));
        assert_eq!(end("GET /\r\nHost: a\r\n\r"), None);
        assert_eq!(end("GET /\r\n\rHost: a"), None);
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        let mut head = Head::default();
        let text = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let ends: Vec<_> = text.chunks(1).map(|byte| head.end_in(byte).is_some()).collect();
        assert_eq!(ends.iter().position(|ended| *ended), Some(text.len() - 1));
        assert!(!head.has_begun());
    }

    #[test]
    fn the_length_of_a_body_is_found_in_its_head() {
        assert_eq!(length_of_body(b"POST / HTTP/1.1\r\nHost: a\r\nContent-LENGTH:  12 \r\n\r\n"), 12);
        assert_eq!(length_of_body(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
        assert_eq!(length_of_body(b"POST / HTTP/1.1\r\nContent-Length: -4\r\n\r\n"), 0);
    }
}
