//! Expressions with their names resolved.

use super::kind::Kind;
use super::sets::SetId;
use crate::ruleset::{Expression, HashMode, NumgenMode, Operator, TableFamily};

/// The protocol a transport header must be of, for its fields to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `th`: any protocol that has ports.
    Any,
    /// A protocol by its number.
    Number(u8),
}

/// One of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Where a packet comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// What a rule can read from a packet or its circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `ip saddr`, `ip daddr`
    Ipv4Address(End),
    /// `ip6 saddr`, `ip6 daddr`
    Ipv6Address(End),
    /// `th sport`, `tcp dport`
    Port(Transport, End),
    /// `meta l4proto`
    Protocol,
    /// `ip protocol`, only of IPv4
    Ipv4Protocol,
    /// `ip6 nexthdr`, only of IPv6
    Ipv6NextHeader,
    /// `meta nfproto`
    NetfilterFamily,
    /// `meta protocol`, `ether type`
    EtherType,
    /// `iifname`, `iif`
    InputInterface,
    /// `oifname`, `oif`
    OutputInterface,
    /// `meta mark`
    Mark,
    /// `meta priority`
    Priority,
    /// `meta pkttype`
    PacketType,
    /// `ct state`
    ConnectionState,
    /// `ct status`
    ConnectionStatus,
    /// `ct direction`
    ConnectionDirection,
    /// `ct mark`
    ConnectionMark,
    /// `ct original saddr`
    OriginalAddress(End),
    /// `ct original proto-src`
    OriginalPort(End),
    /// `ct protocol`
    OriginalProtocol,
    /// `fib saddr type`
    RouteType(End),
    /// `fib saddr . iif oif`: whether a reply would leave where the packet came in.
    ReversePath,
    /// `tcp flags`
    TcpFlags,
    /// `icmp type`
    IcmpType,
    /// `icmpv6 type`
    Icmpv6Type,
    /// A field of a header that the packets here do not have: extension headers of IPv6.
    Absent,
}

/// A numgen, which has a counter of its own, or a hash: which one it is in the program.
pub type Site = u32;

/// An expression that has one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// Read from the packet.
    Field(Field),
    /// Always the same.
    Constant(u128),
    /// An operator between bits.
    Bits(Operator, Box<(Term, Term)>, Kind),
    /// `numgen`
    Numgen {
        /// Which.
        site: Site,
        /// How it counts.
        mode: NumgenMode,
        /// The number of values.
        modulus: u32,
        /// The first.
        offset: u32,
    },
    /// `jhash` with a seed.
    Jhash {
        /// What is hashed.
        key: Vec<Part>,
        /// The seed.
        seed: u32,
        /// The number of values.
        modulus: u32,
        /// The first.
        offset: u32,
    },
    /// `symhash`, and `jhash` with a seed that nobody knows: the same for the same key.
    UnknownHash {
        /// Which.
        site: Site,
        /// The number of values.
        modulus: u32,
        /// The first.
        offset: u32,
    },
    /// What a map holds for a key.
    Lookup {
        /// The key.
        key: Vec<Part>,
        /// The map.
        map: SetId,
    },
    /// What is not known of any packet, in nft's words.
    Unknown(Box<str>),
}

/// A term with its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The term.
    pub term: Term,
    /// Its kind.
    pub kind: Kind,
}

/// The field an expression reads, with its kind; None if svcc does not model it.
#[must_use]
pub(super) fn field(expression: &Expression, family: TableFamily) -> Option<(Field, Kind)> {
    Some(match expression {
        Expression::Payload { protocol, field } => return payload(protocol, field),
        Expression::RawPayload { base, offset, length: 16 } if **base == *"th" => match offset {
            0 => (Field::Port(Transport::Any, End::Source), Kind::Port),
            16 => (Field::Port(Transport::Any, End::Destination), Kind::Port),
            _ => return None,
        },
        Expression::Meta(key) => match &**key {
            "l4proto" => (Field::Protocol, Kind::Protocol),
            "nfproto" => (Field::NetfilterFamily, Kind::NetfilterFamily),
            "protocol" => (Field::EtherType, Kind::EtherType),
            "iifname" | "iif" => (Field::InputInterface, Kind::InterfaceName),
            "oifname" | "oif" => (Field::OutputInterface, Kind::InterfaceName),
            "mark" => (Field::Mark, Kind::HostInteger(32)),
            "priority" => (Field::Priority, Kind::ClassId),
            "pkttype" => (Field::PacketType, Kind::PacketType),
            _ => return None,
        },
        Expression::Ct { key, direction, family: written } => {
            return connection(key, direction.as_deref(), written.as_deref(), family);
        }
        Expression::Fib { result, flags } => {
            let names: Vec<&str> = flags.iter().map(|flag| &**flag).collect();
            match (&**result, names.as_slice()) {
                ("type", ["saddr"]) => (Field::RouteType(End::Source), Kind::RouteType),
                ("type", ["daddr"]) => (Field::RouteType(End::Destination), Kind::RouteType),
                ("oif" | "check", ["saddr", "iif"] | ["saddr", "mark", "iif"] | ["saddr", "iif", "mark"]) => {
                    (Field::ReversePath, Kind::HostInteger(8))
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn payload(protocol: &str, field: &str) -> Option<(Field, Kind)> {
    let transport = |number| {
        let end = match field {
            "sport" => End::Source,
            "dport" => End::Destination,
            _ => return None,
        };
        Some((Field::Port(number, end), Kind::Port))
    };
    Some(match (protocol, field) {
        ("ip", "saddr") => (Field::Ipv4Address(End::Source), Kind::Ipv4),
        ("ip", "daddr") => (Field::Ipv4Address(End::Destination), Kind::Ipv4),
        ("ip", "protocol") => (Field::Ipv4Protocol, Kind::Protocol),
        ("ip6", "saddr") => (Field::Ipv6Address(End::Source), Kind::Ipv6),
        ("ip6", "daddr") => (Field::Ipv6Address(End::Destination), Kind::Ipv6),
        ("ip6", "nexthdr") => (Field::Ipv6NextHeader, Kind::Protocol),
        ("ether", "type") => (Field::EtherType, Kind::EtherType),
        ("tcp", "flags") => (Field::TcpFlags, Kind::TcpFlags),
        ("icmp", "type") => (Field::IcmpType, Kind::IcmpType),
        ("icmpv6", "type") => (Field::Icmpv6Type, Kind::Icmpv6Type),
        ("hbh" | "dst" | "rt" | "rt0" | "rt2" | "srh" | "frag" | "mh", _) => (Field::Absent, Kind::NetworkInteger(32)),
        ("th", _) => return transport(Transport::Any),
        ("tcp", _) => return transport(Transport::Number(6)),
        ("udp", _) => return transport(Transport::Number(17)),
        ("dccp", _) => return transport(Transport::Number(33)),
        ("sctp", _) => return transport(Transport::Number(132)),
        ("udplite", _) => return transport(Transport::Number(136)),
        _ => return None,
    })
}

fn connection(key: &str, direction: Option<&str>, written: Option<&str>, table: TableFamily) -> Option<(Field, Kind)> {
    let address = |end| {
        let kind = match (key.starts_with("ip6 ") || written == Some("ip6"), written, table) {
            (true, ..) | (false, None, TableFamily::Ip6) => Kind::Ipv6,
            (false, Some("ip"), _) | (false, None, TableFamily::Ip) => Kind::Ipv4,
            _ if key.starts_with("ip ") => Kind::Ipv4,
            _ => return None,
        };
        Some((Field::OriginalAddress(end), kind))
    };
    Some(match (key, direction) {
        ("state", None) => (Field::ConnectionState, Kind::ConnectionState),
        ("status", None) => (Field::ConnectionStatus, Kind::ConnectionStatus),
        ("direction", None) => (Field::ConnectionDirection, Kind::ConnectionDirection),
        ("mark", None) => (Field::ConnectionMark, Kind::HostInteger(32)),
        ("saddr" | "ip saddr" | "ip6 saddr", Some("original")) => return address(End::Source),
        ("daddr" | "ip daddr" | "ip6 daddr", Some("original")) => return address(End::Destination),
        ("proto-src", Some("original")) => (Field::OriginalPort(End::Source), Kind::Port),
        ("proto-dst", Some("original")) => (Field::OriginalPort(End::Destination), Kind::Port),
        ("protocol", _) => (Field::OriginalProtocol, Kind::Protocol),
        _ => return None,
    })
}

/// The kinds of an expression after `typeof`, one for each part.
#[must_use]
pub(super) fn kinds_of(expression: &Expression) -> Vec<Kind> {
    match expression {
        Expression::Concatenation(parts) => parts.iter().flat_map(kinds_of).collect(),
        Expression::Numgen { .. } | Expression::Hash { mode: HashMode::Jhash { .. } | HashMode::Symmetric, .. } => {
            vec![Kind::HostInteger(32)]
        }
        Expression::Binary(_, sides) => kinds_of(&sides.0),
        Expression::Symbol(name) => vec![Kind::named(name)],
        _ => vec![field(expression, TableFamily::Inet).map_or_else(|| unmodelled_kind(expression), |(_, kind)| kind)],
    }
}

/// The kind of an expression whose value is never known here, as far as its constants can be understood.
pub(super) fn unmodelled_kind(expression: &Expression) -> Kind {
    match expression {
        Expression::Fib { result, .. } if **result == *"type" => Kind::RouteType,
        Expression::Fib { .. } => Kind::InterfaceName,
        Expression::RawPayload { length, .. } => u8::try_from(*length).map_or(Kind::Other, Kind::NetworkInteger),
        Expression::Ct { key, .. } => match &**key {
            "saddr" | "daddr" => Kind::Other,
            "ip saddr" | "ip daddr" => Kind::Ipv4,
            "ip6 saddr" | "ip6 daddr" => Kind::Ipv6,
            "proto-src" | "proto-dst" => Kind::Port,
            _ => Kind::HostInteger(32),
        },
        Expression::Meta(_) | Expression::Socket(_) => Kind::HostInteger(32),
        _ => Kind::Other,
    }
}
