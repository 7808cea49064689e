//! The clients whose name or address, or whose contact's, has a text in it. A text without three letters or digits in a row is looked
//! for where words begin: an index has nothing shorter, but knows the beginnings of words. Of a text without any it knows nothing, and
//! to look at every client for it would take too long.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::Error;
use crate::input::fields::Id;

/// Up to so many clients are looked for first, and their sessions then. More have many sessions in any order: these are
/// walked through, and looked at one by one.
const FEW: usize = 1000;

/// Texts with fewer letters and digits in a row are looked for at the beginning of words.
const IN_A_ROW: usize = 3;

/// A text to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needle {
    text: String,
    /// The session of that number.
    number: Option<i64>,
}

/// The clients that were found.
pub(super) struct Found(Vec<i64>);

#[derive(QueryableByName)]
struct Client {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Needle {
    /// Without the space around it; none if there is nothing else.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let number = Id::parse(text.strip_prefix('#').unwrap_or(text)).map(Id::get);
        (!text.is_empty()).then(|| Self { text: text.to_owned(), number })
    }

    fn is_short(&self) -> bool {
        let rows = self.text.split(|c: char| !c.is_alphanumeric());
        rows.map(|row| row.chars().count()).max().unwrap_or_default() < IN_A_ROW
    }

    fn is_word(&self) -> bool {
        self.text.contains(char::is_alphanumeric)
    }

    /// The patterns of `$1` and `$2`.
    pub(super) fn patterns(&self) -> [String; 2] {
        let text = self.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        if self.is_short() { [format!("{text}%"), format!("% {text}%")] } else { [format!("%{text}%"), String::new()] }
    }

    /// That the row of that alias has it in its name or its address.
    fn matches(&self, alias: &str) -> String {
        let word = if self.is_short() { format!(" OR {alias}.name ILIKE $2") } else { String::new() };
        format!("({alias}.name ILIKE $1 OR {alias}.email ILIKE $1{word})")
    }

    /// One client more than are few, at most.
    pub(super) async fn find(&self, conn: &mut AsyncPgConnection) -> Result<Found, Error> {
        if !self.is_word() {
            return Ok(Found(Vec::new()));
        }
        let [part, word] = self.patterns();
        let text = format!(
            "(SELECT v.id FROM clients v WHERE {} LIMIT {most})
             UNION (SELECT v.id FROM contacts k JOIN clients v ON v.contact_id = k.id WHERE {} LIMIT {most}) LIMIT {most}",
            self.matches("v"),
            self.matches("k"),
            most = FEW + 1
        );
        let clients: Vec<Client> =
            diesel::sql_query(text).bind::<Text, _>(part).bind::<Text, _>(word).load(conn).await?;
        Ok(Found(clients.into_iter().map(|client| client.id).collect()))
    }

    /// That a session `s` is of one of them, or has the number.
    pub(super) fn condition(&self, found: &Found) -> String {
        let of_client = if found.0.len() <= FEW {
            "s.client_id = ANY($3)".to_owned()
        } else {
            // Without OFFSET it would be looked for in all clients again.
            format!(
                "EXISTS (SELECT FROM clients v LEFT JOIN contacts k ON k.id = v.contact_id
                         WHERE v.id = s.client_id AND ({} OR {}) OFFSET 0)",
                self.matches("v"),
                self.matches("k")
            )
        };
        match self.number {
            Some(number) => format!("({of_client} OR s.chat_id = {number})"),
            None => of_client,
        }
    }
}

impl Found {
    /// For `$3`; none of them where there are many.
    pub(super) fn few(&self) -> &[i64] {
        if self.0.len() <= FEW { &self.0 } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needle(text: &str) -> Needle {
        Needle::of(text).unwrap_or_else(|| panic!("{text} is nothing"))
    }

    #[test]
    fn wildcards_are_characters_and_short_texts_begin_words() {
        assert_eq!(needle(" 500%_a\\ ").patterns(), ["%500\\%\\_a\\\\%".to_owned(), String::new()]);
        assert_eq!(needle("an").patterns(), ["an%", "% an%"]);
        assert_eq!(needle("a.b").patterns(), ["a.b%", "% a.b%"]);
        assert_eq!(needle("李").patterns(), ["李%", "% 李%"]);
        assert_eq!(Needle::of(" \n"), None);
    }

    #[test]
    fn a_number_is_a_session_as_it_is_written() {
        assert_eq!(needle("42").number, Some(42));
        assert_eq!(needle("#42").number, Some(42));
        for other in ["042", "+42", "4 2", "-1", "0", "42a", "99999999999999999999", "##42"] {
            assert_eq!(needle(other).number, None, "{other}");
        }
    }
}
