//! Answers that are given without HTTP being read.

use std::io::{Read, Write};
use std::net::Shutdown;

use chat_events::{ErrorBody, ErrorCode, ErrorEnvelope};

/// An HTTP answer in the one shape of an error, after which the connection ends.
pub(crate) fn answer(error: &ErrorBody) -> Vec<u8> {
    let status = actix_http::StatusCode::from_u16(error.code.status()).unwrap_or_default();
    answer_with(&format!("HTTP/1.1 {status}"), error)
}

/// The same behind a status line that is given.
pub(crate) fn answer_with(status_line: &str, error: &ErrorBody) -> Vec<u8> {
    let body = serde_json::to_vec(&ErrorEnvelope { error: error.clone() }).unwrap_or_default();
    let wait = error.details.get("retry_after").and_then(serde_json::Value::as_u64);
    let wait = wait.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    let head = format!(
        "{status_line}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n\
         {wait}Connection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// Tells a connection that was just accepted why it is not served. It is to be closed then.
pub fn refuse(mut stream: impl Read + Write, why: &ErrorBody, end: impl FnOnce() -> std::io::Result<()>) {
    // Bytes that came already must be read: closed with bytes unread, the kernel throws the answer away. The first
    // bytes of a connection always fit in its send buffer, and the peer may be gone.
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(&answer(why)).and_then(|()| end());
}

/// The same for a socket of the standard library.
pub(crate) fn refuse_stream(stream: &std::net::TcpStream, why: &ErrorBody) {
    refuse(stream, why, || stream.shutdown(Shutdown::Write));
}

/// The error that the peer is told when actix answers by itself.
pub(crate) fn bare(status: u16) -> ErrorBody {
    match status {
        408 => ErrorBody::new(ErrorCode::BadRequest, "the request did not come in time"),
        431 => ErrorBody::new(ErrorCode::TooLarge, "the head of the request is too large"),
        500 => ErrorBody::new(ErrorCode::Internal, "something went wrong on our side"),
        _ => ErrorBody::new(ErrorCode::BadRequest, "this is no HTTP request that can be read"),
    }
}
