//! What a function asks for at all, so that it is looked through only where that changes something.

use super::variable::Variable;

/// A set of variables; those that have numbers share their places, so it may hold more than was put in. Whether there
/// are choices with chances is told, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked(u32);

const RECORDS: u32 = 1 << 12;
const QUESTIONS: u32 = 1 << 13;
const MIX: u32 = 1 << 14;
const HASHES: u32 = 0xffff << 16;

impl Asked {
    /// A choice with chances: below it, the order of variables begins anew.
    pub(super) const MIX: Self = Self(MIX);

    /// Only this variable.
    #[must_use]
    pub(super) fn one(variable: Variable) -> Self {
        Self(match variable {
            Variable::TranslatedAddress => 1,
            Variable::TranslatedPort => 1 << 1,
            Variable::Destination => 1 << 2,
            Variable::Protocol => 1 << 3,
            Variable::DestinationPort => 1 << 4,
            Variable::DestinationLocal => 1 << 5,
            Variable::Source => 1 << 6,
            Variable::SourceLocal => 1 << 7,
            Variable::SourcePort => 1 << 8,
            Variable::InputInterface => 1 << 9,
            Variable::OutputInterface => 1 << 10,
            Variable::MarkBit(_) => 1 << 11,
            Variable::Record(_) => RECORDS,
            Variable::Question(_) => QUESTIONS,
            Variable::Hash(number) => 1 << (16 + number % 16),
        })
    }

    /// What either asks for.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the variable may be asked for.
    #[must_use]
    pub(super) fn may_ask(self, variable: Variable) -> bool {
        self.0 & Self::one(variable).0 != 0
    }

    /// Whether there is a choice with chances.
    #[must_use]
    pub(super) fn mixes(self) -> bool {
        self.0 & MIX != 0
    }

    /// Whether both ask for the same hashes.
    #[must_use]
    pub(super) fn same_hashes(self, other: Self) -> bool {
        self.0 & HASHES == other.0 & HASHES
    }

    /// Whether anything is asked for that a packet decides, or what is remembered of its client.
    #[must_use]
    pub(super) fn asks_the_packet(self) -> bool {
        self.0 & !(MIX | QUESTIONS) != 0
    }
}
