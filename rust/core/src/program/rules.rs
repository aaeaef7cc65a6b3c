//! Rules with their names resolved.

use super::kind::{Kind, Span};
use super::sets::SetId;
use super::terms::{Part, Term};
use crate::ruleset::{Base, Comparison, NatKind, SetOperation, TableFamily};

/// The place of a chain in a program.
pub type ChainId = usize;

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The packet goes on behind this base chain.
    Accept,
    /// The packet is gone.
    Drop,
    /// The rule goes on.
    Continue,
    /// Back to the calling chain, or to the policy.
    Return,
    /// Into a chain, and back.
    Jump(ChainId),
    /// Into a chain, not back.
    Goto(ChainId),
    /// Not known what becomes of the packet; in nft's words.
    Unknown(Box<str>),
}

/// The new address and port of a translation.
#[derive(Clone, Debug, PartialEq)]
pub enum NatTarget {
    /// None: `masquerade`, `redirect` without a port.
    Nothing,
    /// Terms for each.
    Terms {
        /// The new address.
        address: Option<Term>,
        /// The new port.
        port: Option<Term>,
    },
    /// A map that gives both.
    Map {
        /// The key.
        key: Vec<Part>,
        /// The map.
        map: SetId,
    },
    /// The kernel chooses among several; in nft's words.
    Several(Box<str>),
}

/// What a rule does, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Goes on if the value lies in the span.
    Compare {
        /// What is compared.
        part: Part,
        /// How; `Implicit` has become one of the others.
        comparison: Comparison,
        /// With what.
        span: Span,
    },
    /// Goes on if any of the bits is set, or, negated, none.
    AnyBit {
        /// What is asked.
        part: Part,
        /// The bits.
        bits: u128,
        /// None of them, instead.
        negated: bool,
    },
    /// Goes on if the value equals that of another term.
    Same {
        /// One side.
        left: Part,
        /// The other.
        right: Part,
        /// Differs, instead.
        negated: bool,
    },
    /// Goes on if the key is in a set.
    Member {
        /// The key.
        key: Vec<Part>,
        /// The set.
        set: SetId,
        /// Is not in it, instead.
        negated: bool,
    },
    /// The verdict of a map; none ends the rule.
    VerdictMap {
        /// The key.
        key: Vec<Part>,
        /// The map.
        map: SetId,
    },
    /// A verdict.
    Verdict(Verdict),
    /// A new value.
    Assign {
        /// Of what.
        target: Target,
        /// The value.
        value: Term,
    },
    /// Address translation, which ends the chain.
    Nat {
        /// Which.
        kind: NatKind,
        /// The address family it is for, where only one is.
        family: Option<Kind>,
        /// Where to.
        target: NatTarget,
        /// `masquerade to :PORTS` and the like are noted by their words only.
        flags: Box<[Box<str>]>,
    },
    /// Refuses with an answer, such as `icmp port-unreachable`.
    Reject {
        /// The words after `reject with`; None where nothing is written.
        with: Option<Box<str>>,
    },
    /// Changes a set.
    Update {
        /// How.
        operation: SetOperation,
        /// The set.
        set: SetId,
        /// The key.
        key: Vec<Part>,
        /// The data of a map's element.
        data: Vec<Part>,
        /// How long the element stays, in seconds; None is for good.
        timeout: Option<u64>,
    },
    /// The connection is not tracked.
    Notrack,
    /// Goes on or not, and nobody knows.
    Conditional(Box<str>),
    /// Anything may happen.
    Opaque(Box<str>),
}

/// What a rule can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `meta mark`
    Mark,
    /// `meta priority`
    Priority,
    /// `ct mark`
    ConnectionMark,
    /// What no other rule's decision depends on here, such as `meta nftrace`.
    Nothing,
    /// What is not modelled: the packet is not known after it. nft's words.
    Unknown(Box<str>),
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it does.
    pub actions: Vec<Action>,
    /// Its place in the chain of the ruleset, counted from 0.
    pub place: usize,
}

/// A chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The place of its table in the ruleset.
    pub table: usize,
    /// Its place in the table.
    pub place: usize,
    /// The family of the table.
    pub family: TableFamily,
    /// None of a chain that is only jumped to.
    pub base: Option<Base>,
    /// The rules.
    pub rules: Vec<Rule>,
    /// The places in `rules` of those that can do anything; the others may be passed over.
    pub live: Vec<usize>,
}
