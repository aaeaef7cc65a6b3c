//! Statements.

use super::Expression;

/// How a match compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Nothing written, or JSON's `in`: equal to a value, in a set, or any bit of flags.
    Implicit,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// `accept`
    Accept,
    /// `drop`
    Drop,
    /// `continue`
    Continue,
    /// `return`
    Return,
    /// `jump CHAIN`
    Jump(Box<str>),
    /// `goto CHAIN`
    Goto(Box<str>),
    /// `queue` in any form.
    Queue,
}

/// The kinds of address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NatKind {
    /// `dnat`
    Destination,
    /// `snat`
    Source,
    /// `masquerade`
    Masquerade,
    /// `redirect`
    Redirect,
}

/// What a rule does to a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetOperation {
    /// `add @set { ... }`
    Add,
    /// `update @set { ... }`
    Update,
    /// `delete @set { ... }`
    Delete,
}

/// A statement of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `left OP right`: if it does not hold, the rule ends.
    Match {
        /// How.
        comparison: Comparison,
        /// What is asked of the packet.
        left: Expression,
        /// A constant, a set, or the name of one.
        right: Expression,
    },
    /// `KEY vmap { ... }` or `KEY vmap @name`: a miss ends the rule.
    VerdictMap {
        /// The key.
        key: Expression,
        /// An [`Expression::Set`] or [`Expression::SetReference`].
        data: Expression,
    },
    /// A verdict.
    Verdict(Verdict),
    /// `KEY set VALUE`
    Assign {
        /// `meta mark`, `ct mark`, a payload field, ...
        target: Expression,
        /// The new value.
        value: Expression,
    },
    /// Address translation.
    Nat {
        /// Which.
        kind: NatKind,
        /// `ip` or `ip6`, where it is written (tables of family inet).
        family: Option<Box<str>>,
        /// The new address. A map with concatenated data gives address and port; so does a concatenation.
        address: Option<Expression>,
        /// The new port, where it is written by itself.
        port: Option<Expression>,
        /// `random`, `fully-random`, `persistent`, `prefix`, ...
        flags: Vec<Box<str>>,
    },
    /// `reject with TYPE CODE`
    Reject {
        /// `icmp`, `icmpv6`, `icmpx` or `tcp reset`; None where nothing is written.
        kind: Option<Box<str>>,
        /// The code, such as `port-unreachable`; a number becomes its decimal digits.
        code: Option<Box<str>>,
    },
    /// `update @set { KEY : DATA }`
    Update {
        /// Which change.
        operation: SetOperation,
        /// The set or map.
        set: Box<str>,
        /// The key.
        key: Expression,
        /// The data of a map's element.
        data: Option<Expression>,
        /// How long the element stays, in seconds, where the statement says so.
        timeout: Option<u64>,
        /// Its own statements can stop the rule (`limit` in the element).
        limited: bool,
    },
    /// `notrack`
    Notrack,
    /// Decides nothing: `counter`, `log`, `last`, a comment; the words as they stand.
    Effectless(Box<str>),
    /// Matches depending on something that no dump holds (`limit rate ...`, `quota ...`, `ct count ...`); the words.
    Conditional(Box<str>),
    /// Not understood: it may stop the rule, change the packet and end its way. The words as they stand, for people.
    Opaque(Box<str>),
}
