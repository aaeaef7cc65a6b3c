//! What a rule or an element is, whatever its spelling: words that two listings of the same thing share.
//!
//! They are for comparing only. Two rules have the same identity if they do the same in the same order; names stand for
//! the chains and sets they mean, numbers for all other constants. Counters, comments and handles do not count.

use super::Program;
use super::kind::Kind;
use super::rules::{Action, ChainId, NatTarget, Verdict};
use super::sets::{Data, Entry, SetId};
use super::terms::{Part, Term};
use crate::ruleset::TableFamily;
use std::fmt::Write;

/// How many sets of sets, or terms within terms, are told apart.
const DEEPEST: u32 = 16;

impl Program {
    /// The identity of a rule; `place` is that in [`super::Chain::rules`].
    ///
    /// # Panics
    ///
    /// If there is no such rule.
    #[must_use]
    pub fn rule_identity(&self, chain: ChainId, place: usize) -> String {
        let chain = &self.chains[chain];
        let mut words = Words { program: self, family: chain.family, out: String::new(), deep: 0 };
        chain.rules[place].actions.iter().for_each(|action| words.action(action));
        words.out
    }

    /// The identity of an element of a set.
    #[must_use]
    pub fn element_identity(&self, family: TableFamily, entry: &Entry) -> String {
        let mut words = Words { program: self, family, out: String::new(), deep: 0 };
        words.entry(entry);
        words.out
    }
}

struct Words<'a> {
    program: &'a Program,
    family: TableFamily,
    out: String,
    deep: u32,
}

macro_rules! put {
    ($words:expr, $($argument:tt)*) => {
        // Writing to a string cannot fail.
        let _ = write!($words.out, $($argument)*);
    };
}

impl Words<'_> {
    fn action(&mut self, action: &Action) {
        match action {
            Action::Compare { part, comparison, span } => {
                self.part(part);
                put!(self, "{comparison:?} {}-{}", span.low, span.high);
            }
            Action::AnyBit { part, bits, negated } => {
                self.part(part);
                put!(self, "{}any of {bits}", not(*negated));
            }
            Action::Same { left, right, negated } => {
                self.part(left);
                self.out.push_str(not(*negated));
                self.part(right);
            }
            Action::Member { key, set, negated } => {
                self.parts(key);
                self.out.push_str(not(*negated));
                self.set(*set);
            }
            Action::VerdictMap { key, map } => {
                self.parts(key);
                self.out.push_str("vmap ");
                self.set(*map);
            }
            Action::Verdict(verdict) => self.verdict(verdict),
            Action::Assign { target, value } => {
                put!(self, "{target:?} becomes ");
                self.term(value);
            }
            Action::Nat { kind, family, target, flags } => {
                put!(self, "{kind} {:?} ", family.or(self.only_kind()));
                self.target(target);
                let mut flags: Vec<&str> = flags.iter().map(|flag| &**flag).collect();
                flags.sort_unstable();
                self.out.push_str(&flags.join(","));
            }
            Action::Reject { with } => {
                // What nft leaves out when it prints it (`nft(8)`, reject statement).
                let usual = match self.family {
                    TableFamily::Ip => "icmp port-unreachable",
                    TableFamily::Ip6 => "icmpv6 port-unreachable",
                    _ => "icmpx port-unreachable",
                };
                put!(self, "reject {}", with.as_deref().unwrap_or(usual));
            }
            Action::Update { operation, set, key, data, timeout } => {
                put!(self, "{operation} ");
                self.set(*set);
                self.parts(key);
                self.parts(data);
                put!(self, "{timeout:?}");
            }
            Action::Notrack => self.out.push_str("notrack"),
            Action::Conditional(words) => {
                put!(self, "if {words}");
            }
            Action::Opaque(words) => {
                put!(self, "?{words}");
            }
        }
        self.out.push(';');
    }

    /// The kind of all addresses that rules of the table see.
    fn only_kind(&self) -> Option<Kind> {
        match self.family {
            TableFamily::Ip => Some(Kind::Ipv4),
            TableFamily::Ip6 => Some(Kind::Ipv6),
            _ => None,
        }
    }

    fn target(&mut self, target: &NatTarget) {
        match target {
            NatTarget::Nothing => {}
            NatTarget::Terms { address, port } => {
                for term in [address, port] {
                    if let Some(term) = term {
                        self.term(term);
                    }
                    self.out.push(':');
                }
            }
            NatTarget::Map { key, map } => {
                self.parts(key);
                self.out.push_str("map ");
                self.set(*map);
            }
            NatTarget::Several(words) => self.out.push_str(words),
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Jump(chain) => {
                put!(self, "jump {}", self.program.chain_name(*chain));
            }
            Verdict::Goto(chain) => {
                put!(self, "goto {}", self.program.chain_name(*chain));
            }
            other => {
                put!(self, "{other:?}");
            }
        }
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            self.part(part);
        }
    }

    fn part(&mut self, part: &Part) {
        self.term(&part.term);
        self.out.push(' ');
    }

    fn term(&mut self, term: &Term) {
        if self.deep == DEEPEST {
            self.out.push_str("...");
            return;
        }
        self.deep += 1;
        match term {
            Term::Field(field) => {
                put!(self, "{field:?}");
            }
            Term::Constant(value) => {
                put!(self, "{value}");
            }
            Term::Bits(operator, sides, _) => {
                self.out.push('(');
                self.term(&sides.0);
                put!(self, " {operator} ");
                self.term(&sides.1);
                self.out.push(')');
            }
            Term::Numgen { mode, modulus, offset, .. } => {
                put!(self, "numgen {mode} {modulus} {offset}");
            }
            Term::Jhash { key, seed, modulus, offset } => {
                self.out.push_str("jhash ");
                self.parts(key);
                put!(self, "{modulus} {seed} {offset}");
            }
            Term::UnknownHash { modulus, offset, .. } => {
                put!(self, "hash {modulus} {offset}");
            }
            Term::Lookup { key, map } => {
                self.parts(key);
                self.out.push_str("map ");
                self.set(*map);
            }
            Term::Unknown(words) => {
                put!(self, "?{words}");
            }
        }
        self.deep -= 1;
    }

    fn set(&mut self, set: SetId) {
        let set = &self.program.sets[set];
        if let Some(name) = &set.name {
            put!(self, "@{name} ");
            return;
        }
        if self.deep == DEEPEST {
            self.out.push_str("{...}");
            return;
        }
        self.deep += 1;
        let family = self.family;
        let mut elements: Vec<String> =
            set.entries.iter().map(|entry| self.program.element_identity(family, entry)).collect();
        // The kernel lists the elements of a set in an order of its own.
        elements.sort_unstable();
        put!(self, "{{{}}} ", elements.join(", "));
        self.deep -= 1;
    }

    fn entry(&mut self, entry: &Entry) {
        for span in &entry.key {
            put!(self, "{}-{} ", span.low, span.high);
        }
        match &entry.data {
            Data::Member => {}
            Data::Verdict(verdict) => {
                self.out.push_str(": ");
                self.verdict(verdict);
            }
            Data::Values(values) => {
                put!(self, ": {values:?}");
            }
            Data::Unknown(words) => {
                put!(self, ": ?{words}");
            }
        }
        self.out.push_str(if entry.limited { " limit" } else { "" });
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}
