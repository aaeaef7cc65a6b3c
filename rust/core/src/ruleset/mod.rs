//! An nftables ruleset as its readers understood it: structure without meaning.
//!
//! This is the one form between the readers (`crate::read`) and everything that asks what a ruleset does
//! (`crate::program`). It follows the grammar of nft: names are not resolved, and constants are kept as they were
//! written, because what `tcp` or `2` means depends on the expression it is compared with. Readers never guess: what
//! they do not understand they keep as [`Statement::Opaque`] or [`Expression::Opaque`], with its words.

mod display;
mod expression;
mod statement;

pub use expression::{Element, ElementData, Expression, HashMode, NumgenMode, Operator};
pub use statement::{Comparison, NatKind, SetOperation, Statement, Verdict};

/// All tables of a network namespace, or as many of them as were dumped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruleset {
    /// The version of nft that printed the dump, if it says so, such as `1.0.6`.
    pub nft_version: Option<String>,
    /// The tables in the order in which they were listed.
    pub tables: Vec<Table>,
    /// Things of the dump that are in none of the tables, or that may have gone missing in it.
    pub notes: Vec<Note>,
}

/// Something about a dump that whoever relies on it should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line of the text, or the index of the JSON object, counted from 1.
    pub place: usize,
    /// One sentence without a full stop.
    pub message: String,
    /// What it is about may decide about any packet, so that nothing is known of them.
    pub decisive: bool,
}

/// The family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableFamily {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// IPv4 and IPv6.
    Inet,
    /// ARP.
    Arp,
    /// Frames of a bridge.
    Bridge,
    /// Frames of a device.
    Netdev,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The family.
    pub family: TableFamily,
    /// The name.
    pub name: String,
    /// A dormant table is listed, and none of its chains is run; None where the dump does not tell.
    pub dormant: Option<bool>,
    /// The words of its comment.
    pub comment: Option<String>,
    /// iptables-nft owns it: its rules may be listed without what they do.
    pub managed_by_iptables: bool,
    /// The chains in the order of the listing.
    pub chains: Vec<Chain>,
    /// Sets and maps in the order of the listing.
    pub sets: Vec<Set>,
}

/// A hook of the packet's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// A device, before everything.
    Ingress,
    /// All that arrives.
    Prerouting,
    /// What arrived for this node.
    Input,
    /// What passes through.
    Forward,
    /// What this node sends.
    Output,
    /// All that leaves.
    Postrouting,
    /// A device, after everything.
    Egress,
}

/// The type of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainType {
    /// Sees every packet.
    Filter,
    /// Sees the first packet of a connection.
    Nat,
    /// Sees every packet, and has it routed anew if it was changed.
    Route,
}

/// What makes a chain a base chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The type.
    pub chain_type: ChainType,
    /// Where packets enter it.
    pub hook: Hook,
    /// Its place among the base chains of the hook; small ones come first.
    pub priority: i32,
    /// Whether a packet that no rule decided about is dropped.
    pub policy_drop: bool,
    /// The devices of an ingress or egress chain.
    pub devices: Vec<String>,
}

/// A chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// The name.
    pub name: String,
    /// The handle, if the dump has it.
    pub handle: Option<u64>,
    /// The words of its comment.
    pub comment: Option<String>,
    /// None of a chain that is only jumped to.
    pub base: Option<Base>,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

/// A rule. Its statements run from left to right, until one of them does not match or gives a verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// The handle, if the dump has it.
    pub handle: Option<u64>,
    /// The words of its comment.
    pub comment: Option<String>,
    /// The statements; none is a rule that does nothing.
    pub statements: Vec<Statement>,
}

/// A named set or map.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of nft's")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// The name.
    pub name: String,
    /// The handle, if the dump has it.
    pub handle: Option<u64>,
    /// The words of its comment.
    pub comment: Option<String>,
    /// The types of the parts of its keys: names such as `ipv4_addr`, or expressions after `typeof`.
    pub key: Vec<KeyType>,
    /// What a map's elements lead to; None for a set.
    pub data: Option<DataType>,
    /// The elements may be intervals.
    pub interval: bool,
    /// Rules may add elements.
    pub dynamic: bool,
    /// The elements may expire.
    pub timeout: bool,
    /// How long elements stay of which nothing else is said, in seconds.
    pub default_timeout: Option<u64>,
    /// The listing left the elements out (`nft -t`).
    pub elements_unknown: bool,
    /// The elements in the order of the listing.
    pub elements: Vec<Element>,
}

/// The type of one part of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyType {
    /// A name of a type, such as `inet_service`.
    Named(String),
    /// An expression of which it has the type.
    TypeOf(Expression),
}

/// What the elements of a map hold.
#[derive(Clone, Debug, PartialEq)]
pub enum DataType {
    /// Verdicts.
    Verdict,
    /// Values of as many parts.
    Value(Vec<KeyType>),
    /// Named objects such as counters, which decide nothing, or `ct helper`s.
    Object(String),
}
