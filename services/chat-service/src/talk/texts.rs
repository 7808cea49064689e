//! The words of the page, in the languages of the widget.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::sites::languages::primary;

/// The words in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    /// `ltr` or `rtl`.
    pub(super) dir: String,
    pub(super) online: String,
    pub(super) away: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) message: String,
    pub(super) send: String,
    pub(super) you: String,
    pub(super) operator: String,
    pub(super) nothing_yet: String,
    pub(super) closed: String,
    pub(super) conversation: String,
    pub(super) not_sent: String,
    pub(super) not_here: String,
    pub(super) sign_in: String,
    pub(super) optional: String,
    pub(super) all_messages: String,
}

static ALL: LazyLock<BTreeMap<String, Texts>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("texts.json")).expect("texts.json holds the words of each language")
});

/// The language for a reader, and its words: the first that it asks for among those that the site has.
pub(super) fn choose(accepted: &str, of_site: &[String]) -> (&'static str, &'static Texts) {
    let is_served = |language: &String| {
        ALL.contains_key(language) && (of_site.is_empty() || of_site.iter().any(|tag| primary(tag) == *language))
    };
    let asked = accepted.split(',').take(20).map(primary).find(is_served);
    let usual = || of_site.iter().map(|tag| primary(tag)).find(|language| ALL.contains_key(language));
    let language = asked.or_else(usual).unwrap_or_else(|| "en".to_owned());
    let (language, texts) = ALL.get_key_value(&language).expect("it is one of them");
    (language, texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_told_in_its_language_where_the_site_has_it() {
        let site = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (accepted, of_site, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", site(&[]), "de"),
            ("de-AT,de;q=0.9,en;q=0.8", site(&["en", "fr"]), "en"),
            ("ja", site(&["fr", "en"]), "fr"),
            ("ja", site(&["ja"]), "en"),
            ("", site(&[]), "en"),
            ("ar", site(&["ar-EG"]), "ar"),
        ] {
            assert_eq!(choose(accepted, &of_site).0, language, "{accepted} {of_site:?}");
        }
        assert_eq!(choose("ar", &[]).1.dir, "rtl");
        assert!(ALL.keys().eq(crate::sites::languages::SPOKEN));
    }
}
