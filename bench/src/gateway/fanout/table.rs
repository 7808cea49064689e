//! Medians over the rounds, and ratios to the floor taken within each round: what else the machine does in a round
//! concerns both.

use std::fmt::Write;

use super::round::Figures;
use crate::figures::{median, median_with_spread};
use crate::gateway::subject::Kind;

/// What each round found of each server.
pub(crate) struct Rounds {
    pub(crate) kinds: Vec<Kind>,
    /// By round, in the order of `kinds`.
    pub(crate) figures: Vec<Vec<Figures>>,
}

type Column = fn(&Figures) -> f64;

impl Rounds {
    fn of(&self, kind: Kind) -> impl Iterator<Item = &Figures> {
        let place = self.kinds.iter().position(|other| *other == kind);
        self.figures.iter().filter_map(move |round| round.get(place?))
    }

    fn median(&self, kind: Kind, column: Column) -> f64 {
        median(self.of(kind).map(column))
    }

    /// To the floor, round by round.
    fn ratios(&self, kind: Kind, column: Column) -> impl Iterator<Item = f64> {
        self.of(kind).zip(self.of(Kind::Floor)).map(move |(one, floor)| column(one) / column(floor))
    }

    fn ratio(&self, kind: Kind, column: Column) -> f64 {
        median(self.ratios(kind, column))
    }

    fn ratio_with_spread(&self, kind: Kind, column: Column) -> String {
        median_with_spread(self.ratios(kind, column), 2)
    }

    /// Two tables in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| server | CPU µs per delivery | to floor | all have it after, ms | to floor | first to last, ms | to floor | bytes of a frame |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for &kind in self.kinds.iter().filter(|kind| kind.has_messages()) {
            let median = |column| self.median(kind, column);
            let ratio = |column| self.ratio_with_spread(kind, column);
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "| {} | {:.2} | {} | {:.1} | {} | {:.1} | {} | {:.0} |",
                kind.name(),
                median(DELIVERY),
                ratio(DELIVERY),
                median(WHOLE),
                ratio(WHOLE),
                median(SPREAD),
                ratio(SPREAD),
                median(|figures| figures.frame_bytes),
            );
        }
        text.push_str(
            "\n| server | KiB per connection, idle | after the messages | after all came back | CPU µs per connect | to floor | with whom it asks | to floor |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for &kind in &self.kinds {
            let median = |column| self.median(kind, column);
            let ratio = |column| self.ratio_with_spread(kind, column);
            let resumed = self.of(kind).filter_map(|figures| figures.resumed_kib);
            let resumed: Vec<f64> = resumed.collect();
            let came_back =
                if resumed.is_empty() { "–".to_owned() } else { format!("{:.2}", crate::figures::median(resumed)) };
            let used = if kind.has_messages() { format!("{:.2}", median(USED)) } else { "–".to_owned() };
            let _ = writeln!(
                text,
                "| {} | {:.2} | {used} | {came_back} | {:.1} | {} | {:.1} | {} |",
                kind.name(),
                median(IDLE),
                median(CONNECT),
                ratio(CONNECT),
                median(CONNECT_WITH_ASKED),
                ratio(CONNECT_WITH_ASKED),
            );
        }
        let client = self
            .kinds
            .iter()
            .filter(|kind| kind.has_messages())
            .map(|kind| self.median(*kind, |figures| figures.client_us));
        let _ = writeln!(text, "\nThe load generator took {:.2} µs per delivery, on its own core.", median(client));
        text
    }

    /// The gateway's figures for machines.
    pub(crate) fn line(&self) -> String {
        let ratio = |column| self.ratio(Kind::Switchboard, column);
        let median = |column| self.median(Kind::Switchboard, column);
        let visitors = |column| self.ratio(Kind::Visitors, column);
        let returning = |column| self.ratio(Kind::Returning, column);
        format!(
            "fanout_to_floor={:.3} all_have_it_to_floor={:.3} first_to_last_to_floor={:.3} kib_per_socket={:.2} \
             kib_after_resumes={:.2} connect_to_floor={:.2} connect_with_chat_service_to_floor={:.2} \
             returning_connect_to_floor={:.2} returning_connect_with_chat_service_to_floor={:.2} \
             visitor_connect_to_floor={:.2} visitor_connect_with_chat_service_to_floor={:.2} kib_per_visitor={:.2}",
            ratio(DELIVERY),
            ratio(WHOLE),
            ratio(SPREAD),
            median(IDLE),
            median(|figures| figures.resumed_kib.unwrap_or_default()),
            ratio(CONNECT),
            ratio(CONNECT_WITH_ASKED),
            returning(CONNECT),
            returning(CONNECT_WITH_ASKED),
            visitors(CONNECT),
            visitors(CONNECT_WITH_ASKED),
            self.median(Kind::Visitors, IDLE),
        )
    }
}

const DELIVERY: Column = |figures| figures.delivery_us;
const WHOLE: Column = |figures| figures.whole_ms;
const SPREAD: Column = |figures| figures.spread_ms;
const IDLE: Column = |figures| figures.idle_kib;
const USED: Column = |figures| figures.used_kib;
const CONNECT: Column = |figures| figures.connect_us;
const CONNECT_WITH_ASKED: Column = |figures| figures.connect_with_asked_us;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let round = |floor: f64, gateway: f64| {
            [floor, gateway].map(|delivery_us| Figures { delivery_us, ..Figures::default() }).to_vec()
        };
        // The second round was disturbed, and disturbed both.
        let figures = vec![round(3.0, 3.3), round(9.0, 9.9), round(3.0, 3.6)];
        let rounds = Rounds { kinds: vec![Kind::Floor, Kind::Switchboard], figures };
        assert!(rounds.line().starts_with("fanout_to_floor=1.100 "), "{}", rounds.line());
        assert!(rounds.markdown().contains("| Switchboard | 3.60 | 1.10 (1.10–1.20) |"), "{}", rounds.markdown());
    }
}
