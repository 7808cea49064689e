//! Where a client is: its peer's address, or what trusted proxies say of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_http::header::HeaderMap;

/// Each proxy adds the address that it was called from at the end of X-Forwarded-For; what stands before the entries of the
/// trusted ones may be made up.
#[must_use]
pub fn client_address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted_proxies: usize) -> Option<IpAddr> {
    let peer = peer.map(|peer| peer.ip());
    let Some(back) = trusted_proxies.checked_sub(1) else { return peer };
    let lines = headers.get_all("x-forwarded-for").filter_map(|line| line.to_str().ok());
    let entries: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let entry = entries.iter().rev().nth(back);
    entry.and_then(|entry| parse(entry)).or(peer)
}

/// Some proxies add the port.
fn parse(entry: &str) -> Option<IpAddr> {
    entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// What counts as one address: whoever has one of IPv6 has a whole /64 of them.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use actix_http::header::{HeaderName, HeaderValue};

    use super::*;

    fn address(lines: &[&'static str], trusted: usize) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static(line));
        }
        let peer = Some("10.0.0.1:4000".parse().expect("an address"));
        client_address(peer, &headers, trusted).expect("the peer at least").to_string()
    }

    #[test]
    fn only_what_trusted_proxies_added_is_believed() {
        let lines = ["203.0.113.9, 198.51.100.2", "192.0.2.3"];
        assert_eq!(address(&lines, 0), "10.0.0.1");
        assert_eq!(address(&lines, 1), "192.0.2.3");
        assert_eq!(address(&lines, 2), "198.51.100.2");
        assert_eq!(address(&lines, 4), "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_is_passed_over_and_a_port_is_left_out() {
        assert_eq!(address(&["unknown"], 1), "10.0.0.1");
        assert_eq!(address(&["[2001:db8::1]:50000"], 1), "2001:db8::1");
        assert_eq!(address(&[], 1), "10.0.0.1");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_one_is_its_own() {
        let network = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:0:1::7"), network("2001:db8:0:1:ffff::9"));
        assert_ne!(network("2001:db8:0:1::7"), network("2001:db8:0:2::7"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("127.0.0.1"), "127.0.0.1");
    }
}
