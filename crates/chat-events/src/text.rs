//! The visible content of a text, by Unicode's own properties: nothing at all, or something else than the text says.
//!
//! Joiners, LRM, RLM and variation selectors show nothing by themselves and stay where they are: emoji, Persian and texts of
//! both directions need them.

use icu_properties::CodePointSetData;
use icu_properties::CodePointSetDataBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, NoncharacterCodePoint, WhiteSpace};
use serde::de::value::Error as ValueError;
use serde::de::{DeserializeOwned, Error, IntoDeserializer};
use serde::{Deserialize, Deserializer};

const WHITE_SPACE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<WhiteSpace>();
const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();
const NO_CHARACTER: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<NoncharacterCodePoint>();

/// Neither white space nor ignorable by their properties, and blank all the same: the interlinear annotations, a Braille
/// pattern without dots, the place of an object, two blanks of Egyptian, a filler of Khitan and the note without a head.
const BLANK: [char; 9] =
    ['\u{2800}', '\u{fff9}', '\u{fffa}', '\u{fffb}', '\u{fffc}', '\u{13441}', '\u{13442}', '\u{16fe4}', '\u{1d159}'];

/// The characters that show nothing, as far as patterns of JSON schema can say it: for a class of characters. It holds
/// those of the basic plane, since patterns count in units of UTF-16.
pub const INVISIBLE: &str = r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff";

const POP_EMBEDDING: char = '\u{202c}';
const POP_ISOLATE: char = '\u{2069}';

/// A name out of a list, as text. serde would also read `{"open": null}`.
pub fn name<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    T::deserialize(name.into_deserializer())
}

/// The same where null, or nothing, is as good.
pub fn optional_name<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| T::deserialize(name.into_deserializer()).map_err(D::Error::custom::<ValueError>)).transpose()
}

/// Whether a character shows something by itself.
#[must_use]
pub fn is_visible(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_graphic();
    }
    !character.is_control()
        && !WHITE_SPACE.contains(character)
        && !IGNORABLE.contains(character)
        && !NO_CHARACTER.contains(character)
        && !BLANK.contains(&character)
}

/// Whether a text shows nothing at all. The first character that shows something ends the search.
#[must_use]
pub fn shows_nothing(text: &str) -> bool {
    !text.chars().any(is_visible)
}

/// Whether a text is an address of the web. Nothing else may end up in a link that operators click.
#[must_use]
pub fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_visible))
}

/// A text as one line among others: control characters and separators of lines become spaces, and characters that would
/// turn the direction of the text around it are left out.
#[must_use]
pub fn one_line(text: String) -> String {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return text;
    }
    let as_shown = |character: char| match character {
        '\u{2028}' | '\u{2029}' => Some(' '),
        _ if character.is_control() => Some(' '),
        _ if turns_direction(character) => None,
        _ => Some(character),
    };
    text.chars().filter_map(as_shown).collect()
}

/// Closes embeddings, overrides and isolates at the end of their paragraph, where they end anyway (UAX #9, section 3.3.2),
/// and leaves out characters that close none, so that nothing around the text is turned. Done twice it changes nothing
/// more.
#[must_use]
pub fn close_directions(text: String) -> String {
    // All of them begin with this byte.
    if !text.as_bytes().contains(&0xe2) || !text.contains(turns_direction) {
        return text;
    }
    let (mut closed, mut open) = (String::with_capacity(text.len() + 16), Vec::new());
    for character in text.chars() {
        match character {
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => open.push(POP_EMBEDDING),
            '\u{2066}'..='\u{2068}' => open.push(POP_ISOLATE),
            POP_EMBEDDING if open.last() != Some(&POP_EMBEDDING) => continue,
            POP_EMBEDDING => _ = open.pop(),
            // It ends the embeddings inside the isolate too.
            POP_ISOLATE => match open.iter().rposition(|closer| *closer == POP_ISOLATE) {
                Some(isolate) => open.truncate(isolate),
                None => continue,
            },
            '\n' | '\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2029}' => closed.extend(open.drain(..).rev()),
            _ => {}
        }
        closed.push(character);
    }
    closed.extend(open.drain(..).rev());
    closed
}

/// The explicit directional formatting characters.
fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_known_by_its_properties() {
        for nothing in [
            "",
            " \n\t",
            "\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "\u{115f}\u{1160}",
            "\u{feff}",
            "\u{ffa0}",
            "\u{ad}",
            "\u{200d}\u{fe0f}",
            "\u{202e}",
            "\u{2028}",
            "\u{85}\u{1}",
            "\u{e0041}",
            "\u{180e}\u{3000}",
            "\u{fffa}",
        ] {
            assert!(shows_nothing(nothing), "{}", nothing.escape_unicode());
        }
        for something in
            ["a", " .", "é", "नमस्ते", "می\u{200c}خواهم", "👩\u{200d}💻", "❤\u{fe0f}", "\u{301}", "\u{600}", "\u{e000}"]
        {
            assert!(!shows_nothing(something), "{something}");
        }
    }

    #[test]
    fn an_open_direction_is_closed_at_the_end_of_its_paragraph() {
        for (sent, kept) in [
            ("plain \u{2019}", "plain \u{2019}"),
            ("\u{202e}abc", "\u{202e}abc\u{202c}"),
            ("\u{202e}abc\ndef", "\u{202e}abc\u{202c}\ndef"),
            ("\u{202e}abc\u{202c}", "\u{202e}abc\u{202c}"),
            ("\u{2067}a\u{202a}b", "\u{2067}a\u{202a}b\u{202c}\u{2069}"),
            ("\u{2067}a\u{202a}b\u{2069}c\u{202c}", "\u{2067}a\u{202a}b\u{2069}c"),
            ("\u{202a}a\u{2066}b\u{202c}\u{2069}c", "\u{202a}a\u{2066}b\u{2069}c\u{202c}"),
            ("a\u{2069}b\u{202c}", "ab"),
            ("می\u{200c}خواهم\u{200e}\u{200f}", "می\u{200c}خواهم\u{200e}\u{200f}"),
        ] {
            let closed = close_directions(sent.to_owned());
            assert_eq!(closed, kept, "{}", sent.escape_unicode());
            assert_eq!(close_directions(closed), kept);
        }
    }

    #[test]
    fn a_name_is_one_line_that_turns_nothing() {
        assert_eq!(one_line("Ada Lovelace".into()), "Ada Lovelace");
        assert_eq!(one_line("A\u{202e}d\u{2066}a\nB\t\u{9b}\u{2028}C".into()), "Ada B   C");
        assert_eq!(one_line("علی\u{200c}رضا \u{200f}👩\u{200d}💻".into()), "علی\u{200c}رضا \u{200f}👩\u{200d}💻");
    }
}
