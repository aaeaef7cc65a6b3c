//! The fields of packets, as far as they are known.

use super::diagram::{NO, NodeId, YES};
use super::rules::At;
use super::run::{Followed, Run};
use super::state::{Address, Mark, Port, State};
use super::terms::Then;
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::evaluate::{ConnectionState, RouteType};
use crate::program::{End, Field, IpVersion, Transport};
use crate::ruleset::Hook;

/// The protocols whose packets have ports.
const WITH_PORTS: &[u8] = &[6, 17, 33, 132, 136];
/// "lo" as the number of an interface's name.
const LOOPBACK: u128 = 0x6c6f << 112;

const ADDRESS_UNKNOWN: &str = "the address that the kernel chose is not known";
const PORT_UNKNOWN: &str = "the port that the kernel chose is not known";

impl<'p> Run<'p> {
    /// The guard that the protocol is one of these.
    pub(super) fn protocol(&mut self, protocols: &[u8], state: &State) -> Followed {
        if let Some(known) = state.fact(Variable::Protocol) {
            let holds = protocols.iter().any(|protocol| u128::from(*protocol) == known);
            return Ok(if holds { YES } else { NO });
        }
        let mut guard = NO;
        for protocol in protocols {
            let one = self.between(Variable::Protocol, u128::from(*protocol), u128::from(*protocol))?;
            guard = self.choose(one, YES, guard)?;
        }
        Ok(guard)
    }

    pub(super) fn has_ports(&mut self, state: &State) -> Followed {
        self.protocol(WITH_PORTS, state)
    }

    /// A value where a guard holds, and another where it does not.
    fn either(&mut self, guard: NodeId, (value, other): (Value, Value), state: &State, then: Then<'_, 'p>) -> Followed {
        let holds = if guard == NO { NO } else { then(self, value, state)? };
        let fails = if guard == YES { NO } else { then(self, other, state)? };
        self.choose(guard, holds, fails)
    }

    pub(super) fn field(&mut self, at: At, field: Field, state: &State, then: Then<'_, 'p>) -> Followed {
        let v4 = self.version() == IpVersion::V4;
        let of_connection = |run: &Self, value: Value| if run.has_connection(state) { value } else { Value::Break };
        let value = match field {
            Field::Ipv4Address(end) if v4 => address(state, end),
            Field::Ipv6Address(end) if !v4 => address(state, end),
            Field::Port(transport, end) => {
                let there = match transport {
                    Transport::Number(number) => self.protocol(&[number], state)?,
                    Transport::Any => self.has_ports(state)?,
                };
                return self.either(there, (port(state, end), Value::Break), state, then);
            }
            Field::Protocol => state.variable(Variable::Protocol),
            Field::Ipv4Protocol if v4 => state.variable(Variable::Protocol),
            Field::Ipv6NextHeader if !v4 => state.variable(Variable::Protocol),
            Field::Ipv4Address(_)
            | Field::Ipv6Address(_)
            | Field::Ipv4Protocol
            | Field::Ipv6NextHeader
            | Field::Absent => Value::Break,
            Field::NetfilterFamily => Value::Known(if v4 { 2 } else { 10 }),
            Field::EtherType => Value::Known(if v4 { 0x0800 } else { 0x86dd }),
            Field::InputInterface if state.looped => Value::Known(LOOPBACK),
            Field::InputInterface if self.case.hook == Hook::Output => Value::Known(0),
            Field::InputInterface => state.variable(Variable::InputInterface),
            Field::OutputInterface => match (at.hook, state.delivered_here) {
                (Hook::Prerouting | Hook::Input, _) => Value::Known(0),
                (_, Some(true)) => Value::Known(LOOPBACK),
                _ => state.variable(Variable::OutputInterface),
            },
            Field::Mark => mark(state.mark, state, "its mark is not known", self.version()),
            Field::Priority => match &state.priority {
                Value::Variable(variable) => state.variable(*variable),
                value => value.clone(),
            },
            Field::PacketType => {
                return self.route_type(End::Destination, state, &mut |run, route_type| {
                    let packet_type = match route_type {
                        Some(RouteType::Broadcast) => 1,
                        Some(RouteType::Multicast) => 2,
                        _ => 0,
                    };
                    then(run, Value::Known(packet_type), state)
                });
            }
            Field::ConnectionState => Value::Known(match (state.untracked, state.tracked, self.case.state) {
                (true, ..) => 64,
                (_, false, _) | (.., ConnectionState::Invalid) => 1,
                (.., ConnectionState::New) => 8,
                (.., ConnectionState::Established) => 2,
                (.., ConnectionState::Related) => 4,
            }),
            Field::ConnectionStatus => of_connection(self, self.status(state)),
            Field::ConnectionDirection => of_connection(self, Value::Known(0)),
            Field::ConnectionMark => {
                let words = "the mark of its connection is not known";
                of_connection(self, mark(state.connection_mark, state, words, self.version()))
            }
            Field::OriginalAddress(End::Source) => of_connection(self, state.variable(Variable::Source)),
            Field::OriginalAddress(End::Destination) => of_connection(self, state.variable(Variable::Destination)),
            Field::OriginalPort(End::Source) => of_connection(self, state.variable(Variable::SourcePort)),
            Field::OriginalPort(End::Destination) => {
                if !self.has_connection(state) {
                    return then(self, Value::Break, state);
                }
                let there = self.has_ports(state)?;
                let values = (state.variable(Variable::DestinationPort), Value::Known(0));
                return self.either(there, values, state, then);
            }
            Field::OriginalProtocol => of_connection(self, state.variable(Variable::Protocol)),
            Field::RouteType(end) => {
                return self.route_type(end, state, &mut |run, route_type| {
                    let value = match route_type {
                        Some(route_type) => Value::Known(route_type as u128),
                        None => Value::Unknown(ADDRESS_UNKNOWN.into()),
                    };
                    then(run, value, state)
                });
            }
            // Packets come in where replies to them leave; whoever asks about others has to say so.
            Field::ReversePath => Value::Known(1),
            Field::TcpFlags => {
                let there = self.protocol(&[6], state)?;
                let flags = match self.case.state {
                    ConnectionState::New => Value::Known(2),
                    _ => Value::Unknown("its TCP flags are not given".into()),
                };
                return self.either(there, (flags, Value::Break), state, then);
            }
            Field::IcmpType | Field::Icmpv6Type => {
                let there = self.protocol(&[if field == Field::IcmpType { 1 } else { 58 }], state)?;
                let unknown = Value::Unknown("its ICMP type is not given".into());
                return self.either(there, (unknown, Value::Break), state, then);
            }
        };
        then(self, value, state)
    }

    fn status(&self, state: &State) -> Value {
        match self.case.state {
            ConnectionState::New | ConnectionState::Related => Value::Known(
                u128::from(state.source_changed) << 4
                    | u128::from(state.destination_changed) << 5
                    | u128::from(state.source_done) << 7
                    | u128::from(state.destination_done) << 8
                    | u128::from(self.case.state == ConnectionState::Related),
            ),
            _ => Value::Unknown("what became of its connection before is not known".into()),
        }
    }
}

fn address(state: &State, end: End) -> Value {
    let (address, original) = match end {
        End::Source => (state.source, Variable::Source),
        End::Destination => (state.destination, Variable::Destination),
    };
    match address {
        Address::Original => state.variable(original),
        Address::Known(address) => Value::Known(address),
        Address::Translated => Value::Variable(Variable::TranslatedAddress),
        Address::Hidden => Value::Unknown(ADDRESS_UNKNOWN.into()),
    }
}

fn port(state: &State, end: End) -> Value {
    match end {
        End::Source if state.source_port_unknown => Value::Unknown(PORT_UNKNOWN.into()),
        End::Source => state.variable(Variable::SourcePort),
        End::Destination if state.destination_port_unknown => Value::Unknown(PORT_UNKNOWN.into()),
        End::Destination => match state.destination_port {
            Port::Original => state.variable(Variable::DestinationPort),
            Port::Known(port) => Value::Known(u128::from(port)),
            Port::Translated => Value::Variable(Variable::TranslatedPort),
        },
    }
}

fn mark(mark: Mark, state: &State, words: &str, version: IpVersion) -> Value {
    match mark {
        Mark::Unknown => Value::Unknown(words.into()),
        Mark::Bits { known, values } => {
            let bit = |place: u8| match state.fact(Variable::MarkBit(place)) {
                _ if known >> place & 1 == 1 => Bit::Known(values >> place & 1 == 1),
                Some(value) => Bit::Known(value == 1),
                None => Bit::Of { variable: Variable::MarkBit(place), place: 0, inverted: false },
            };
            Value::of_bits((0..32).map(bit).collect(), version)
        }
    }
}
