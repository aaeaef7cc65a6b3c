//! Where the values of a packet on its way come from.

use super::trails::{DESTINATION, DESTINATION_PORT, Operand, SOURCE, SOURCE_PORT};
use crate::program::{End, Field};

/// Where the values come from that translation changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origins {
    pub(super) source: Operand,
    pub(super) destination: Operand,
    pub(super) destination_port: Operand,
    /// Address and port of the last translation to an address, or else the packet's own.
    pub(super) translated: [Operand; 2],
}

impl Origins {
    pub(super) const PACKET: Self = Self {
        source: Operand::Slot(SOURCE),
        destination: Operand::Slot(DESTINATION),
        destination_port: Operand::Slot(DESTINATION_PORT),
        translated: [Operand::Slot(DESTINATION), Operand::Slot(DESTINATION_PORT)],
    };

    /// Where the value of a field comes from. Routes have to have been told before: they are constants behind that.
    pub(super) fn of(&self, field: Field, value: u128) -> Operand {
        match field {
            Field::Ipv4Address(End::Source) | Field::Ipv6Address(End::Source) => self.source,
            Field::Ipv4Address(End::Destination) | Field::Ipv6Address(End::Destination) => self.destination,
            Field::Port(_, End::Destination) => self.destination_port,
            Field::Port(_, End::Source) | Field::OriginalPort(End::Source) => Operand::Slot(SOURCE_PORT),
            Field::OriginalPort(End::Destination) => Operand::Slot(DESTINATION_PORT),
            Field::OriginalAddress(End::Source) => Operand::Slot(SOURCE),
            Field::OriginalAddress(End::Destination) => Operand::Slot(DESTINATION),
            Field::Protocol
            | Field::Ipv4Protocol
            | Field::Ipv6NextHeader
            | Field::NetfilterFamily
            | Field::EtherType
            | Field::InputInterface
            | Field::OutputInterface
            | Field::Mark
            | Field::Priority
            | Field::PacketType
            | Field::ConnectionState
            | Field::ConnectionStatus
            | Field::ConnectionDirection
            | Field::ConnectionMark
            | Field::OriginalProtocol
            | Field::RouteType(_)
            | Field::ReversePath
            | Field::TcpFlags
            | Field::IcmpType
            | Field::Icmpv6Type
            | Field::Absent => Operand::Constant(value),
        }
    }
}
