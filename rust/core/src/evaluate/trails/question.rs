//! What is asked about a packet on its way, in such a form that it can be asked of any packet.

use super::profiles::Tables;
use crate::evaluate::drawing::Drawing;
use crate::evaluate::packet::{Packet, Surroundings};
use crate::evaluate::rule::holds;
use crate::evaluate::values::hashed;
use crate::program::{Answer, Data, IpVersion, Kind, Program, SetId, Span, apply};
use crate::ruleset::{Comparison, Operator};

/// The slots of what differs from packet to packet.
pub(in crate::evaluate) const SOURCE: u8 = 0;
pub(in crate::evaluate) const DESTINATION: u8 = 1;
pub(in crate::evaluate) const SOURCE_PORT: u8 = 2;
pub(in crate::evaluate) const DESTINATION_PORT: u8 = 3;
/// The first slot for values that are found on the way.
pub(super) const FIELDS: u8 = 4;
/// A way that needs more is not written down.
pub(in crate::evaluate) const SLOTS: u8 = 32;

/// The values of a packet, and those that questions gave.
pub(in crate::evaluate) type Slots = [u128; SLOTS as usize];

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::evaluate) enum Operand {
    /// It is the same for all packets on this way.
    Constant(u128),
    /// It is in a slot.
    Slot(u8),
}

impl Operand {
    #[inline]
    pub(in crate::evaluate) fn value(self, slots: &Slots) -> u128 {
        match self {
            Self::Constant(value) => value,
            Self::Slot(slot) => slots[usize::from(slot % SLOTS)],
        }
    }

    pub(super) fn is_constant(self) -> bool {
        matches!(self, Self::Constant(_))
    }
}

/// A question. Those with `into` also put values in slots from there on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Question {
    /// Whether a comparison holds.
    Compare { operand: Operand, comparison: Comparison, span: Span },
    /// Whether any of the bits is set.
    AnyBit { operand: Operand, bits: u128 },
    /// Whether two values are equal.
    Same { left: Operand, right: Operand },
    /// The type of the route to an address.
    Route { version: IpVersion, operand: Operand },
    /// What several sets say of a key: the number of a profile.
    Profile { table: usize, key: Box<[Operand]> },
    /// Which element a set has for a key: its place from 1, or 1 for all where only membership counts. 0 is none.
    Element { set: SetId, key: Box<[Operand]>, member: bool },
    /// Whether a map has values for a key; the first two of them go into slots.
    Values { set: SetId, key: Box<[Operand]>, into: u8 },
    /// `numgen random`
    Draw { modulus: u32, offset: u32, into: u8 },
    /// An operator between bits.
    Bits { operator: Operator, left: Operand, right: Operand, bits: u32, into: u8 },
    /// `jhash` with a seed.
    Jhash { key: Box<[Operand]>, kinds: Box<[Kind]>, seed: u32, modulus: u32, offset: u32, into: u8 },
}

/// What questions are answered from, besides the packet.
#[derive(Clone, Copy)]
pub(in crate::evaluate) struct Known<'a> {
    pub(in crate::evaluate) program: &'a Program,
    pub(in crate::evaluate) surroundings: &'a Surroundings,
    pub(in crate::evaluate) tables: &'a Tables,
}

impl Question {
    /// The answer of a packet; None where only the machine can give it.
    #[inline]
    pub(super) fn answer(&self, known: Known<'_>, slots: &mut Slots, drawing: &mut Drawing) -> Option<u32> {
        Some(match self {
            Self::Compare { operand, comparison, span } => u32::from(holds(*comparison, *span, operand.value(slots))),
            Self::AnyBit { operand, bits } => u32::from(operand.value(slots) & bits != 0),
            Self::Same { left, right } => u32::from(left.value(slots) == right.value(slots)),
            Self::Route { version, operand } => known.surroundings.route_type(*version, operand.value(slots)) as u32,
            Self::Profile { table, key } => {
                known.tables.profiles[*table].number(key.iter().map(|part| part.value(slots)))?
            }
            Self::Element { set, key, member } => with_values(key, slots, |key| known.program.sets[*set].hit(key))
                .map_or(Some(0), |hit| if *member { Some(1) } else { u32::try_from(hit.place() + 1).ok() })?,
            Self::Values { set, key, into } => {
                let set = &known.program.sets[*set];
                let Some(hit) = with_values(key, slots, |key| set.hit(key)) else { return Some(0) };
                let (first, second) = match (hit.answer, &set.entries) {
                    (Answer::Pair(first, second), _) => (u128::from(first), u128::from(second)),
                    (_, entries) => match &entries[hit.place()].data {
                        Data::Values(values) => (*values.first()?, values.get(1).copied().unwrap_or(0)),
                        _ => return None,
                    },
                };
                slots[usize::from(into % SLOTS)] = first;
                slots[usize::from((into + 1) % SLOTS)] = second;
                1
            }
            Self::Draw { modulus, offset, into } => {
                slots[usize::from(into % SLOTS)] = u128::from(drawing.draw(*modulus)) + u128::from(*offset);
                0
            }
            Self::Bits { operator, left, right, bits, into } => {
                slots[usize::from(into % SLOTS)] = apply(*operator, left.value(slots), right.value(slots), *bits)?;
                0
            }
            Self::Jhash { key, kinds, seed, modulus, offset, into } => {
                let order = known.surroundings.byte_order();
                let hash = with_values(key, slots, |key| hashed(kinds, key, *seed, *modulus, *offset, order))?;
                slots[usize::from(into % SLOTS)] = u128::from(hash);
                0
            }
        })
    }
}

/// Calls with the values of a key, of which the machine allows no more than eight.
#[inline]
fn with_values<T>(key: &[Operand], slots: &Slots, call: impl FnOnce(&[u128]) -> T) -> T {
    let mut values = [0; 8];
    for (value, part) in values.iter_mut().zip(key) {
        *value = part.value(slots);
    }
    call(&values[..key.len().min(values.len())])
}

/// The slots of a packet; only those of its fields are filled.
#[inline]
pub(in crate::evaluate) fn fill(slots: &mut Slots, packet: &Packet) {
    slots[usize::from(SOURCE)] = packet.source;
    slots[usize::from(DESTINATION)] = packet.destination;
    slots[usize::from(SOURCE_PORT)] = packet.source_port.map_or(0, u128::from);
    slots[usize::from(DESTINATION_PORT)] = packet.destination_port.map_or(0, u128::from);
}
