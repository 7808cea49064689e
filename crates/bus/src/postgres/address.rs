//! The parts of a PostgreSQL URL, read once: where the server is, and whether and how TLS is used. A parameter that is
//! not supported is refused by its name, before anything connects.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::BusError;

/// A server, as its URL names it.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

/// `sslmode`, and the CA that it is checked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    /// `disable`: plain text, also where the URL says nothing.
    Never,
    /// `require`: encrypted, and the server's certificate is not looked at.
    Unverified,
    /// `verify-full`: the certificate is of this host, and signed by the CA in this file, or by one of the system's.
    Verified { root: Option<PathBuf> },
}

impl Address {
    /// Reads a URL. The words of an error hold nothing of it but the name of an option.
    pub(super) fn read(url: &SecretString) -> Result<Self, BusError> {
        let url = url.expose_secret();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(refused("is no URL: postgres://user:password@host:5432/database"));
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut kept, mut mode, mut root) = (Vec::new(), "disable".to_owned(), None);
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value =
                percent_decode_str(value).decode_utf8().map_err(|_| refused("has an option that is not UTF-8"))?;
            match name {
                "sslmode" => mode = value.into_owned(),
                "sslrootcert" => root = Some(value.into_owned()),
                _ if PASSED_ON.contains(&name) => kept.push(option),
                _ if is_a_name(name) => return Err(refused(&format!("has the option {name}, which is not supported"))),
                _ => {
                    return Err(refused(
                        "has an option that is not supported (is a ? in the password not written as %3F?)",
                    ));
                }
            }
        }
        let tls = tls(&mode, root)?;
        let bare = if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join("&")) };
        // The reason is left out: it may repeat a part of the URL.
        let mut config: Config = bare.parse().map_err(|_| refused("cannot be read as a URL of PostgreSQL"))?;
        config.ssl_mode(if tls == Tls::Never { SslMode::Disable } else { SslMode::Require });
        Ok(Self { config, tls })
    }
}

/// The other parameters that tokio-postgres understands.
const PASSED_ON: [&str; 11] = [
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "options",
    "port",
    "target_session_attrs",
    "user",
];

fn tls(mode: &str, root: Option<String>) -> Result<Tls, BusError> {
    match (mode, root) {
        ("disable", None) => Ok(Tls::Never),
        ("require", None) => Ok(Tls::Unverified),
        ("verify-full", None) => Ok(Tls::Verified { root: None }),
        ("verify-full", Some(root)) if root == "system" => Ok(Tls::Verified { root: None }),
        ("verify-full", Some(root)) => Ok(Tls::Verified { root: Some(root.into()) }),
        ("disable" | "require", Some(_)) => Err(refused("has sslrootcert, which only sslmode=verify-full looks at")),
        _ if is_a_name(mode) => {
            Err(refused(&format!("has sslmode={mode}, which is not supported: disable, require or verify-full")))
        }
        _ => Err(refused("has an sslmode that is not supported: disable, require or verify-full")),
    }
}

/// Whether it is a word that may be repeated to the reader of a log.
fn is_a_name(word: &str) -> bool {
    word.len() <= 32 && !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '-'))
}

fn refused(why: &str) -> BusError {
    BusError(format!("DATABASE_URL {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Tls, String> {
        Address::read(&url.into()).map(|address| address.tls).map_err(|BusError(why)| why)
    }

    #[test]
    fn what_is_not_supported_is_refused_by_its_name_and_nothing_else_of_the_url_is_told() {
        let url = |query: &str| format!("postgres://user:hunter2@localhost:5432/chat{query}");
        assert_eq!(read(&url("")), Ok(Tls::Never));
        assert_eq!(read(&url("?sslmode=disable&connect_timeout=3")), Ok(Tls::Never));
        assert_eq!(read(&url("?sslmode=require")), Ok(Tls::Unverified));
        let root = Some("/etc/ca.pem".into());
        assert_eq!(read(&url("?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem")), Ok(Tls::Verified { root }));
        assert_eq!(read(&url("?sslmode=verify-full&sslrootcert=system")), Ok(Tls::Verified { root: None }));
        for (query, named) in [
            ("?sslmode=prefer", "sslmode=prefer"),
            ("?sslmode=verify-ca", "sslmode=verify-ca"),
            ("?sslmode=require&sslrootcert=/a", "sslrootcert"),
            ("?sslcert=/a", "sslcert"),
            ("?gssencmode=require", "gssencmode"),
            ("?sslmode=%00", "sslmode"),
        ] {
            let why = read(&url(query)).expect_err(query);
            assert!(why.contains(named) && why.starts_with("DATABASE_URL "), "{why}");
        }
        for bad in [
            "postgres://user:hunter2?x=y@localhost/chat",
            "mysql://user:hunter2@x",
            "host=localhost",
            "postgres://a:hunter2@h:99999999/x",
        ] {
            let why = read(bad).expect_err(bad);
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
