//! What a client was told, one line a frame, in a file beside the logs of the parts: the evidence when something is wrong.

use std::fs::{self, File};
use std::io::{LineWriter, Write};
use std::path::Path;

use super::link::Ended;
use crate::frame::Incoming;
use crate::record::At;

/// The file of one client. One that cannot be written is done without.
#[derive(Debug)]
pub(crate) struct Trace(Option<LineWriter<File>>);

impl Trace {
    pub(crate) fn open(logs: &Path, name: &str) -> Self {
        let folder = logs.join("clients");
        let file = fs::create_dir_all(&folder).and_then(|()| File::create(folder.join(format!("{name}.log"))));
        Self(file.ok().map(LineWriter::new))
    }

    pub(crate) fn opens(&mut self, at: At, cursors: &str) {
        self.write(at, &format!("opens with {cursors}"));
    }

    pub(crate) fn hears(&mut self, at: At, connection: u32, frame: &Incoming) {
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let (chat, seq) = (number(frame.chat()), number(frame.seq));
        let id = number(frame.data["id"].as_i64());
        self.write(at, &format!("#{connection} {} chat {chat} seq {seq} id {id} {}", frame.kind, frame.error));
    }

    pub(crate) fn asks(&mut self, at: At, what: &str) {
        self.write(at, what);
    }

    pub(crate) fn ended(&mut self, at: At, ended: &Ended) {
        self.write(at, &format!("ended: {ended:?}"));
    }

    fn write(&mut self, at: At, line: &str) {
        if let Some(file) = &mut self.0 {
            let _done_without = writeln!(file, "{:.3} {}", at.as_secs_f64(), line.trim_end_matches(" null"));
        }
    }
}
