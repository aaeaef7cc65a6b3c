//! Linking expressions.

use super::kind::Kind;
use super::link::Linker;
use super::sets::SetId;
use super::terms::{self, Part, Term, unmodelled_kind};
use crate::ruleset::{Element, ElementData, Expression, HashMode, NumgenMode};

/// Expressions nested deeper than this are not understood.
const DEPTH: usize = 32;

impl Linker<'_> {
    /// The parts of a key; one if it is no concatenation.
    pub(super) fn parts(&mut self, expression: &Expression) -> Vec<Part> {
        match expression {
            Expression::Concatenation(parts) => parts.iter().map(|part| self.part(part, 0)).collect(),
            _ => vec![self.part(expression, 0)],
        }
    }

    pub(super) fn part(&mut self, expression: &Expression, depth: usize) -> Part {
        let unknown = |kind| Part { term: Term::Unknown(expression.to_string().into_boxed_str()), kind };
        if depth > DEPTH {
            return unknown(Kind::Other);
        }
        if let Some((field, kind)) = terms::field(expression, self.family) {
            return Part { term: Term::Field(field), kind };
        }
        match expression {
            // Whether there is such a header; the packets here have none.
            Expression::Payload { protocol, .. } if &**protocol == "exthdr" => {
                Part { term: Term::Constant(0), kind: Kind::HostInteger(8) }
            }
            Expression::Number(value) => Part { term: Term::Constant(*value), kind: Kind::HostInteger(32) },
            Expression::Numgen { mode, modulus, offset } if *modulus > 0 => {
                *self.counts |= *mode == NumgenMode::Incremental;
                let term = Term::Numgen { site: self.site(), mode: *mode, modulus: *modulus, offset: *offset };
                Part { term, kind: Kind::HostInteger(32) }
            }
            Expression::Hash { mode, modulus, offset } if *modulus > 0 => {
                Part { term: self.hash(mode, *modulus, *offset), kind: Kind::HostInteger(32) }
            }
            Expression::Binary(operator, sides) => {
                let left = self.part(&sides.0, depth + 1);
                let right = match left.kind.constant(&sides.1) {
                    Some(span) if span.is_one() => Term::Constant(span.low),
                    _ => self.part(&sides.1, depth + 1).term,
                };
                let kind = left.kind;
                Part { term: Term::Bits(*operator, Box::new((left.term, right)), kind), kind }
            }
            Expression::Map(sides) => {
                let key = self.parts(&sides.0);
                match self.map(&key, &sides.1, None) {
                    Some(map) if self.sets[map].data.len() == 1 => {
                        let kind = self.sets[map].data[0];
                        Part { term: Term::Lookup { key, map }, kind }
                    }
                    _ => unknown(Kind::Other),
                }
            }
            _ => unknown(unmodelled_kind(expression)),
        }
    }

    /// A value for something of a known kind: a constant of that kind, or a term.
    pub(super) fn value(&mut self, expression: &Expression, kind: Kind) -> Term {
        if let Some(span) = kind.constant(expression).filter(super::kind::Span::is_one) {
            return Term::Constant(span.low);
        }
        match expression {
            Expression::Binary(operator, sides) => {
                let left = self.value(&sides.0, kind);
                let right = self.value(&sides.1, kind);
                Term::Bits(*operator, Box::new((left, right)), kind)
            }
            Expression::Map(sides) => {
                let key = self.parts(&sides.0);
                match self.map(&key, &sides.1, Some(vec![kind])) {
                    Some(map) if self.sets[map].data.len() == 1 => Term::Lookup { key, map },
                    _ => Term::Unknown(expression.to_string().into()),
                }
            }
            _ => self.part(expression, 0).term,
        }
    }

    fn hash(&mut self, mode: &HashMode, modulus: u32, offset: u32) -> Term {
        if let HashMode::Jhash { key, seed: Some(seed) } = mode {
            return Term::Jhash { key: self.parts(key), seed: *seed, modulus, offset };
        }
        // symhash is one number for the whole packet; a jhash without a seed has one of its own in every rule.
        let site = match (mode, *self.symmetric_hash) {
            (HashMode::Symmetric, Some(site)) => site,
            _ => self.site(),
        };
        if *mode == HashMode::Symmetric {
            *self.symmetric_hash = Some(site);
        }
        Term::UnknownHash { site, modulus, offset }
    }

    /// The map after `map` or `vmap`; None of one that is not in the dump, or that makes no sense.
    pub(super) fn map(&mut self, key: &[Part], data: &Expression, kinds: Option<Vec<Kind>>) -> Option<SetId> {
        match data {
            Expression::SetReference(name) => {
                let set = self.set_names.get(&**name).copied()?;
                (self.sets[set].key.len() == key.len()).then_some(set)
            }
            Expression::Set(elements) => {
                let kinds = kinds.unwrap_or_else(|| value_kinds(elements));
                let linked = self.set(None, key.iter().map(|part| part.kind).collect(), kinds, elements, false);
                self.sets.push(linked);
                Some(self.sets.len() - 1)
            }
            _ => None,
        }
    }
}

/// What the values of an anonymous map are, told by the first of them: addresses and ports, as in the target of a dnat.
fn value_kinds(elements: &[Element]) -> Vec<Kind> {
    let kind = |value: &Expression| match value {
        Expression::Address(address) if address.is_ipv4() => Kind::Ipv4,
        Expression::Address(_) => Kind::Ipv6,
        _ => Kind::HostInteger(32),
    };
    match elements.first().and_then(|element| element.data.as_ref()) {
        Some(ElementData::Value(Expression::Concatenation(parts))) => {
            parts.iter().map(|part| if let Expression::Address(_) = part { kind(part) } else { Kind::Port }).collect()
        }
        Some(ElementData::Value(value)) => vec![kind(value)],
        _ => Vec::new(),
    }
}
