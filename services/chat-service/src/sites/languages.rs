//! The languages that the widget and the page without scripts have words in.

/// In alphabetical order.
pub(crate) const SPOKEN: [&str; 7] = ["ar", "de", "en", "es", "fr", "pt", "ru"];

/// Whether there are words for a language tag, such as `de-AT`.
pub(crate) fn is_spoken(tag: &str) -> bool {
    SPOKEN.contains(&primary(tag).as_str())
}

/// The language of a tag, which may have a weight behind it as in `Accept-Language`.
pub(crate) fn primary(tag: &str) -> String {
    tag.split(['-', '_', ';']).next().unwrap_or_default().trim().to_ascii_lowercase()
}
