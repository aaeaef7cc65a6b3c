//! A packet on its way: everything a rule can read or change.

use super::origins::Origins;
use super::outcome::{DestinationNat, SourceNat};
use super::packet::{ConnectionState, Packet, RouteType, Surroundings};
use crate::program::{End, Field, IpVersion, Set, Transport};
use crate::ruleset::Hook;
use std::borrow::Cow;

/// What reading a field gives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loaded<'a> {
    Value(u128),
    /// The packet has no such field: the rule ends.
    Break,
    /// Nobody knows.
    Unknown(Missing<'a>),
}

/// What is not known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Missing<'a> {
    SourcePort,
    InputInterface,
    OutputInterface,
    TranslatedAddress,
    Mark,
    /// In words for people.
    Words(&'static str),
    /// An expression, in nft's words.
    NotModelled(&'a str),
    /// Whether a condition holds, in nft's words.
    Condition(&'a str),
    /// What a set holds beside what is known of it.
    Elements(&'a Set),
}

impl Missing<'_> {
    /// Words for people.
    pub(super) fn words(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::SourcePort => "the port of the source is not given",
            Self::InputInterface => "the interface where it comes in is not given",
            Self::OutputInterface => "the interface where it leaves is not given",
            Self::TranslatedAddress => "the address that the kernel chose is not known",
            Self::Mark => "its mark is not known",
            Self::Words(words) => words,
            Self::NotModelled(words) => return Cow::Owned(format!("`{words}` is not modelled")),
            Self::Condition(words) => return Cow::Owned(format!("whether `{words}` holds is not in the dump")),
            Self::Elements(set) => {
                let name = set.name.as_deref().unwrap_or("the set");
                let why = set.unknown.as_deref().unwrap_or_default();
                return Cow::Owned(format!("what {name} holds is not known: {why}"));
            }
        })
    }
}

/// The number of an address that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Known(u128),
    Unknown,
}

const TCP: u8 = 6;
/// "lo" as the number of an interface's name.
const LOOPBACK: u128 = 0x6c6f << 112;

pub(super) const NEW: u128 = 8;

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts, as in the kernel's own structures")]
pub(super) struct Flight<'a> {
    pub(super) packet: &'a Packet,
    pub(super) surroundings: &'a Surroundings,
    pub(super) hook: Hook,
    pub(super) source: Address,
    pub(super) destination: Address,
    pub(super) source_port: Option<u16>,
    pub(super) destination_port: Option<u16>,
    /// A translated port that is not known any more.
    pub(super) destination_port_unknown: bool,
    pub(super) source_port_unknown: bool,
    /// Which of the possible source ports hashes assume, where none is given.
    pub(super) hashed_port: Option<u16>,
    pub(super) mark: Option<u32>,
    pub(super) priority: Option<u32>,
    pub(super) connection_mark: Option<u32>,
    /// Connection tracking has seen it: behind priority -200.
    pub(super) tracked: bool,
    pub(super) untracked: bool,
    /// It went back into the node through `lo`.
    pub(super) looped: bool,
    /// Whether the destination is one of the node's own addresses; None before routing.
    pub(super) delivered_here: Option<bool>,
    pub(super) destination_nat: DestinationNat,
    pub(super) source_nat: SourceNat,
    pub(super) destination_done: bool,
    pub(super) source_done: bool,
    pub(super) destination_changed: bool,
    pub(super) source_changed: bool,
    pub(super) origins: Origins,
}

impl<'a> Flight<'a> {
    pub(super) fn new(packet: &'a Packet, surroundings: &'a Surroundings) -> Self {
        Self {
            packet,
            surroundings,
            hook: packet.hook,
            source: Address::Known(packet.source),
            destination: Address::Known(packet.destination),
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            destination_port_unknown: false,
            source_port_unknown: false,
            hashed_port: None,
            mark: Some(packet.mark),
            priority: Some(0),
            connection_mark: Some(0),
            tracked: false,
            untracked: false,
            looped: false,
            delivered_here: None,
            destination_nat: DestinationNat::None,
            source_nat: SourceNat::None,
            destination_done: false,
            source_done: false,
            destination_changed: false,
            source_changed: false,
            origins: Origins::PACKET,
        }
    }

    #[inline]
    pub(super) fn load(&self, field: Field) -> Loaded<'a> {
        match field {
            Field::Ipv4Address(end) => self.address(IpVersion::V4, end),
            Field::Ipv6Address(end) => self.address(IpVersion::V6, end),
            Field::Port(transport, end) => self.port(transport, end),
            Field::Protocol => Loaded::Value(u128::from(self.packet.protocol)),
            Field::Ipv4Protocol => self.of_version(IpVersion::V4, u128::from(self.packet.protocol)),
            Field::Ipv6NextHeader => self.of_version(IpVersion::V6, u128::from(self.packet.protocol)),
            Field::NetfilterFamily => Loaded::Value(if self.packet.version == IpVersion::V4 { 2 } else { 10 }),
            Field::EtherType => Loaded::Value(if self.packet.version == IpVersion::V4 { 0x0800 } else { 0x86dd }),
            Field::InputInterface => self.input_interface(),
            Field::OutputInterface => self.output_interface(),
            Field::Mark => number(self.mark),
            Field::Priority => match self.priority {
                Some(priority) => Loaded::Value(u128::from(priority)),
                None => Loaded::Unknown(Missing::Words("its priority is not known")),
            },
            Field::PacketType => Loaded::Value(match self.route_type(End::Destination) {
                Some(RouteType::Broadcast) => 1,
                Some(RouteType::Multicast) => 2,
                _ => 0,
            }),
            Field::ConnectionState => Loaded::Value(self.connection_state()),
            Field::ConnectionStatus => self.connection_status(),
            Field::ConnectionDirection => self.of_connection(|_| Loaded::Value(0)),
            Field::ConnectionMark => self.of_connection(|flight| match flight.connection_mark {
                Some(mark) => Loaded::Value(u128::from(mark)),
                None => Loaded::Unknown(Missing::Words("the mark of its connection is not known")),
            }),
            Field::OriginalAddress(end) => self.of_connection(|flight| {
                let packet = flight.packet;
                Loaded::Value(if end == End::Source { packet.source } else { packet.destination })
            }),
            Field::OriginalPort(end) => self.of_connection(|flight| match end {
                End::Source => port(flight.packet.source_port),
                End::Destination => Loaded::Value(flight.packet.destination_port.map_or(0, u128::from)),
            }),
            Field::OriginalProtocol => self.of_connection(|flight| Loaded::Value(u128::from(flight.packet.protocol))),
            Field::RouteType(end) => match self.route_type(end) {
                Some(route_type) => Loaded::Value(route_type as u128),
                None => Loaded::Unknown(Missing::TranslatedAddress),
            },
            // Packets come in where replies to them leave; whoever asks about others has to say so.
            Field::ReversePath => Loaded::Value(1),
            Field::Absent => Loaded::Break,
            Field::TcpFlags if self.packet.protocol != TCP => Loaded::Break,
            Field::TcpFlags if self.packet.state == ConnectionState::New => Loaded::Value(2),
            Field::TcpFlags => Loaded::Unknown(Missing::Words("its TCP flags are not given")),
            Field::IcmpType if self.packet.protocol != 1 => Loaded::Break,
            Field::Icmpv6Type if self.packet.protocol != 58 => Loaded::Break,
            Field::IcmpType | Field::Icmpv6Type => Loaded::Unknown(Missing::Words("its ICMP type is not given")),
        }
    }

    /// Where an interface is not given, it still is not `lo`.
    pub(super) fn excludes(missing: Missing<'_>, value: u128) -> bool {
        matches!(missing, Missing::InputInterface | Missing::OutputInterface) && value == LOOPBACK
    }

    pub(super) fn route_type(&self, end: End) -> Option<RouteType> {
        match if end == End::Source { self.source } else { self.destination } {
            Address::Known(address) => Some(self.surroundings.route_type(self.packet.version, address)),
            Address::Unknown
                if end == End::Destination && matches!(self.destination_nat, DestinationNat::Redirect(_)) =>
            {
                Some(RouteType::Local)
            }
            Address::Unknown => None,
        }
    }

    fn of_version(&self, version: IpVersion, value: u128) -> Loaded<'a> {
        if self.packet.version == version { Loaded::Value(value) } else { Loaded::Break }
    }

    #[inline]
    fn address(&self, version: IpVersion, end: End) -> Loaded<'a> {
        if self.packet.version != version {
            return Loaded::Break;
        }
        match if end == End::Source { self.source } else { self.destination } {
            Address::Known(address) => Loaded::Value(address),
            Address::Unknown => Loaded::Unknown(Missing::TranslatedAddress),
        }
    }

    #[inline]
    fn port(&self, transport: Transport, end: End) -> Loaded<'a> {
        let there = match transport {
            Transport::Number(number) => self.packet.protocol == number,
            Transport::Any => self.packet.destination_port.is_some(),
        };
        if !there {
            return Loaded::Break;
        }
        match end {
            End::Source if self.source_port_unknown => {
                Loaded::Unknown(Missing::Words("the port that the kernel chose is not known"))
            }
            End::Source => port(self.source_port),
            End::Destination if self.destination_port_unknown => {
                Loaded::Unknown(Missing::Words("the port that the kernel chose is not known"))
            }
            End::Destination => Loaded::Value(self.destination_port.map_or(0, u128::from)),
        }
    }

    fn input_interface(&self) -> Loaded<'a> {
        if self.looped {
            return Loaded::Value(LOOPBACK);
        }
        match (self.packet.hook, self.packet.input_interface) {
            (Hook::Output, _) => Loaded::Value(0),
            (_, Some(interface)) => Loaded::Value(interface),
            (_, None) => Loaded::Unknown(Missing::InputInterface),
        }
    }

    fn output_interface(&self) -> Loaded<'a> {
        if matches!(self.hook, Hook::Prerouting | Hook::Input) {
            return Loaded::Value(0);
        }
        match (self.delivered_here, self.packet.output_interface) {
            (Some(true), _) => Loaded::Value(LOOPBACK),
            (_, Some(interface)) => Loaded::Value(interface),
            _ => Loaded::Unknown(Missing::OutputInterface),
        }
    }

    /// Before connection tracking has seen a packet, `ct state` reads as invalid (`nft_ct_get_eval`).
    fn connection_state(&self) -> u128 {
        if self.untracked {
            return 64;
        }
        if !self.tracked {
            return 1;
        }
        match self.packet.state {
            ConnectionState::New => NEW,
            ConnectionState::Established => 2,
            ConnectionState::Related => 4,
            ConnectionState::Invalid => 1,
        }
    }

    fn of_connection(&self, read: impl Fn(&Self) -> Loaded<'a>) -> Loaded<'a> {
        if self.has_connection() { read(self) } else { Loaded::Break }
    }

    pub(super) fn has_connection(&self) -> bool {
        self.tracked && !self.untracked && self.packet.state != ConnectionState::Invalid
    }

    fn connection_status(&self) -> Loaded<'a> {
        self.of_connection(|flight| match flight.packet.state {
            ConnectionState::New | ConnectionState::Related => Loaded::Value(
                u128::from(flight.source_changed) << 4
                    | u128::from(flight.destination_changed) << 5
                    | u128::from(flight.source_done) << 7
                    | u128::from(flight.destination_done) << 8
                    | u128::from(flight.packet.state == ConnectionState::Related),
            ),
            _ => Loaded::Unknown(Missing::Words("what became of its connection before is not known")),
        })
    }
}

fn port(port: Option<u16>) -> Loaded<'static> {
    match port {
        Some(port) => Loaded::Value(u128::from(port)),
        None => Loaded::Unknown(Missing::SourcePort),
    }
}

fn number(mark: Option<u32>) -> Loaded<'static> {
    match mark {
        Some(mark) => Loaded::Value(u128::from(mark)),
        None => Loaded::Unknown(Missing::Mark),
    }
}
