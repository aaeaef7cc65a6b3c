//! Packets and what has to be known about them.

use crate::kernel_hash::ByteOrder;
use crate::program::{IpVersion, Span};
use crate::ruleset::Hook;

/// The state of the connection a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// The first packet.
    New,
    /// A later packet: address translation is not asked again.
    Established,
    /// The first packet of a connection that another one announced.
    Related,
    /// None that connection tracking understands.
    Invalid,
}

/// A packet, and how it comes to the node.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// The version of IP.
    pub version: IpVersion,
    /// The protocol number.
    pub protocol: u8,
    /// The source; of IPv4 the lower 32 bits.
    pub source: u128,
    /// The destination; of IPv4 the lower 32 bits.
    pub destination: u128,
    /// The port of the source; None is any port a client would take.
    pub source_port: Option<u16>,
    /// The port of the destination; None where the protocol has none.
    pub destination_port: Option<u16>,
    /// [`Hook::Output`] of packets the node sends itself, [`Hook::Prerouting`] of all others.
    pub hook: Hook,
    /// Where it comes in, as a number (see [`crate::program::interface_number`]); None is any interface but `lo`.
    pub input_interface: Option<u128>,
    /// Where it leaves, if it leaves; None is any interface but `lo`.
    pub output_interface: Option<u128>,
    /// The mark it carries from the start.
    pub mark: u32,
    /// The state of its connection.
    pub state: ConnectionState,
}

/// What has to be known about the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The addresses of IPv4 that are the node's own, beside the loopback addresses; sorted.
    pub local_v4: Vec<u128>,
    /// The addresses of IPv6 that are the node's own, beside the loopback address; sorted.
    pub local_v6: Vec<u128>,
    /// The destinations of IPv4 that are taken for none of the node's, where others may be; sorted. Sources are not: a
    /// list of them would be asked at every rule that looks at the source.
    pub elsewhere_v4: Vec<u128>,
    /// The same of IPv6.
    pub elsewhere_v6: Vec<u128>,
    /// Ranges of IPv4 of which the same is taken for granted, but for the node's own addresses in them.
    pub elsewhere_ranges_v4: Vec<Span>,
    /// The same of IPv6.
    pub elsewhere_ranges_v6: Vec<Span>,
    /// The node is big-endian.
    pub big_endian: bool,
}

/// What the routing table says of an address, as far as it is known from the address and the node's own addresses.
/// The broadcast addresses of networks are not told from other addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RouteType {
    Unspecified = 0,
    Unicast = 1,
    Local = 2,
    Broadcast = 3,
    Multicast = 5,
}

impl Surroundings {
    pub(crate) fn byte_order(&self) -> ByteOrder {
        if self.big_endian { ByteOrder::Big } else { ByteOrder::Little }
    }

    /// Whether an address is one of the node's own, the loopback addresses included.
    #[must_use]
    pub fn is_local(&self, version: IpVersion, address: u128) -> bool {
        self.route_type(version, address) == RouteType::Local
    }

    /// The destinations that are taken for none of the node's where it is not known of all.
    #[must_use]
    pub fn elsewhere(&self, version: IpVersion) -> &[u128] {
        match version {
            IpVersion::V4 => &self.elsewhere_v4,
            IpVersion::V6 => &self.elsewhere_v6,
        }
    }

    /// The ranges that are taken for none of the node's.
    #[must_use]
    pub fn elsewhere_ranges(&self, version: IpVersion) -> &[Span] {
        match version {
            IpVersion::V4 => &self.elsewhere_ranges_v4,
            IpVersion::V6 => &self.elsewhere_ranges_v6,
        }
    }

    /// Whether a destination that is not known to be the node's is taken for none of its addresses.
    #[must_use]
    pub fn is_elsewhere(&self, version: IpVersion, address: u128) -> bool {
        self.elsewhere(version).binary_search(&address).is_ok()
            || self.elsewhere_ranges(version).iter().any(|range| range.contains(address))
    }

    #[inline]
    pub(crate) fn route_type(&self, version: IpVersion, address: u128) -> RouteType {
        match version {
            IpVersion::V4 => {
                if address >> 24 == 127 || self.local_v4.binary_search(&address).is_ok() {
                    RouteType::Local
                } else if address == 0xffff_ffff {
                    RouteType::Broadcast
                } else if address >> 28 == 0xe {
                    RouteType::Multicast
                } else if address == 0 {
                    RouteType::Unspecified
                } else {
                    RouteType::Unicast
                }
            }
            IpVersion::V6 => {
                if address == 1 || self.local_v6.binary_search(&address).is_ok() {
                    RouteType::Local
                } else if address >> 120 == 0xff {
                    RouteType::Multicast
                } else if address == 0 {
                    RouteType::Unspecified
                } else {
                    RouteType::Unicast
                }
            }
        }
    }
}
