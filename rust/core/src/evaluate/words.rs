//! Values in words for people.

use crate::program::{IpVersion, Kind};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address.
#[must_use]
pub fn address(version: IpVersion, address: u128) -> String {
    match version {
        IpVersion::V4 => value(Kind::Ipv4, address),
        IpVersion::V6 => value(Kind::Ipv6, address),
    }
}

/// An address with a port.
#[must_use]
pub fn socket(version: IpVersion, number: u128, port: u16) -> String {
    match version {
        IpVersion::V4 => format!("{}:{port}", address(version, number)),
        IpVersion::V6 => format!("[{}]:{port}", address(version, number)),
    }
}

/// A value of a key.
#[must_use]
pub(super) fn value(kind: Kind, value: u128) -> String {
    match kind {
        Kind::Ipv4 => Ipv4Addr::from(u32::try_from(value & 0xffff_ffff).unwrap_or(0)).to_string(),
        Kind::Ipv6 => Ipv6Addr::from(value).to_string(),
        Kind::Protocol => match value {
            1 => "icmp".to_owned(),
            6 => "tcp".to_owned(),
            17 => "udp".to_owned(),
            58 => "ipv6-icmp".to_owned(),
            132 => "sctp".to_owned(),
            other => other.to_string(),
        },
        Kind::InterfaceName => {
            let bytes = value.to_be_bytes();
            let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            format!("\"{}\"", String::from_utf8_lossy(&bytes[..length]))
        }
        Kind::ClassId => format!("{:x}:{:x}", value >> 16, value & 0xffff),
        _ => value.to_string(),
    }
}
