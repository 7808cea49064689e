//! The pages that may use something, by their origins (<https://html.spec.whatwg.org/#origin>).

use std::collections::HashSet;
use std::net::Ipv6Addr;

use crate::fault::Fault;

/// The longest origin that is kept, in bytes: a host name has at most 253.
pub const MAX_ORIGIN_BYTES: usize = 300;

/// Origins. Browsers write them in lower case and without a slash at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    all: bool,
    exact: HashSet<String>,
    /// Scheme with `://`, and the end of the host from its dot on.
    subdomains: Vec<(String, String)>,
}

impl Origins {
    /// From a list such as `https://a.example`, `https://*.b.example` for subdomains, `*` for every page.
    pub fn new<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Self {
        let mut origins = Self::default();
        for origin in list {
            let origin = origin.as_ref().trim_end_matches('/').to_ascii_lowercase();
            match origin.split_once("://*") {
                _ if origin == "*" => origins.all = true,
                Some((scheme, end)) => origins.subdomains.push((format!("{scheme}://"), end.to_owned())),
                None => _ = origins.exact.insert(origin),
            }
        }
        origins
    }

    /// As they were given.
    pub fn iter(&self) -> impl Iterator<Item = String> + '_ {
        let all = self.all.then(|| "*".to_owned()).into_iter();
        let subdomains = self.subdomains.iter().map(|(scheme, end)| format!("{scheme}*{end}"));
        all.chain(self.exact.iter().cloned()).chain(subdomains)
    }

    /// Whether a page of this origin is among them.
    #[must_use]
    pub fn allow(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.all
            || self.exact.contains(&origin)
            || self.subdomains.iter().any(|(scheme, end)| {
                let label = origin.strip_prefix(scheme).and_then(|host| host.strip_suffix(end.as_str()));
                label.is_some_and(|label| !label.is_empty() && label.bytes().all(is_of_host))
            })
    }
}

/// Whether a page is of the very address that it asks.
#[must_use]
pub fn is_same_address(origin: &str, host: &str) -> bool {
    origin
        .split_once("://")
        .is_some_and(|(scheme, authority)| matches!(scheme, "http" | "https") && authority.eq_ignore_ascii_case(host))
}

/// An origin as an admin writes it, in the way of browsers: `https://shop.example`, `https://*.shop.example` or `*`.
pub fn parse(text: &str) -> Result<String, Fault> {
    let bad = || Fault::new("is no origin: it is written like https://shop.example, https://*.shop.example or *");
    let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
    if origin == "*" {
        return Ok(origin);
    }
    let (scheme, authority) = origin.split_once("://").ok_or_else(bad)?;
    let host = authority.strip_prefix("*.").unwrap_or(authority);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let ip6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|ip6| ip6.parse().ok());
    let is_name =
        !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains("..") && name.bytes().all(is_of_host);
    // A browser leaves out the usual port of a scheme.
    let usual = if scheme == "https" { "443" } else { "80" };
    let has_port =
        port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0 && port == number.to_string()));
    if !matches!(scheme, "http" | "https")
        || !(is_name || ip6.is_some())
        || !has_port
        || origin.len() > MAX_ORIGIN_BYTES
    {
        return Err(bad());
    }
    let port = port.filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    Ok(match ip6 {
        Some(ip6) => format!("{scheme}://[{}]{port}", as_browsers_write(ip6)),
        None => format!("{scheme}://{}{port}", &authority[..authority.len() - host.len() + name.len()]),
    })
}

/// An address of IPv6 without what can be left out, and in no part as one of IPv4 (<https://url.spec.whatwg.org/#concept-ipv6-serializer>).
fn as_browsers_write(ip6: Ipv6Addr) -> String {
    match ip6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => format!("::ffff:{high:x}:{low:x}"),
        _ => ip6.to_string(),
    }
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_on_the_list_are_allowed_and_no_others() {
        let origins = Origins::new(["https://Shop.example/", "https://*.blog.example", "http://localhost:3000"]);
        for good in
            ["https://shop.example", "https://a.blog.example", "https://a.b.blog.example", "http://localhost:3000"]
        {
            assert!(origins.allow(good), "{good}");
        }
        for bad in [
            "https://evil.example",
            "http://shop.example",
            "https://shop.example:444",
            "https://blog.example",
            "https://.blog.example",
            "https://evilblog.example",
            "https://evil.example/.blog.example",
            "https://evil.example:1.blog.example",
            "https://shop.example.evil.example",
            "null",
            "",
        ] {
            assert!(!origins.allow(bad), "{bad}");
        }
        assert!(Origins::new(["*"]).allow("null") && !Origins::new(Vec::<String>::new()).allow("null"));
        assert!(is_same_address("https://Chat.example:8080", "chat.example:8080"));
        assert!(!is_same_address("null", "null") && !is_same_address("evil://chat.example", "chat.example"));
    }

    #[test]
    fn an_origin_is_read_as_a_browser_writes_it() {
        for (text, read) in [
            ("https://Shop.example/", "https://shop.example"),
            (" http://localhost:3000 ", "http://localhost:3000"),
            ("https://shop.example:443", "https://shop.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::1]", "http://[::1]"),
            ("https://[2001:DB8:0:0:0:0:0:1]:443", "https://[2001:db8::1]"),
            ("http://[::ffff:192.0.2.1]:81", "http://[::ffff:c000:201]:81"),
            ("https://*.shop.example:8443/", "https://*.shop.example:8443"),
            ("https://*.shop.example", "https://*.shop.example"),
            ("*", "*"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(read), "{text}");
        }
        let long = format!("https://{}.example", "a".repeat(300));
        for bad in [
            "",
            "shop.example",
            "https://",
            "https://shop.example/path",
            "ftp://shop.example",
            "https://*",
            "https://a b",
            "https://shop.example:0",
            "https://shop.example:x",
            "https://shop.example:080",
            "https://*.*.example",
            "null",
            "https://user@shop.example",
            "javascript://x",
            "https://..example",
            "https://shop.example?x",
            &long,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
