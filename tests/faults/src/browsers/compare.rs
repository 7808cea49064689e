//! Compares what browsers show with what PostgreSQL has. Pure.
//!
//! - lost: a public message that a tab does not show, or shows otherwise; a text that the composer took and PostgreSQL does
//!   not have; one that still waits, or a tab without a connection
//! - duplicated: a message that a tab shows twice, a text that was stored twice, a second session
//! - inverted: a message above one that came before it; texts of a tab that were stored in another order
//! - leaked: a note, or what PostgreSQL does not have for this visitor

use std::collections::{BTreeMap, HashMap, HashSet};

use super::words::{ShownMessage, TabReport, VisitorReport};
use crate::checker::{Finding, Truth, Wrong};
use crate::frame::Message;
use crate::record::At;

/// All that is wrong.
#[must_use]
pub fn check(reports: &[VisitorReport], truth: &Truth) -> Vec<Finding> {
    reports.iter().flat_map(|report| check_visitor(report, truth)).collect()
}

/// How many messages are shown, of all tabs together.
#[must_use]
pub fn shown(reports: &[VisitorReport]) -> usize {
    tabs(reports).map(|tab| tab.shown.len()).sum()
}

/// Every tab.
pub fn tabs(reports: &[VisitorReport]) -> impl Iterator<Item = &TabReport> {
    reports.iter().flat_map(|report| &report.tabs)
}

fn check_visitor(report: &VisitorReport, truth: &Truth) -> Vec<Finding> {
    let Some(session) = report.sessions.first().copied() else {
        return vec![finding(Wrong::Lost, &report.name, 0, None, "it has no session".to_owned())];
    };
    let mut findings = Vec::new();
    if report.sessions.len() > 1 {
        let evidence = format!("its browser has several sessions: {:?}", report.sessions);
        findings.push(finding(Wrong::Duplicated, &report.name, session, None, evidence));
    }
    findings.extend(check_written(report, session, truth));
    for tab in &report.tabs {
        let name = format!("{}/{}", report.name, tab.tab);
        findings.extend(check_tab(&name, tab, session, truth));
    }
    findings
}

/// Every text is stored once, and those of a tab in the order in which it wrote them.
fn check_written(report: &VisitorReport, session: i64, truth: &Truth) -> Vec<Finding> {
    let mut stored: HashMap<&str, Vec<&Message>> = HashMap::new();
    for message in truth.messages.iter().filter(|message| message.sender_type == "client") {
        stored.entry(&message.body).or_default().push(message);
    }
    let mut tops: BTreeMap<u32, i64> = BTreeMap::new();
    let mut findings = Vec::new();
    for written in &report.written {
        let name = format!("{}/{}", report.name, written.tab);
        let mut found = |wrong, seq, evidence: &str| {
            findings.push(finding(wrong, &name, session, seq, format!("{evidence}: {:?}", written.text)));
        };
        match stored.get(written.text.as_str()).map(Vec::as_slice) {
            None | Some([]) => found(Wrong::Lost, None, "written, and PostgreSQL does not have it"),
            Some([one]) if one.chat_id != session => found(Wrong::Leaked, None, "stored in another chat"),
            Some([one]) => {
                let top = tops.entry(written.tab).or_default();
                if one.seq <= *top {
                    found(Wrong::Inverted, Some(one.seq), "stored after what was written later");
                }
                *top = one.seq.max(*top);
            }
            Some([_, again, ..]) => found(Wrong::Duplicated, Some(again.seq), "stored twice"),
        }
    }
    findings
}

fn check_tab(name: &str, tab: &TabReport, session: i64, truth: &Truth) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |wrong, seq, evidence| findings.push(finding(wrong, name, session, seq, evidence));
    if tab.queued > 0 {
        found(Wrong::Lost, None, format!("{} messages still wait", tab.queued));
    }
    if !tab.banner.is_empty() {
        found(Wrong::Lost, None, format!("it has no connection: {:?}", tab.banner));
    }
    if !tab.is_whole {
        found(Wrong::Lost, None, "the beginning of the history was not shown".to_owned());
    }
    let of_session = || truth.messages.iter().filter(|message| message.chat_id == session);
    let by_key: HashMap<String, &Message> = of_session().flat_map(|one| keys(one).map(|key| (key, one))).collect();
    let mut seen = HashSet::new();
    let mut top = 0;
    for shown in &tab.shown {
        let Some(message) = by_key.get(&shown.key).copied() else {
            found(Wrong::Leaked, None, format!("PostgreSQL does not have it for this visitor: {shown:?}"));
            continue;
        };
        let seq = Some(message.seq);
        if message.visibility == "staff" {
            found(Wrong::Leaked, seq, "a note for staff".to_owned());
        }
        if !is_as_stored(shown, message) {
            found(Wrong::Lost, seq, format!("shown otherwise than it is stored: {shown:?}"));
        }
        if !seen.insert(message.id) {
            found(Wrong::Duplicated, seq, format!("shown twice: message {}", message.id));
        } else if message.seq <= top {
            found(Wrong::Inverted, seq, format!("shown below {top}"));
        }
        top = message.seq.max(top);
    }
    for message in of_session().filter(|message| message.visibility != "staff" && !seen.contains(&message.id)) {
        found(Wrong::Lost, Some(message.seq), format!("not shown: message {}", message.id));
    }
    findings
}

/// A message may be known by its id alone, or by what the visitor called it.
fn keys(message: &Message) -> [String; 2] {
    [format!("m{}", message.id), message.client_id.to_string()]
}

fn is_as_stored(shown: &ShownMessage, message: &Message) -> bool {
    shown.text == message.body && shown.mine == (message.sender_type == "client")
}

fn finding(wrong: Wrong, client: &str, chat: i64, seq: Option<i64>, evidence: String) -> Finding {
    Finding { wrong, at: At::MAX, client: Some(client.to_owned()), chat, seq, evidence }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
