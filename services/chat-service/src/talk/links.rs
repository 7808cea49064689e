//! Addresses of the web in a text.

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    /// An address of `http` or `https`, as it stands there.
    Link(&'a str),
}

/// The parts of a text, in order; together they are the text.
pub(super) fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    let mut next = None;
    std::iter::from_fn(move || {
        if let Some(link) = next.take() {
            return Some(Part::Link(link));
        }
        let Some((start, length)) = first_link(rest) else {
            return (!rest.is_empty()).then(|| Part::Text(std::mem::take(&mut rest)));
        };
        let (before, from) = rest.split_at(start);
        let (link, after) = from.split_at(length);
        rest = after;
        if before.is_empty() {
            return Some(Part::Link(link));
        }
        next = Some(link);
        Some(Part::Text(before))
    })
}

/// Where the first address begins, and its length.
fn first_link(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("http") {
        let start = from + found;
        let is_word = text[..start].chars().next_back().is_some_and(char::is_alphanumeric);
        let length = link_length(&text[start..]);
        if !is_word && length > 0 {
            return Some((start, length));
        }
        from = start + "http".len();
    }
    None
}

/// The length of the address that a text begins with, without the punctuation of the sentence behind it; 0 where it is none.
fn link_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return 0 };
    if !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '[') {
        return 0;
    }
    let is_end = |letter: char| letter.is_whitespace() || letter.is_control() || "<>\"`".contains(letter);
    let link = &text[..text.find(is_end).unwrap_or(text.len())];
    let mut link = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '»', '”', '’']);
    // A bracket belongs to the address only if it was opened there.
    while link.ends_with(')') && link.matches(')').count() > link.matches('(').count() {
        link = link[..link.len() - 1].trim_end_matches(['.', ',', ';', ':', '!', '?']);
    }
    link.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_nothing_is_lost() {
        for (text, links) in [
            (
                "see https://shop.example/a?b=c#d, and (http://x.example/y).",
                vec!["https://shop.example/a?b=c#d", "http://x.example/y"],
            ),
            ("https://en.example/wiki/Rust_(language)!", vec!["https://en.example/wiki/Rust_(language)"]),
            ("http http:// https://. xhttp://a.example javascript:alert(1) ftp://a.example", vec![]),
            (
                "https://пример.example/путь\nhttp://[::1]:80/ «https://a.example»",
                vec!["https://пример.example/путь", "http://[::1]:80/", "https://a.example"],
            ),
            ("<a href=\"https://a.example\">", vec!["https://a.example"]),
            ("", vec![]),
        ] {
            let found: Vec<_> = parts(text).collect();
            let whole: String = found.iter().map(|(Part::Text(part) | Part::Link(part))| *part).collect();
            assert_eq!(whole, text);
            let found = found.iter().filter_map(|part| if let Part::Link(link) = part { Some(*link) } else { None });
            assert_eq!(found.collect::<Vec<_>>(), links, "{text}");
        }
    }
}
