//! Network addresses (INT-5): one spelling of each, and which of them a network holds.
//!
//! Every address has a key, its sixteen bytes in hexadecimal, an IPv4 address as IPv6 maps it. The keys of a network are
//! those between its first and its last, so that a database can look for them.

use std::net::{IpAddr, Ipv6Addr};

use crate::text::Rejected;

/// An address as it is shown and as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub shown: String,
    pub key: String,
}

/// The first and the last key of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub first: String,
    pub last: String,
}

/// Reads an IPv4 or IPv6 address.
pub fn address(text: &str) -> Result<Address, Rejected> {
    let parsed: IpAddr = text.parse().map_err(|_| Rejected::new("malformed", "must be an IPv4 or IPv6 address"))?;
    let shown = parsed.to_canonical();
    Ok(Address { shown: shown.to_string(), key: key(number(shown)) })
}

/// Reads a network such as `203.0.113.0/24` or `2001:db8::/32`, or a single address.
pub fn network(text: &str) -> Result<Network, Rejected> {
    let malformed = || Rejected::new("malformed", "must be an IPv4 or IPv6 address or network, such as 203.0.113.0/24");
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| malformed())?;
    let (bits, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    let length = match length {
        None => bits,
        Some(length) => plain(length).filter(|length| *length <= bits).ok_or_else(malformed)?,
    };
    let rest = u128::MAX.checked_shr(length + offset).unwrap_or(0);
    let first = number(address);
    if first & rest != 0 {
        return Err(Rejected::new("malformed", "has more bits set than the network has; use its first address"));
    }
    Ok(Network { first: key(first), last: key(first | rest) })
}

/// A number in plain decimal digits.
fn plain(digits: &str) -> Option<u32> {
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn number(address: IpAddr) -> u128 {
    let mapped: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    u128::from(mapped)
}

fn key(number: u128) -> String {
    format!("{number:032x}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(of: &str, one: &str) -> bool {
        let (network, address) = (network(of).unwrap(), address(one).unwrap());
        (network.first..=network.last).contains(&address.key)
    }

    #[test]
    fn spellings_of_one_address_are_one() {
        assert_eq!(address("203.0.113.7").unwrap(), address("::ffff:203.0.113.7").unwrap());
        assert_eq!(address("2001:DB8:0:0::1").unwrap().shown, "2001:db8::1");
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (of, inside, outside) in [
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ] {
            assert!(holds(of, inside) && !holds(of, outside), "{of}");
        }
        assert!(holds("::/0", "203.0.113.7"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "scanner", "203.0.113.0/33", "203.0.113.0/-1", "203.0.113.0/024", "203.0.113.9/24", "1.2.3/8"]
        {
            assert!(network(text).is_err(), "{text}");
        }
        assert!(address("203.0.113.0/24").is_err());
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_addresses_are(one: u128, other: u128) {
            prop_assert_eq!(one.cmp(&other), key(one).cmp(&key(other)));
        }
    }
}
