//! Expressions, and the elements of sets.

use super::Verdict;
use std::net::IpAddr;

/// How `numgen` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumgenMode {
    /// `inc`: one more each time.
    Incremental,
    /// `random`.
    Random,
}

/// The hash expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum HashMode {
    /// `jhash KEY`, with a seed or with one drawn when the rule was loaded.
    Jhash {
        /// What is hashed.
        key: Box<Expression>,
        /// The seed, if the rule has one.
        seed: Option<u32>,
    },
    /// `symhash`.
    Symmetric,
}

/// Operators between bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    Xor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

/// An expression, or a constant as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A number. (JSON: a number; `true` is 1, `false` is 0. Text: decimal or hexadecimal.)
    Number(u128),
    /// An address of IPv4 or IPv6.
    Address(IpAddr),
    /// A word or a quoted string: `tcp`, `established`, `local`, `eth0`, `eth*`, `ssh`.
    /// Without the quotation marks. A MAC address and other constants of no class here are words too.
    Symbol(Box<str>),
    /// `10.0.0.0/8`; also of a number or a word.
    Prefix(Box<Expression>, u8),
    /// `80-90`, both included.
    Range(Box<(Expression, Expression)>),
    /// `a . b . c`
    Concatenation(Vec<Expression>),
    /// `{ ... }`, and a comma-separated list without braces (`ct state established,related`: see [`Expression::List`]).
    Set(Vec<Element>),
    /// `established,related`: of flags, any of them.
    List(Vec<Expression>),
    /// `@name`
    SetReference(Box<str>),
    /// `*` as the key of an element.
    CatchAll,
    /// `ip daddr`, `th dport`, `tcp flags`, ...: protocol and field in nft's words.
    Payload {
        /// `ip`, `ip6`, `th`, `tcp`, `udp`, `sctp`, `icmp`, `ether`, ...
        protocol: Box<str>,
        /// `daddr`, `dport`, ...
        field: Box<str>,
    },
    /// `@th,16,16`
    RawPayload {
        /// `ll`, `nh`, `th` or `ih`.
        base: Box<str>,
        /// In bits.
        offset: u32,
        /// In bits.
        length: u32,
    },
    /// `meta KEY`; also of the keys that are written without `meta` (`iifname`, `mark`).
    Meta(Box<str>),
    /// `ct KEY`, `ct original ip saddr`.
    Ct {
        /// `state`, `status`, `mark`, `direction`, `saddr`, `proto-dst`, ...
        key: Box<str>,
        /// `original` or `reply`.
        direction: Option<Box<str>>,
        /// `ip` or `ip6`, where it is written before `saddr` and `daddr`.
        family: Option<Box<str>>,
    },
    /// `fib daddr . iif type`
    Fib {
        /// `type`, `oif`, `oifname`; `check` where only the existence of a route is asked.
        result: Box<str>,
        /// `saddr`, `daddr`, `mark`, `iif`, `oif`.
        flags: Vec<Box<str>>,
    },
    /// `socket transparent`
    Socket(Box<str>),
    /// `numgen MODE mod M offset O`
    Numgen {
        /// How it counts.
        mode: NumgenMode,
        /// The number of values.
        modulus: u32,
        /// The first value.
        offset: u32,
    },
    /// `jhash ... mod M`, `symhash mod M`
    Hash {
        /// Which, and of what.
        mode: HashMode,
        /// The number of values.
        modulus: u32,
        /// The first value.
        offset: u32,
    },
    /// `left & right`
    Binary(Operator, Box<(Expression, Expression)>),
    /// `KEY map { ... }` or `KEY map @name`
    Map(Box<(Expression, Expression)>),
    /// Not understood: the words as they stand, for people.
    Opaque(Box<str>),
}

/// What an element of a map leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum ElementData {
    /// A verdict.
    Verdict(Verdict),
    /// A value.
    Value(Expression),
}

/// An element of a set or map.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// A constant, a prefix, a range, a concatenation of such, or [`Expression::CatchAll`].
    pub key: Expression,
    /// None in a set.
    pub data: Option<ElementData>,
    /// The words of its comment.
    pub comment: Option<Box<str>>,
    /// It has a statement that may stop a match, such as `limit`; counters do not count.
    pub limited: bool,
    /// For how many seconds it stays, 0 for less than one; None for ever.
    pub expires: Option<u64>,
}

impl Element {
    /// An element that stays, and has nothing but a key and data.
    #[must_use]
    pub fn new(key: Expression, data: Option<ElementData>) -> Self {
        Self { key, data, comment: None, limited: false, expires: None }
    }
}

impl Expression {
    /// A word.
    #[must_use]
    pub fn symbol(word: &str) -> Self {
        Self::Symbol(word.into())
    }

    /// `protocol field`
    #[must_use]
    pub fn payload(protocol: &str, field: &str) -> Self {
        Self::Payload { protocol: protocol.into(), field: field.into() }
    }
}
