//! actix answers bytes that are no HTTP by itself, with a status and nothing else. Such an answer is given the body
//! that all errors have. It is always the last on its connection.

use crate::refusal;

/// Statuses that it answers so.
const STATUSES: [u16; 4] = [400, 408, 431, 500];
/// Longer than the heads that it writes.
const LONGEST: usize = 256;

/// A bare answer at the end of the written bytes.
pub(crate) struct Bare {
    /// Where it begins.
    pub(crate) begins: usize,
    /// The answer that is sent in its place.
    pub(crate) instead: Vec<u8>,
}

/// Finds it. JSON, which answers end with otherwise, holds no line break.
pub(crate) fn at_the_end_of(written: &[u8]) -> Option<Bare> {
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail = written.len().saturating_sub(LONGEST);
    let begins = tail + written[tail..].windows(5).rposition(|window| window == b"HTTP/")?;
    let head = std::str::from_utf8(&written[begins..]).ok()?;
    let (status_line, rest) = head.split_once("\r\n")?;
    let status: u16 = status_line.split(' ').nth(1)?.parse().ok()?;
    let is_bare = STATUSES.contains(&status) && rest.starts_with("content-length: 0\r\n");
    is_bare.then(|| Bare { begins, instead: refusal::answer_with(status_line, &refusal::bare(status)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: now\r\n\r\n";

    #[test]
    fn a_bare_error_gets_the_shape_of_all_errors() {
        let bare = at_the_end_of(BARE.as_bytes()).expect("found");
        let text = String::from_utf8(bare.instead).expect("text");
        assert_eq!(bare.begins, 0);
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"), "{text}");
        assert!(text.contains("\r\n\r\n{\"error\":{\"code\":\"bad_request\""), "{text}");
    }

    #[test]
    fn it_is_found_behind_another_answer_and_nothing_else_is_taken_for_it() {
        let other = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(at_the_end_of(format!("{other}{BARE}").as_bytes()).expect("found").begins, other.len());
        let not_bare = ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\n"];
        for written in [other, &BARE[..BARE.len() - 1], "0\r\n\r\n", "", not_bare[0], not_bare[1]] {
            assert!(at_the_end_of(written.as_bytes()).is_none(), "{written}");
        }
    }
}
