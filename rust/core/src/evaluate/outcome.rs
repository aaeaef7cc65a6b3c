//! What becomes of a packet.

use super::fraction::Fraction;
use crate::program::ChainId;
use crate::ruleset::Hook;

/// What becomes of a packet in the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It goes on, where to [`Outcome::destination`] says.
    Accept,
    /// It is gone without an answer.
    Drop,
    /// It is refused with an answer: the words after `reject with`, or nft's default.
    Reject(Box<str>),
    /// Nobody knows, and why.
    Unknown,
}

/// What becomes of the source address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceNat {
    /// It stays.
    None,
    /// It becomes an address of the interface where the packet leaves.
    Masquerade,
    /// It becomes this address (and port, where one is written).
    Address(u128, Option<u16>),
    /// The kernel chooses; nft's words.
    Several(Box<str>),
}

/// A new destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DestinationNat {
    /// It stays.
    None,
    /// This address, or None where only the port changes, and this port, or None where only the address does.
    Address(Option<u128>, Option<u16>),
    /// An address of the interface where the packet came in (`redirect`), with this port if one is written.
    Redirect(Option<u16>),
    /// The kernel chooses; nft's words.
    Several(Box<str>),
}

/// What becomes of a packet, all but the chance of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outcome {
    /// Whether it goes on.
    pub verdict: Verdict,
    /// The new destination.
    pub destination: DestinationNat,
    /// The new source.
    pub source: SourceNat,
    /// The mark in the end; None if it is not known.
    pub mark: Option<u32>,
}

/// A step of the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// At which hook.
    pub hook: Hook,
    /// In which chain.
    pub chain: ChainId,
    /// The rule, by its place in the chain; None is the policy, or the chain's end.
    pub rule: Option<usize>,
    /// What happened: the element that was found, where the packet went.
    pub event: String,
}

/// An outcome with its chance.
#[derive(Clone, Debug)]
pub struct Chance {
    /// What.
    pub outcome: Outcome,
    /// How likely it is at least; together these are 1.
    pub probability: Fraction,
    /// The way to it, the first if there are several; empty if it was not asked for.
    pub steps: Vec<Step>,
    /// Of an unknown outcome, what would have to be known, each with the rule that asks: once each.
    pub reasons: Vec<String>,
}
