//! Who is connected: the address of the peer, or, behind proxies that the operator trusts, of whoever they speak for
//! (F10).
//!
//! `X-Forwarded-For` is read from its right end, where the nearest proxy writes, and only as long as the hop that wrote
//! an entry is trusted. Anybody may send the header; from a peer that is not trusted it says nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::HttpRequest;

const HEADER: &str = "x-forwarded-for";

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// The network of the first `bits` bits that `address` is in. An IPv4 address written as IPv6 is IPv4.
    pub fn around(address: IpAddr, bits: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
                Self { first: Ipv4Addr::from(u32::from(v4) & mask).into(), bits: bits.min(32) }
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
                Self { first: Ipv6Addr::from(u128::from(v6) & mask).into(), bits: bits.min(128) }
            }
        }
    }

    /// The network that one household or office is taken for: /24 of IPv4, /64 of IPv6.
    pub fn of_one_place(address: IpAddr) -> Self {
        Self::around(address, if address.to_canonical().is_ipv4() { 24 } else { 64 })
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.to_canonical().is_ipv4() == self.first.is_ipv4() && Self::around(address, self.bits) == *self
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|bits| *bits <= most)?;
        Some(Self::around(address, bits))
    }
}

/// The proxies that the operator trusts.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// Reads addresses and networks, separated by commas.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks: Option<Vec<Network>> = named.map(Network::parse).collect();
        networks.map(Self).ok_or_else(|| {
            "must be addresses or networks separated by commas, such as 10.0.0.0/8,2001:db8::1".to_owned()
        })
    }

    /// The address that `request` comes from.
    pub fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let headers = request.headers().get_all(HEADER);
        let told: Vec<&str> = headers.filter_map(|value| value.to_str().ok()).collect();
        Some(self.nearest_stranger(peer, &told.join(",")))
    }

    /// The first hop, from `peer` on, that is not a trusted proxy; the farthest one that is known when all are.
    fn nearest_stranger(&self, peer: IpAddr, forwarded: &str) -> IpAddr {
        let mut hop = peer;
        let mut earlier = forwarded.rsplit(',').map(|entry| read(entry.trim()));
        while self.0.iter().any(|network| network.contains(hop)) {
            match earlier.next().flatten() {
                Some(before) => hop = before,
                None => break,
            }
        }
        hop
    }
}

/// An entry of the header: an address, perhaps with a port.
fn read(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').split(']').next().unwrap_or_default();
    let address = bare.parse().ok().or_else(|| entry.rsplit_once(':')?.0.parse().ok());
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_stranger_may_claim_anything_and_is_taken_for_who_is_connected() {
        for trusted in ["", "10.0.0.0/8"] {
            let proxies = Proxies::parse(trusted).unwrap();
            assert_eq!(proxies.nearest_stranger(ip("203.0.113.7"), "198.51.100.1, 10.0.0.1"), ip("203.0.113.7"));
        }
    }

    #[test]
    fn trusted_proxies_are_believed_as_far_as_they_reach() {
        let proxies = Proxies::parse("10.0.0.0/8, 2001:db8::/32,192.0.2.1").unwrap();
        let seen = |forwarded| proxies.nearest_stranger(ip("10.1.2.3"), forwarded).to_string();
        assert_eq!(seen("198.51.100.9, 203.0.113.7, 10.9.9.9"), "203.0.113.7");
        assert_eq!(seen("203.0.113.7:4711, [2001:db8::5]:443"), "203.0.113.7");
        assert_eq!(seen("::ffff:203.0.113.7, ::ffff:192.0.2.1"), "203.0.113.7");
        assert_eq!(seen("203.0.113.7, nonsense, 10.0.0.1"), "10.0.0.1");
        assert_eq!([seen(""), seen("10.0.0.1")], ["10.1.2.3", "10.0.0.1"]);
    }

    #[test]
    fn networks_that_make_no_sense_are_refused() {
        for bad in ["10.0.0.0/33", "10.0.0.0/", "localhost", "10.0.0", "::/129", "10.0.0.1;10.0.0.2"] {
            assert!(Proxies::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn neighbours_are_one_place_and_others_are_not() {
        let place = |text| Network::of_one_place(ip(text));
        assert_eq!(place("203.0.113.7"), place("203.0.113.254"));
        assert_eq!(place("203.0.113.7"), place("::ffff:203.0.113.9"));
        assert_ne!(place("203.0.113.7"), place("203.0.114.7"));
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:1"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
    }

    proptest! {
        #[test]
        fn whatever_is_claimed_the_answer_is_a_hop(claimed in "[0-9a-f:.,\\[\\] ]{0,60}") {
            let proxies = Proxies::parse("0.0.0.0/0").unwrap();
            let _ = proxies.nearest_stranger(ip("127.0.0.1"), &claimed);
        }
    }
}
