//! The canonical text of an address: dotted decimal for IPv4, RFC 5952 for IPv6.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest octet that is read, leading zeros included.
const LONGEST_OCTET: usize = 64;

/// The family of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// 32 bits.
    Ipv4,
    /// 128 bits.
    Ipv6,
}

/// The family and the canonical text of an address, or `None` if it is none.
///
/// As Go's old parser and kube-proxy read them: octets with leading zeros are decimal (S6), and an IPv4-mapped IPv6
/// address is its IPv4 address. Zones (`fe80::1%eth0`) are no addresses here. A text that is canonical is borrowed.
#[must_use]
pub fn canonical(text: &str) -> Option<(Family, Cow<'_, str>)> {
    if !text.contains(':') {
        let canonical = match text.parse::<Ipv4Addr>() {
            Ok(_) => Cow::Borrowed(text), // the parser takes canonical text only
            Err(_) => Cow::Owned(decimal_octets(text)?.to_string()),
        };
        return Some((Family::Ipv4, canonical));
    }
    let address: Ipv6Addr = text.parse().ok()?;
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some((Family::Ipv4, Cow::Owned(mapped.to_string())));
    }
    let canonical = address.to_string();
    Some((Family::Ipv6, if canonical == text { Cow::Borrowed(text) } else { Cow::Owned(canonical) }))
}

fn decimal_octets(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let digits = parts.next()?;
        if digits.is_empty() || digits.len() > LONGEST_OCTET || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        *octet = digits.parse().ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}
