//! The table of a run, for people, and its last line, for machines.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::browsers::compare;
use crate::browsers::words::VisitorReport;
use crate::checker::{Finding, Truth, Verdict, Wrong};
use crate::feed;
use crate::footprint::{Footprint, Trail};
use crate::injector::Hit;
use crate::record::{At, ClientKind, Records, Who};

/// Findings of one sort, client and chat that are written out; more are only counted.
const SHOWN_ALIKE: usize = 5;
/// Unanswered messages that are written out.
const SHOWN_UNANSWERED: usize = 20;

/// What a run came to.
pub struct Outcome {
    /// What was seen.
    pub records: Records,
    /// What PostgreSQL has.
    pub truth: Truth,
    /// What the checker says.
    pub verdict: Verdict,
    /// What browsers show in the end.
    pub screens: Vec<VisitorReport>,
    /// The faults in their order.
    pub hits: Vec<Hit>,
    /// What it was drawn from.
    pub seed: u64,
    /// Events that nobody took.
    pub waiting_events: i64,
    /// Whether the services must use no more of the machine in the end than at the start.
    pub is_endurance: bool,
}

/// One row: what happened from a fault until the next one, or, of the first row, before the first.
#[derive(Debug, Default, Clone)]
struct Row {
    count: usize,
    not_counted: usize,
    in_flight: usize,
    sent: usize,
    answered: usize,
    delivered: usize,
    wrongs: [usize; 4],
    longest_silence: Duration,
    flowed: Option<Duration>,
    caught_up: Option<Duration>,
    part: Option<Duration>,
    is_stuck: bool,
}

impl Row {
    /// A message that was answered at one time was shown at another.
    fn note_delay(&mut self, answered: At, shown: At, hit: Option<&Hit>) {
        self.longest_silence = self.longest_silence.max(shown.saturating_sub(answered));
        if let Some(hit) = hit.filter(|hit| answered <= hit.at + hit.outage) {
            self.caught_up = self.caught_up.max(shown.checked_sub(hit.at));
        }
    }
}

impl Outcome {
    fn refusals(&self) -> usize {
        let of_clients: usize = self.records.clients.iter().map(|client| client.refusals.len()).sum();
        of_clients + usize::from(self.records.feed_refusal.is_some())
    }

    /// Kinds of faults that never hit anything in flight.
    #[must_use]
    pub fn never_counted(&self) -> Vec<String> {
        let rows = self.rows();
        rows.iter().filter(|(_, row)| row.count == 0 && row.not_counted > 0).map(|(name, _)| name.clone()).collect()
    }

    /// Whether all is as it should be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let is_clean = self.verdict.findings.is_empty() && self.refusals() == 0;
        let is_clean = is_clean && self.swollen().is_empty();
        is_clean && self.records.never_resumed().is_empty() && self.never_counted().is_empty() && self.verdict.sent > 0
    }

    /// What grew with an outage, in words.
    #[must_use]
    pub fn swollen(&self) -> Vec<String> {
        let mut words = Vec::new();
        for hit in self.hits.iter().filter(|_| self.is_endurance) {
            for (part, trail) in &hit.trails {
                for (what, start, most, room) in trail.figures() {
                    if most > start + room {
                        words.push(format!("{part} in {}: {what} grew from {start} to {most}", hit.kind));
                    }
                }
            }
        }
        words
    }

    /// The whole report.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write_table(&mut text);
        if self.is_endurance {
            self.write_trails(&mut text);
        }
        self.write_clients(&mut text);
        self.write_screens(&mut text);
        self.write_findings(&mut text);
        let _infallible = writeln!(text, "{}", self.last_line());
        text
    }

    fn last_line(&self) -> String {
        let Verdict { sent, answered, delivered, .. } = self.verdict;
        let count = |wrong| self.verdict.count(wrong);
        format!(
            "sent={sent} answered={answered} delivered={delivered} lost={} duplicated={} inverted={} leaked={} \
             refused={} faults={} feed={} browsers={} shown={} seed={}",
            count(Wrong::Lost),
            count(Wrong::Duplicated),
            count(Wrong::Inverted),
            count(Wrong::Leaked),
            self.refusals(),
            self.hits.iter().filter(|hit| hit.counts).count(),
            self.records.feed.len(),
            compare::tabs(&self.screens).count(),
            compare::shown(&self.screens),
            self.seed
        )
    }

    // --- the table -----------------------------------------------------------------------------------------

    fn rows(&self) -> BTreeMap<String, Row> {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for hit in &self.hits {
            let row = rows.entry(hit.kind.to_string()).or_default();
            row.count += usize::from(hit.counts);
            row.not_counted += usize::from(!hit.counts);
            row.in_flight += hit.in_flight.unseen + hit.in_flight.unanswered;
            row.flowed = row.flowed.max(hit.flowed_after);
            row.part = row.part.max(hit.part_after);
            row.is_stuck |= hit.flowed_after.is_none() || hit.caught_up_after.is_none();
        }
        self.add_traffic(&mut rows);
        rows
    }

    fn add_traffic(&self, rows: &mut BTreeMap<String, Row>) {
        let mut answered_at = BTreeMap::new();
        for sent in &self.records.sent {
            self.row(rows, sent.at).sent += 1;
            if let Some((at, _)) = sent.answered {
                self.row(rows, at).answered += 1;
                answered_at.insert(sent.client_id, at);
            }
        }
        for client in &self.records.clients {
            // Who was out of a chat for a while reads then what was said meanwhile: that was no silence.
            let stayed = !self.came_and_went(client.who);
            for shown in &client.shown {
                let client_id = shown.frame.message().map(|message| message.client_id);
                let Some(at) = client_id.and_then(|client_id| answered_at.get(&client_id)) else { continue };
                let row = self.row(rows, *at);
                row.delivered += 1;
                if stayed {
                    row.note_delay(*at, shown.at, self.hit_before(*at));
                }
            }
        }
        for finding in &self.verdict.findings {
            self.row(rows, finding.at).wrongs[finding.wrong as usize] += 1;
        }
    }

    fn came_and_went(&self, who: Who) -> bool {
        let Who::User { user } = who else { return false };
        self.records.members.iter().any(|change| change.user == user && change.seq > 0)
    }

    /// The last fault before a time.
    fn hit_before(&self, at: At) -> Option<&Hit> {
        self.hits.iter().rev().find(|hit| hit.at <= at).filter(|_| at != At::MAX)
    }

    /// The row of what happened at a time.
    fn row<'a>(&self, rows: &'a mut BTreeMap<String, Row>, at: At) -> &'a mut Row {
        let name = self.hit_before(at).map_or_else(|| "none".to_owned(), |hit| hit.kind.to_string());
        rows.entry(name).or_default()
    }

    fn write_table(&self, text: &mut String) {
        let _infallible = writeln!(
            text,
            "\n{:<26}{:>6}{:>10}{:>7}{:>9}{:>10}{:>6}{:>6}{:>6}{:>6}{:>10}{:>8}{:>10}{:>7}",
            "fault",
            "count",
            "in flight",
            "sent",
            "answered",
            "delivered",
            "lost",
            "twice",
            "order",
            "leak",
            "silence s",
            "flow s",
            "all s",
            "part s"
        );
        for (name, row) in self.rows() {
            let count = match row.not_counted {
                0 => row.count.to_string(),
                not => format!("{}+{not}?", row.count),
            };
            let [lost, twice, order, leak] = row.wrongs;
            let stuck = if row.is_stuck { "stuck" } else { "-" };
            let _infallible = writeln!(
                text,
                "{name:<26}{count:>6}{:>10}{:>7}{:>9}{:>10}{lost:>6}{twice:>6}{order:>6}{leak:>6}{:>10}{:>8}{:>10}{:>7}",
                row.in_flight,
                row.sent,
                row.answered,
                row.delivered,
                seconds(Some(row.longest_silence), "-"),
                seconds(row.flowed, stuck),
                seconds(row.caught_up, "-"),
                seconds(row.part, "-"),
            );
        }
        text.push_str(
            "count: faults that hit messages in flight (+n? hit none); in flight: messages sent and not yet shown by all, \
             at the hits;\nsilence: longest from an answer to a screen; flow: from a hit until a new message was shown by \
             all; all: until all that was answered before the healing was;\npart: from the healing until messages went through the part \
             again (- where another does its work)\n",
        );
    }

    fn write_trails(&self, text: &mut String) {
        let _infallible = writeln!(
            text,
            "\n{:<26}{:<20}{:>24}{:>24}{:>24}",
            "at start, most, at the end", "", "resident MiB", "threads", "descriptors"
        );
        for hit in &self.hits {
            for (part, Trail { start, peak, end }) in &hit.trails {
                let cell = |of: fn(&Footprint) -> u64| format!("{} {} {}", of(start), of(peak), of(end));
                let _infallible = writeln!(
                    text,
                    "{:<26}{:<20}{:>24}{:>24}{:>24}",
                    hit.kind.to_string(),
                    part.to_string(),
                    cell(|footprint| footprint.memory),
                    cell(|footprint| footprint.threads),
                    cell(|footprint| footprint.descriptors),
                );
            }
        }
    }

    // --- the rest ------------------------------------------------------------------------------------------

    fn write_clients(&self, text: &mut String) {
        let _infallible = writeln!(
            text,
            "\n{:<20}{:>8}{:>12}{:>9}{:>11}  how connections ended",
            "clients", "number", "connections", "resumes", "with news"
        );
        for kind in ClientKind::ALL {
            let of_kind: Vec<_> = self.records.clients.iter().filter(|client| client.kind() == kind).collect();
            let connections: u32 = of_kind.iter().map(|client| client.connections).sum();
            let (resumes, news) = self.records.resumes(kind);
            let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
            for (how, times) in of_kind.iter().flat_map(|client| &client.ends) {
                *ends.entry(how).or_default() += times;
            }
            let ends: Vec<String> = ends.iter().map(|(how, times)| format!("{how} {times}")).collect();
            let _infallible = writeln!(
                text,
                "{:<20}{:>8}{connections:>12}{resumes:>9}{news:>11}  {}",
                kind.to_string(),
                of_kind.len(),
                ends.join(", ")
            );
        }
    }

    fn write_screens(&self, text: &mut String) {
        for VisitorReport { name, sessions, written, retried, reloads, tabs } in &self.screens {
            let shown: Vec<String> = tabs.iter().map(|tab| tab.shown.len().to_string()).collect();
            let _infallible = writeln!(
                text,
                "{name} in chat {sessions:?}: wrote {}, sent {retried} again by hand, loaded {reloads} times anew; its tabs \
                 show {} messages",
                written.len(),
                shown.join(" and ")
            );
        }
    }

    fn write_findings(&self, text: &mut String) {
        let mut alike: BTreeMap<(usize, Option<&str>, i64), Vec<&Finding>> = BTreeMap::new();
        for finding in &self.verdict.findings {
            let key = (finding.wrong as usize, finding.client.as_deref(), finding.chat);
            alike.entry(key).or_default().push(finding);
        }
        for findings in alike.values() {
            for finding in findings.iter().take(SHOWN_ALIKE) {
                let _infallible = writeln!(text, "{finding}");
            }
            if let Some(more @ 1..) = findings.len().checked_sub(SHOWN_ALIKE) {
                let _infallible = writeln!(text, "  and {more} more like this");
            }
        }
        for client in &self.records.clients {
            for (at, why) in &client.refusals {
                let _infallible = writeln!(text, "Refused: {}, at {:.3} s: {why}", client.name, at.as_secs_f64());
            }
        }
        if let Some(why) = &self.records.feed_refusal {
            let _infallible = writeln!(text, "Refused: {}: {why}", feed::NAME);
        }
        for words in self.swollen() {
            let _infallible = writeln!(text, "Swollen: {words}");
        }
        for kind in self.records.never_resumed() {
            let _infallible = writeln!(text, "Never resumed with a cursor: {kind}");
        }
        for kind in self.never_counted() {
            let _infallible = writeln!(text, "Never hit a message in flight: {kind}");
        }
        let unanswered: Vec<_> = self.records.sent.iter().filter(|sent| sent.answered.is_none()).collect();
        for sent in unanswered.iter().take(SHOWN_UNANSWERED) {
            let why = sent.refused.as_deref().unwrap_or("no answer");
            let _infallible = writeln!(
                text,
                "Unanswered: {:?} in chat {}, at {:.3} s, {} tries: {why}",
                sent.by,
                sent.chat,
                sent.at.as_secs_f64(),
                sent.attempts
            );
        }
        if self.waiting_events > 0 {
            let _infallible = writeln!(text, "The outbox still has {} events", self.waiting_events);
        }
        let chats = self.truth.chats.len();
        let _infallible = writeln!(text, "PostgreSQL has {} messages in {chats} chats", self.truth.messages.len());
    }
}

/// One line for a fault, while the run goes on.
#[must_use]
pub fn line(hit: &Hit) -> String {
    format!(
        "{:>7.1} s  {:<26}{:<34}{:>3} in flight  outage {:>5}  flow {:>5}  calm {:>5}  part {:>5}{}",
        hit.at.as_secs_f64(),
        hit.kind.to_string(),
        hit.target,
        hit.in_flight.unseen + hit.in_flight.unanswered,
        seconds(Some(hit.outage), "-"),
        seconds(hit.flowed_after, "stuck"),
        seconds(hit.caught_up_after, "stuck"),
        seconds(hit.part_after, "-"),
        if hit.counts { "" } else { "  does not count" }
    )
}

fn seconds(time: Option<Duration>, none: &str) -> String {
    time.map_or_else(|| none.to_owned(), |time| format!("{:.2}", time.as_secs_f64()))
}
