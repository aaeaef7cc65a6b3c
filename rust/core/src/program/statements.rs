//! Linking statements.

use super::kind::Kind;
use super::link::Linker;
use super::rules::{Action, NatTarget, Target};
use super::terms::{Field, Part, Term, Transport};
use crate::ruleset::{Comparison, Expression, NatKind, Rule, Statement, TableFamily};

impl Linker<'_> {
    pub(super) fn rule(&mut self, rule: &Rule) -> Vec<Action> {
        let mut actions: Vec<Action> =
            rule.statements.iter().filter_map(|statement| self.statement(statement)).collect();
        self.restore_lost(&mut actions);
        actions
    }

    /// nft leaves matches out of its listings that it takes for implied and that are not: the family of a rule with
    /// `tcp reset` in a table of family inet, the protocol before `ct original proto-dst` (nft 1.0.6 to 1.1.7).
    fn restore_lost(&self, actions: &mut Vec<Action>) {
        let resets = |action: &Action| matches!(action, Action::Reject { with: Some(with) } if with.starts_with("tcp"));
        let any_family = self.family == TableFamily::Inet && !actions.iter().any(tells_family);
        if let Some(place) = actions.iter().position(resets).filter(|_| any_family) {
            let words = "meta nfproto, which nft leaves out before reject with tcp reset,";
            actions.insert(place, Action::Conditional(words.into()));
        }
        let original = |action: &Action| reads(action, |field| matches!(field, Field::OriginalPort(_)));
        if let Some(place) = actions.iter().position(original).filter(|_| !actions.iter().any(tells_protocol)) {
            let words = "meta l4proto, which nft leaves out before ct original proto-src and proto-dst,";
            actions.insert(place, Action::Conditional(words.into()));
        }
    }

    fn statement(&mut self, statement: &Statement) -> Option<Action> {
        let opaque = || Action::Opaque(statement.to_string().into());
        Some(match statement {
            Statement::Match { comparison, left, right } => {
                self.matching(*comparison, left, right).unwrap_or_else(opaque)
            }
            Statement::VerdictMap { key, data } => {
                let key = self.parts(key);
                match self.map(&key, data, Some(Vec::new())) {
                    Some(map) => Action::VerdictMap { key, map },
                    None => opaque(),
                }
            }
            Statement::Verdict(verdict) => Action::Verdict(self.verdict(verdict)),
            Statement::Assign { target, value } => self.assignment(target, value, statement),
            Statement::Nat { kind, family, address, port, flags } => {
                self.translation(*kind, family.as_deref(), address.as_ref(), port.as_ref(), flags, statement)
            }
            Statement::Reject { kind, code } => Action::Reject {
                with: match (kind, code) {
                    (None, None) => None,
                    (Some(kind), None) => Some(kind.clone()),
                    (None, Some(code)) => Some(code.clone()),
                    (Some(kind), Some(code)) => Some(format!("{kind} {code}").into()),
                },
            },
            Statement::Update { operation, set, key, data, timeout, limited } => {
                let Some(set) = self.set_names.get(&**set).copied() else { return Some(opaque()) };
                if *limited {
                    return Some(Action::Conditional(statement.to_string().into()));
                }
                let key = self.parts(key);
                let data = data.as_ref().map_or_else(Vec::new, |data| self.parts(data));
                let timeout = timeout.or(self.sets[set].default_timeout);
                Action::Update { operation: *operation, set, key, data, timeout }
            }
            Statement::Notrack => Action::Notrack,
            Statement::Effectless(_) => return None,
            Statement::Conditional(words) => Action::Conditional(words.clone()),
            Statement::Opaque(_) => opaque(),
        })
    }

    fn matching(&mut self, comparison: Comparison, left: &Expression, right: &Expression) -> Option<Action> {
        let negated = comparison == Comparison::NotEqual;
        let equality = matches!(comparison, Comparison::Implicit | Comparison::Equal | Comparison::NotEqual);
        match right {
            Expression::SetReference(name) if equality => {
                let key = self.parts(left);
                let set = self.set_names.get(&**name).copied()?;
                (self.sets[set].key.len() == key.len()).then_some(Action::Member { key, set, negated })
            }
            Expression::Set(elements) if equality => {
                let key = self.parts(left);
                let kinds = key.iter().map(|part| part.kind).collect();
                let linked = self.set(None, kinds, Vec::new(), elements, false);
                self.sets.push(linked);
                Some(Action::Member { key, set: self.sets.len() - 1, negated })
            }
            Expression::Concatenation(_) if equality => {
                let key = self.parts(left);
                let kinds: Vec<Kind> = key.iter().map(|part| part.kind).collect();
                let element = crate::ruleset::Element::new(right.clone(), None);
                let linked = self.set(None, kinds, Vec::new(), std::slice::from_ref(&element), false);
                self.sets.push(linked);
                Some(Action::Member { key, set: self.sets.len() - 1, negated })
            }
            _ => {
                let part = self.part(left, 0);
                self.constant_match(comparison, part, right)
            }
        }
    }

    fn constant_match(&mut self, comparison: Comparison, part: Part, right: &Expression) -> Option<Action> {
        let negated = comparison == Comparison::NotEqual;
        let Some(span) = part.kind.constant(right) else {
            let other = self.part(right, 0);
            let known = !matches!(other.term, Term::Unknown(_) | Term::Constant(_)) && other.kind == part.kind;
            return (known && matches!(comparison, Comparison::Implicit | Comparison::Equal | Comparison::NotEqual))
                .then_some(Action::Same { left: part, right: other, negated });
        };
        // Only what is written without an operator asks for bits; `!=` compares the whole value, as `nft --debug` shows.
        let bits = part.kind.is_flags() && !matches!(part.term, Term::Bits(..)) && span.is_one() && span.low != 0;
        if comparison == Comparison::Implicit && bits {
            return Some(Action::AnyBit { part, bits: span.low, negated: false });
        }
        let span = match comparison {
            Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual
                if !span.is_one() =>
            {
                return None;
            }
            _ => span,
        };
        let comparison = if comparison == Comparison::Implicit { Comparison::Equal } else { comparison };
        Some(Action::Compare { part, comparison, span })
    }

    fn assignment(&mut self, target: &Expression, value: &Expression, statement: &Statement) -> Action {
        let (kind, linked) = match target {
            Expression::Meta(key) => match &**key {
                "mark" => (Kind::HostInteger(32), Target::Mark),
                "priority" => (Kind::ClassId, Target::Priority),
                "nftrace" | "pkttype" | "secmark" => {
                    return Action::Assign { target: Target::Nothing, value: Term::Constant(0) };
                }
                _ => (Kind::Other, Target::Unknown(statement.to_string().into())),
            },
            Expression::Ct { key, direction: None, .. } => match &**key {
                "mark" => (Kind::HostInteger(32), Target::ConnectionMark),
                "helper" | "label" | "event" | "timeout" | "expectation" | "secmark" => {
                    return Action::Assign { target: Target::Nothing, value: Term::Constant(0) };
                }
                _ => (Kind::Other, Target::Unknown(statement.to_string().into())),
            },
            // Anything but addresses, ports and protocols: `ip dscp`, `tcp option maxseg size`, `ether daddr`.
            Expression::Payload { protocol, field }
                if !matches!(&**field, "saddr" | "daddr" | "sport" | "dport" | "protocol" | "nexthdr")
                    || &**protocol == "ether" =>
            {
                return Action::Assign { target: Target::Nothing, value: Term::Constant(0) };
            }
            _ => (Kind::Other, Target::Unknown(statement.to_string().into())),
        };
        if matches!(linked, Target::Unknown(_)) {
            return Action::Assign { target: linked, value: Term::Constant(0) };
        }
        let value = self.value(value, kind);
        Action::Assign { target: linked, value }
    }

    fn translation(
        &mut self,
        kind: NatKind,
        family: Option<&str>,
        address: Option<&Expression>,
        port: Option<&Expression>,
        flags: &[Box<str>],
        statement: &Statement,
    ) -> Action {
        let flags: Box<[Box<str>]> = flags.into();
        let written = match (family, self.family) {
            (Some("ip"), _) | (None, TableFamily::Ip) => Some(Kind::Ipv4),
            (Some("ip6"), _) | (None, TableFamily::Ip6) => Some(Kind::Ipv6),
            _ => None,
        };
        let told = match address {
            Some(Expression::Address(address)) => Some(if address.is_ipv4() { Kind::Ipv4 } else { Kind::Ipv6 }),
            _ => None,
        };
        let family = written.or(told);
        let several = || NatTarget::Several(statement.to_string().into());
        let target = match (address, port) {
            (None, None) => NatTarget::Nothing,
            _ if flags.iter().any(|flag| matches!(&**flag, "prefix" | "netmap")) => several(),
            (Some(Expression::Concatenation(parts)), None) if parts.len() == 2 => NatTarget::Terms {
                address: Some(self.value(&parts[0], family.unwrap_or(Kind::Other))),
                port: Some(self.value(&parts[1], Kind::Port)),
            },
            (Some(Expression::Map(sides)), None) => self.mapped(sides, family).unwrap_or_else(several),
            _ => {
                let ranged = |expression: Option<&Expression>| {
                    matches!(expression, Some(Expression::Range(_) | Expression::Prefix(..) | Expression::Opaque(_)))
                };
                if ranged(address) || ranged(port) && kind != NatKind::Masquerade {
                    several()
                } else {
                    NatTarget::Terms {
                        address: address.map(|address| self.value(address, family.unwrap_or(Kind::Other))),
                        port: port.map(|port| self.value(port, Kind::Port)),
                    }
                }
            }
        };
        Action::Nat { kind, family, target, flags }
    }

    fn mapped(&mut self, sides: &(Expression, Expression), family: Option<Kind>) -> Option<NatTarget> {
        let key = self.parts(&sides.0);
        let map = self.map(&key, &sides.1, None)?;
        let set = &mut self.sets[map];
        if set.name.is_none() && set.data.len() == 1 {
            set.data = family.map_or_else(|| set.data.clone(), |family| vec![family]);
        }
        match set.data.len() {
            1 | 2 => Some(NatTarget::Map { key, map }),
            _ => None,
        }
    }
}

/// Whether an action ends the rule for packets of one family.
fn tells_family(action: &Action) -> bool {
    reads(action, |field| {
        matches!(
            field,
            Field::Ipv4Address(_)
                | Field::Ipv6Address(_)
                | Field::Ipv4Protocol
                | Field::Ipv6NextHeader
                | Field::NetfilterFamily
                | Field::EtherType
        )
    })
}

/// Whether an action ends the rule for packets of other protocols.
fn tells_protocol(action: &Action) -> bool {
    reads(action, |field| {
        matches!(
            field,
            Field::Protocol
                | Field::Ipv4Protocol
                | Field::Ipv6NextHeader
                | Field::OriginalProtocol
                | Field::Port(Transport::Number(_), _)
        )
    })
}

fn reads(action: &Action, wanted: impl Fn(Field) -> bool) -> bool {
    let is_wanted = |part: &Part| matches!(part.term, Term::Field(field) if wanted(field));
    match action {
        Action::Compare { part, .. } | Action::AnyBit { part, .. } => is_wanted(part),
        Action::Member { key, .. } | Action::VerdictMap { key, .. } => key.iter().any(is_wanted),
        _ => false,
    }
}
