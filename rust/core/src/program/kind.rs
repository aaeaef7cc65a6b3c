//! What sort of value an expression has, and what a constant means beside it.

use super::names;
use crate::ruleset::{Expression, KeyType, Operator};
use std::net::IpAddr;

/// The sort of a value: how wide it is, how its constants are written, in which byte order registers hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An address of IPv4.
    Ipv4,
    /// An address of IPv6.
    Ipv6,
    /// A port.
    Port,
    /// A protocol number.
    Protocol,
    /// The name of an interface, 16 bytes, padded with NUL.
    InterfaceName,
    /// A number of so many bits in the byte order of the node: marks, `numgen`, hashes.
    HostInteger(u8),
    /// A number of so many bits in network byte order: fields of headers.
    NetworkInteger(u8),
    /// `ct state`
    ConnectionState,
    /// `ct status`
    ConnectionStatus,
    /// `ct direction`
    ConnectionDirection,
    /// `fib ... type`
    RouteType,
    /// `meta nfproto`
    NetfilterFamily,
    /// `meta protocol`
    EtherType,
    /// `tcp flags`
    TcpFlags,
    /// `icmp type`
    IcmpType,
    /// `icmpv6 type`
    Icmpv6Type,
    /// `meta pkttype`
    PacketType,
    /// `meta priority`
    ClassId,
    /// Of whose constants nothing is known.
    Other,
}

/// The values a constant stands for, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The smallest.
    pub low: u128,
    /// The largest.
    pub high: u128,
}

impl Span {
    /// One value.
    #[must_use]
    pub fn one(value: u128) -> Self {
        Self { low: value, high: value }
    }

    /// Whether the value is one of them.
    #[must_use]
    pub fn contains(&self, value: u128) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether it is a single value.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.low == self.high
    }
}

impl Kind {
    /// The number of bits of a value.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Ipv4 | Self::ConnectionState | Self::ConnectionStatus | Self::RouteType | Self::ClassId => 32,
            Self::Ipv6 | Self::InterfaceName | Self::Other => 128,
            Self::Port | Self::EtherType => 16,
            Self::HostInteger(bits) | Self::NetworkInteger(bits) => u32::from(bits),
            Self::Protocol
            | Self::ConnectionDirection
            | Self::NetfilterFamily
            | Self::TcpFlags
            | Self::IcmpType
            | Self::Icmpv6Type
            | Self::PacketType => 8,
        }
    }

    /// The largest value.
    #[must_use]
    pub fn maximum(self) -> u128 {
        maximum(self.bits())
    }

    /// Whether a match without an operator asks for any bit instead of equality.
    #[must_use]
    pub fn is_flags(self) -> bool {
        matches!(self, Self::ConnectionState | Self::ConnectionStatus | Self::TcpFlags)
    }

    /// Whether registers hold the value in the byte order of the node.
    #[must_use]
    pub fn is_host_order(self) -> bool {
        matches!(
            self,
            Self::HostInteger(_) | Self::ConnectionState | Self::ConnectionStatus | Self::RouteType | Self::ClassId
        )
    }

    /// The kind of a part of a set's key, if it has a name that is known here. (Expressions: see `super::terms`.)
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "ipv4_addr" => Self::Ipv4,
            "ipv6_addr" => Self::Ipv6,
            "inet_service" => Self::Port,
            "inet_proto" => Self::Protocol,
            "ifname" | "iface_index" => Self::InterfaceName,
            "mark" | "integer" | "realm" => Self::HostInteger(32),
            "ct_state" => Self::ConnectionState,
            "ct_status" => Self::ConnectionStatus,
            "ct_dir" => Self::ConnectionDirection,
            "fib_addrtype" => Self::RouteType,
            "nf_proto" => Self::NetfilterFamily,
            "ether_type" => Self::EtherType,
            "tcp_flag" => Self::TcpFlags,
            "icmp_type" => Self::IcmpType,
            "icmpv6_type" => Self::Icmpv6Type,
            "pkt_type" => Self::PacketType,
            "classid" => Self::ClassId,
            _ => Self::Other,
        }
    }

    /// The kinds of the parts of a key.
    #[must_use]
    pub fn of_key(parts: &[KeyType]) -> Vec<Self> {
        parts
            .iter()
            .flat_map(|part| match part {
                KeyType::Named(names) => names.split('.').map(|name| Self::named(name.trim())).collect(),
                KeyType::TypeOf(expression) => super::terms::kinds_of(expression),
            })
            .collect()
    }

    /// The values that a constant stands for beside an expression of this kind; None if that is not known here.
    #[must_use]
    pub fn constant(self, constant: &Expression) -> Option<Span> {
        match constant {
            Expression::Number(value) => (*value <= self.maximum()).then(|| Span::one(*value)),
            Expression::Address(IpAddr::V4(address)) if self != Self::Ipv6 => {
                Some(Span::one(u128::from(u32::from(*address))))
            }
            Expression::Address(IpAddr::V6(address)) if self != Self::Ipv4 => Some(Span::one(u128::from(*address))),
            Expression::Symbol(word) => self.word(word),
            Expression::Prefix(base, length) => self.prefix(base, *length),
            Expression::Range(ends) => {
                let (low, high) = (self.constant(&ends.0)?, self.constant(&ends.1)?);
                (low.low <= high.high).then_some(Span { low: low.low, high: high.high })
            }
            Expression::List(words) => {
                words.iter().try_fold(0, |bits, word| Some(bits | self.constant(word)?.low)).map(Span::one)
            }
            Expression::Binary(operator, sides) => {
                let (left, right) = (self.constant(&sides.0)?, self.constant(&sides.1)?);
                if !left.is_one() || !right.is_one() {
                    return None;
                }
                apply(*operator, left.low, right.low, self.bits()).map(Span::one)
            }
            Expression::CatchAll => Some(Span { low: 0, high: self.maximum() }),
            _ => None,
        }
    }

    fn prefix(self, base: &Expression, length: u8) -> Option<Span> {
        let bits = self.bits();
        let length = u32::from(length);
        let base = self.constant(base)?;
        if length > bits || !base.is_one() {
            return None;
        }
        let host = maximum(bits - length);
        // nft lists a mask and the value it is compared with as a prefix, even where they never can be equal.
        if matches!(self, Self::HostInteger(_)) && base.low & host != 0 {
            return Some(Span { low: 1, high: 0 });
        }
        Some(Span { low: base.low & !host, high: base.low | host })
    }

    fn word(self, word: &str) -> Option<Span> {
        let found = match self {
            Self::InterfaceName => return interface(word),
            Self::Port => names::SERVICES.iter().find(|(name, _)| *name == word),
            Self::Protocol => names::PROTOCOLS.iter().find(|(name, _)| *name == word),
            Self::ConnectionState => names::CONNECTION_STATES.iter().find(|(name, _)| *name == word),
            Self::ConnectionStatus => names::CONNECTION_STATUSES.iter().find(|(name, _)| *name == word),
            Self::ConnectionDirection => names::CONNECTION_DIRECTIONS.iter().find(|(name, _)| *name == word),
            Self::RouteType => names::ROUTE_TYPES.iter().find(|(name, _)| *name == word),
            Self::NetfilterFamily => names::NETFILTER_FAMILIES.iter().find(|(name, _)| *name == word),
            Self::EtherType => names::ETHER_TYPES.iter().find(|(name, _)| *name == word),
            Self::TcpFlags => names::TCP_FLAGS.iter().find(|(name, _)| *name == word),
            Self::IcmpType => names::ICMP_TYPES.iter().find(|(name, _)| *name == word),
            Self::Icmpv6Type => names::ICMPV6_TYPES.iter().find(|(name, _)| *name == word),
            Self::PacketType => names::PACKET_TYPES.iter().find(|(name, _)| *name == word),
            Self::ClassId => return class_id(word),
            Self::Ipv4 | Self::Ipv6 | Self::HostInteger(_) | Self::NetworkInteger(_) | Self::Other => None,
        };
        found.map(|(_, value)| Span::one(u128::from(*value))).or_else(|| number(word, self.maximum()))
    }
}

/// The largest number of so many bits.
#[must_use]
pub(crate) fn maximum(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// The result of an operator on numbers of so many bits; None of a shift beyond them.
#[must_use]
pub(crate) fn apply(operator: Operator, left: u128, right: u128, bits: u32) -> Option<u128> {
    let shift = || u32::try_from(right).ok().filter(|shift| *shift < 128);
    Some(match operator {
        Operator::And => left & right,
        Operator::Or => left | right,
        Operator::Xor => left ^ right,
        Operator::ShiftLeft => (left << shift()?) & maximum(bits),
        Operator::ShiftRight => left >> shift()?,
    })
}

/// The name of an interface as the number its 16 bytes make; None of a name that is too long.
#[must_use]
pub fn interface_number(name: &str) -> Option<u128> {
    let mut bytes = [0; 16];
    bytes.get_mut(..name.len()).filter(|_| name.len() < 16)?.copy_from_slice(name.as_bytes());
    Some(u128::from_be_bytes(bytes))
}

/// `eth0`, or `eth*`: every name that begins so. nft writes an asterisk that is part of a name as `\*`.
fn interface(word: &str) -> Option<Span> {
    if let Some(name) = word.strip_suffix("\\*") {
        return interface_number(&format!("{name}*")).map(Span::one);
    }
    let Some(start) = word.strip_suffix('*') else {
        return interface_number(word).map(Span::one);
    };
    let low = interface_number(start)?;
    let free = u32::try_from(16 - start.len()).ok()? * 8;
    Some(Span { low, high: low | maximum(free) })
}

/// `major:minor` in hexadecimal digits, and the names nft has for two of them.
fn class_id(word: &str) -> Option<Span> {
    match word {
        "none" => return Some(Span::one(0)),
        "root" => return Some(Span::one(u128::from(u32::MAX))),
        _ => {}
    }
    let Some((major, minor)) = word.split_once(':') else {
        return number(word, maximum(32));
    };
    let digits = |text: &str| if text.is_empty() { Some(0) } else { u16::from_str_radix(text, 16).ok() };
    Some(Span::one(u128::from(digits(major)?) << 16 | u128::from(digits(minor)?)))
}

fn number(word: &str, largest: u128) -> Option<Span> {
    let value = match word.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok()?,
        None => word.parse().ok()?,
    };
    (value <= largest).then(|| Span::one(value))
}
