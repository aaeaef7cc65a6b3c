//! What a run knows of a packet on its way, beside what the packet was from the start.

use super::value::Value;
use super::variable::Variable;
use crate::evaluate::{DestinationNat, SourceNat};
use crate::program::{SetId, Site};
use std::rc::Rc;

/// Where a packet goes or comes from by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Address {
    /// As it was sent.
    Original,
    /// Translated to this.
    Known(u128),
    /// Translated, and the variable says to what.
    Translated,
    /// Chosen by the kernel.
    Hidden,
}

/// The port it goes to by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Port {
    Original,
    Known(u16),
    Translated,
}

/// A mark: bits that are known, and others that are those of the packet's first mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    Bits { known: u32, values: u32 },
    Unknown,
}

impl Mark {
    pub(super) fn known(value: u32) -> Self {
        Self::Bits { known: u32::MAX, values: value }
    }
}

/// The number a hash with an unknown seed had before, as far as it mattered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Remembered {
    pub(super) site: Site,
    pub(super) modulus: u32,
    pub(super) low: u32,
    pub(super) high: u32,
}

/// What the packet itself changed in a set; no data where it deleted the element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) set: SetId,
    pub(super) key: Vec<Value>,
    pub(super) data: Option<Vec<Value>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts, as in the kernel's own structures")]
pub(super) struct State {
    /// Variables whose value is known here, ascending.
    pub(super) facts: Rc<Vec<(Variable, u128)>>,
    pub(super) destination: Address,
    pub(super) destination_port: Port,
    pub(super) destination_port_unknown: bool,
    pub(super) source: Address,
    pub(super) source_port_unknown: bool,
    pub(super) mark: Mark,
    pub(super) connection_mark: Mark,
    pub(super) priority: Value,
    pub(super) tracked: bool,
    pub(super) untracked: bool,
    pub(super) looped: bool,
    pub(super) delivered_here: Option<bool>,
    pub(super) destination_nat: DestinationNat,
    pub(super) source_nat: SourceNat,
    pub(super) destination_done: bool,
    pub(super) source_done: bool,
    pub(super) destination_changed: bool,
    pub(super) source_changed: bool,
    pub(super) hashes: Rc<Vec<Remembered>>,
    pub(super) changes: Rc<Vec<Change>>,
    pub(super) remembers: Rc<Vec<u64>>,
}

impl State {
    pub(super) fn new(initial_mark: Option<u32>) -> Self {
        Self {
            facts: Rc::default(),
            destination: Address::Original,
            destination_port: Port::Original,
            destination_port_unknown: false,
            source: Address::Original,
            source_port_unknown: false,
            mark: initial_mark.map_or(Mark::Bits { known: 0, values: 0 }, Mark::known),
            connection_mark: Mark::known(0),
            priority: Value::Known(0),
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
            hashes: Rc::default(),
            changes: Rc::default(),
            remembers: Rc::default(),
        }
    }

    /// The value of a variable, if it is known.
    pub(super) fn fact(&self, variable: Variable) -> Option<u128> {
        self.facts.iter().find(|(known, _)| *known == variable).map(|(_, value)| *value)
    }

    /// The variable, or what it is known to be.
    pub(super) fn variable(&self, variable: Variable) -> Value {
        self.fact(variable).map_or(Value::Variable(variable), Value::Known)
    }

    pub(super) fn learn(&mut self, variable: Variable, value: u128) {
        let place = self.facts.partition_point(|(known, _)| *known < variable);
        if self.facts.get(place).is_none_or(|(known, _)| *known != variable) {
            Rc::make_mut(&mut self.facts).insert(place, (variable, value));
        }
    }

    /// Whether it is another in nothing but what is known of the packet from the start.
    pub(super) fn is_but_for_facts(&self, other: &Self) -> bool {
        let Self {
            facts: _,
            destination,
            destination_port,
            destination_port_unknown,
            source,
            source_port_unknown,
            mark,
            connection_mark,
            priority,
            tracked,
            untracked,
            looped,
            delivered_here,
            destination_nat,
            source_nat,
            destination_done,
            source_done,
            destination_changed,
            source_changed,
            hashes,
            changes,
            remembers,
        } = self;
        *mark == other.mark
            && *destination == other.destination
            && *destination_port == other.destination_port
            && *destination_port_unknown == other.destination_port_unknown
            && *source == other.source
            && *source_port_unknown == other.source_port_unknown
            && *connection_mark == other.connection_mark
            && *tracked == other.tracked
            && *untracked == other.untracked
            && *looped == other.looped
            && *delivered_here == other.delivered_here
            && *destination_done == other.destination_done
            && *source_done == other.source_done
            && *destination_changed == other.destination_changed
            && *source_changed == other.source_changed
            && *priority == other.priority
            && *destination_nat == other.destination_nat
            && *source_nat == other.source_nat
            && *hashes == other.hashes
            && *changes == other.changes
            && *remembers == other.remembers
    }

    pub(super) fn remember_hash(&mut self, hash: Remembered) {
        let hashes = Rc::make_mut(&mut self.hashes);
        hashes.retain(|known| known.site != hash.site);
        hashes.push(hash);
        hashes.sort_unstable_by_key(|known| known.site);
    }
}

/// What stands for the destination in outcomes that are made before it is put in: no rule has these words.
pub(super) fn placeholder() -> DestinationNat {
    DestinationNat::Several("".into())
}
