//! The browser that a login is used in, as its owner knows it again.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::USER_AGENT;
use actix_web::{FromRequest, HttpRequest, web};
use chat_events::text::{one_line, shows_nothing};

use crate::http::caller::CameFrom;
use crate::state::AppState;

/// The longest that is kept of what a browser calls itself, in characters.
const MAX_USER_AGENT: usize = 200;

/// What is kept of it: not its whole address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Browser {
    pub(crate) user_agent: Option<String>,
    pub(crate) address_hint: Option<String>,
}

impl Browser {
    fn of(request: &HttpRequest) -> Self {
        let name = request.headers().get(USER_AGENT).map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        let name = name.map(|name| one_line(name.chars().filter(|c| *c != '\0').take(MAX_USER_AGENT).collect()));
        let state = request.app_data::<web::Data<AppState>>();
        let address = state.and_then(|state| CameFrom::of(request, state.trusted_proxies).0);
        Self { user_agent: name.filter(|name| !shows_nothing(name)), address_hint: address.map(hint) }
    }
}

/// The network that an address is of: enough to know one's own from a stranger's.
fn hint(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

impl FromRequest for Browser {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_its_network_is_kept() {
        for (address, kept) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
            ("::1", "::/48"),
        ] {
            assert_eq!(hint(address.parse().expect("an address")), kept);
        }
    }

    #[test]
    fn a_name_is_one_line_of_a_bounded_length_or_none() {
        let browser = |name: &str| {
            let request = actix_web::test::TestRequest::default().insert_header((USER_AGENT, name)).to_http_request();
            Browser::of(&request).user_agent
        };
        assert_eq!(browser("Firefox\u{202e}\t1").as_deref(), Some("Firefox 1"));
        assert_eq!(browser(" "), None);
        assert_eq!(browser(&"ü".repeat(500)).map(|name| name.chars().count()), Some(MAX_USER_AGENT));
    }
}
