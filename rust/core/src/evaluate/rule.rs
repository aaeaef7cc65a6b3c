//! Running one rule.

use super::flight::{Address, Flight, Loaded, Missing};
use super::machine::{ChainEnd, Machine, Stop, World};
use super::outcome::{DestinationNat, SourceNat};
use crate::program::{Action, ChainId, Data, IpVersion, Kind, NatTarget, Part, Rule, SetId, Span, Target, Verdict};
use crate::ruleset::{Comparison, Hook, NatKind, SetOperation};
use std::borrow::Cow;

/// What follows a rule.
pub(super) enum Next {
    Rule,
    Jump(ChainId),
    Goto(ChainId),
    End(ChainEnd),
}

/// What is found for a key.
pub(super) enum Found<'a> {
    Nothing,
    Data(Cow<'a, Data>),
    /// The packet has no such key.
    Break,
}

impl<'a, W: World> Machine<'a, W> {
    #[expect(clippy::too_many_lines, reason = "one arm for each action, none of which says anything of another")]
    pub(super) fn rule(&mut self, rule: &Rule) -> Result<Next, Stop> {
        for action in &rule.actions {
            match action {
                Action::Compare { part, comparison, span } => {
                    if !self.compare(part, *comparison, *span)? {
                        return Ok(Next::Rule);
                    }
                }
                Action::Member { key, set, negated } => match self.find(key, *set)? {
                    Found::Break => return Ok(Next::Rule),
                    Found::Nothing if !negated => return Ok(Next::Rule),
                    Found::Data(_) if *negated => return Ok(Next::Rule),
                    Found::Nothing | Found::Data(_) => {}
                },
                Action::VerdictMap { key, map } => match self.find(key, *map)? {
                    Found::Data(data) => match &*data {
                        Data::Verdict(Verdict::Continue) => {}
                        Data::Verdict(verdict) => return self.verdict(verdict),
                        _ => return Err(self.unknown("the map holds no verdicts")),
                    },
                    Found::Nothing | Found::Break => return Ok(Next::Rule),
                },
                Action::Verdict(Verdict::Continue) => {}
                Action::Verdict(verdict) => return self.verdict(verdict),
                Action::Assign { target, value } => {
                    let value = match target {
                        Target::Nothing => Loaded::Value(0),
                        _ => self.term(value)?,
                    };
                    if value == Loaded::Break {
                        return Ok(Next::Rule);
                    }
                    self.assign(target, &value)?;
                }
                Action::Nat { kind, family, target, flags: _ } => {
                    if family
                        .is_some_and(|family| (family == Kind::Ipv4) != (self.flight.packet.version == IpVersion::V4))
                    {
                        return Ok(Next::Rule);
                    }
                    return if self.translate(*kind, target)? {
                        Ok(Next::End(ChainEnd::Translated))
                    } else {
                        Ok(Next::Rule)
                    };
                }
                Action::Reject { with, any_family } => match self.refusal(with.as_deref()) {
                    Some(with) => {
                        if *any_family {
                            let why = "nft does not list which family a rule with tcp reset is for";
                            let place = self.place;
                            let missing = Missing::Words(why.into());
                            if self.undecided(&missing, || format!("family at {place:?}"), 2)? == 1 {
                                return Ok(Next::Rule);
                            }
                        }
                        self.record(|| format!("rejected with {with}"));
                        return Ok(Next::End(ChainEnd::Reject(with)));
                    }
                    None => return Ok(Next::Rule),
                },
                Action::Update { operation, set, key, data } => {
                    if !self.update(*operation, *set, key, data)? {
                        return Ok(Next::Rule);
                    }
                }
                Action::Notrack => {
                    if !self.flight.tracked {
                        self.flight.untracked = true;
                        self.record(|| "its connection is not tracked".to_owned());
                    }
                }
                Action::AnyBit { part, bits, negated } => match self.value(part)? {
                    Loaded::Break => return Ok(Next::Rule),
                    Loaded::Value(value) => {
                        if (value & bits != 0) == *negated {
                            return Ok(Next::Rule);
                        }
                    }
                    Loaded::Unknown(missing) => {
                        if self.undecided(&missing, || format!("{part:?} & {bits}"), 2)? == usize::from(!*negated) {
                            return Ok(Next::Rule);
                        }
                    }
                },
                Action::Same { left, right, negated } => match (self.value(left)?, self.value(right)?) {
                    (Loaded::Break, _) | (_, Loaded::Break) => return Ok(Next::Rule),
                    (Loaded::Value(left), Loaded::Value(right)) => {
                        if (left == right) == *negated {
                            return Ok(Next::Rule);
                        }
                    }
                    (Loaded::Unknown(missing), _) | (_, Loaded::Unknown(missing)) => {
                        let condition = || format!("{left:?} == {right:?}");
                        if self.undecided(&missing, condition, 2)? == usize::from(!*negated) {
                            return Ok(Next::Rule);
                        }
                    }
                },
                Action::Conditional(words) => {
                    let missing = Missing::Words(format!("whether `{words}` holds is not in the dump").into());
                    let place = self.place;
                    if self.undecided(&missing, || format!("{words} at {place:?}"), 2)? == 1 {
                        return Ok(Next::Rule);
                    }
                }
                Action::Opaque(words) => return Err(self.unknown(&format!("`{words}` is not understood"))),
            }
        }
        Ok(Next::Rule)
    }

    #[inline]
    fn record(&mut self, event: impl FnOnce() -> String) {
        if W::STEPS {
            self.world.step(self.flight.hook, self.place.0, Some(self.place.1), event());
        }
    }

    pub(super) fn unknown(&self, why: &str) -> Stop {
        Stop::Unknown(format!("{why}: {}", self.rule_words()))
    }

    /// 0 is "it holds"; the same condition is decided once.
    pub(super) fn undecided(
        &mut self,
        missing: &Missing,
        condition: impl FnOnce() -> String,
        options: usize,
    ) -> Result<usize, Stop> {
        let (chain, rule) = self.place;
        let program = self.program;
        let reason = || {
            let linked = &program.chains[chain];
            let table = &program.ruleset.tables[linked.table];
            let listed = &table.chains[linked.place];
            let handle = listed.rules[rule].handle.map_or_else(String::new, |handle| format!(", handle {handle}"));
            let words = missing.words();
            format!(
                "{words}: `{}` (table {} {}, chain {}{handle})",
                listed.rules[rule], table.family, table.name, listed.name
            )
        };
        self.world.undecided(condition, reason, options)
    }

    fn compare(&mut self, part: &Part, comparison: Comparison, span: Span) -> Result<bool, Stop> {
        Ok(match self.value(part)? {
            Loaded::Break => false,
            Loaded::Value(value) => match comparison {
                Comparison::NotEqual => !span.contains(value),
                Comparison::Less => value < span.low,
                Comparison::Greater => value > span.low,
                Comparison::LessOrEqual => value <= span.low,
                Comparison::GreaterOrEqual => value >= span.low,
                Comparison::Implicit | Comparison::Equal => span.contains(value),
            },
            Loaded::Unknown(missing) => {
                let equal = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                let excluded = equal && span.is_one() && Flight::excludes(&missing, span.low);
                let (positive, asked) = match comparison {
                    Comparison::NotEqual => (false, Comparison::Equal),
                    other => (true, other),
                };
                let holds = !excluded && self.undecided(&missing, || format!("{part:?} {asked:?} {span:?}"), 2)? == 0;
                holds == positive
            }
        })
    }

    /// The element for a key, this packet's own changes included.
    pub(super) fn find(&mut self, key: &[Part], set_id: SetId) -> Result<Found<'a>, Stop> {
        let program = self.program;
        let set = &program.sets[set_id];
        let mut known = [0; 8];
        let mut missing: Option<(Missing, Vec<Option<u128>>)> = None;
        if key.len() > known.len() {
            return Err(self.unknown("its key has too many parts"));
        }
        for (place, part) in key.iter().enumerate() {
            match self.value(part)? {
                Loaded::Value(value) => known[place] = value,
                Loaded::Break => return Ok(Found::Break),
                Loaded::Unknown(why) => {
                    let (_, values) = missing.get_or_insert_with(|| (why, vec![Some(0); key.len()]));
                    values[place] = None;
                }
            }
        }
        if let Some((why, mut values)) = missing {
            for (value, known) in values.iter_mut().zip(known) {
                *value = value.map(|_| known);
            }
            return self.find_unknown(&why, &values, set_id);
        }
        let known = &known[..key.len()];
        if let Some((_, _, data)) =
            self.changes.iter().rev().find(|(changed, key, _)| *changed == set_id && key == known)
        {
            return Ok(data.clone().map_or(Found::Nothing, |data| Found::Data(Cow::Owned(data))));
        }
        let Some(entry) = set.find(known) else {
            if let Some(why) = &set.unknown {
                let name = set.name.as_deref().unwrap_or("the set").to_owned();
                let why = Missing::Words(format!("what {name} holds is not known: {why}").into());
                if self.undecided(&why, || format!("{known:?} in {set_id}"), 2)? == 0 {
                    return if set.data.is_empty() && !set.entries.iter().any(|entry| entry.data != Data::Member) {
                        Ok(Found::Data(Cow::Owned(Data::Member)))
                    } else {
                        Err(Stop::Unknown(why.words().to_owned()))
                    };
                }
            }
            return Ok(Found::Nothing);
        };
        if entry.limited {
            let why = Missing::Words("whether the element's limit is reached is not in the dump".into());
            if self.undecided(&why, || format!("{known:?} limited in {set_id}"), 2)? == 1 {
                return Ok(Found::Break);
            }
        }
        if let Data::Unknown(words) = &entry.data {
            return Err(self.unknown(&format!("the element's data `{words}` is not understood")));
        }
        if W::STEPS
            && let (Some(name), false) = (&set.name, key.is_empty())
        {
            let words = element_words(set, known, entry.comment.as_deref());
            self.record(|| format!("{words} is in {name}"));
        }
        Ok(Found::Data(Cow::Borrowed(&entry.data)))
    }

    fn find_unknown(&mut self, why: &Missing, values: &[Option<u128>], set_id: SetId) -> Result<Found<'a>, Stop> {
        let program = self.program;
        let set = &program.sets[set_id];
        let (mut candidates, may_miss) = set.candidates(values);
        candidates.retain(|place| {
            let spans = &set.entries[*place].key;
            !spans
                .iter()
                .zip(values)
                .any(|(span, value)| value.is_none() && span.is_one() && Flight::excludes(why, span.low))
        });
        let mut found: Vec<Option<&Data>> = Vec::new();
        for place in candidates {
            let data = Some(&set.entries[place].data);
            if !found.contains(&data) {
                found.push(data);
            }
        }
        if may_miss || set.unknown.is_some() {
            found.push(None);
        }
        let choice = match found.len() {
            0 => return Ok(Found::Nothing),
            1 if set.unknown.is_none() => 0,
            2..=64 => self.undecided(why, || format!("{values:?} in {set_id}"), found.len())?,
            _ => return Err(self.unknown(why.words())),
        };
        Ok(match found[choice] {
            None => Found::Nothing,
            Some(data) => Found::Data(Cow::Borrowed(data)),
        })
    }

    fn verdict(&mut self, verdict: &Verdict) -> Result<Next, Stop> {
        Ok(match verdict {
            Verdict::Accept => {
                self.record(|| "accept".to_owned());
                Next::End(ChainEnd::Accept)
            }
            Verdict::Drop => {
                self.record(|| "drop".to_owned());
                Next::End(ChainEnd::Drop)
            }
            Verdict::Continue => Next::Rule,
            Verdict::Return => Next::End(ChainEnd::Fall),
            Verdict::Jump(chain) => {
                let name = self.program.chain_name(*chain);
                self.record(|| format!("jump {name}"));
                Next::Jump(*chain)
            }
            Verdict::Goto(chain) => {
                let name = self.program.chain_name(*chain);
                self.record(|| format!("goto {name}"));
                Next::Goto(*chain)
            }
            Verdict::Unknown(words) => return Err(self.unknown(&format!("`{words}` cannot be followed"))),
        })
    }

    fn assign(&mut self, target: &Target, value: &Loaded) -> Result<(), Stop> {
        let number = match value {
            Loaded::Value(value) => u32::try_from(value & 0xffff_ffff).ok(),
            Loaded::Break | Loaded::Unknown(_) => None,
        };
        match target {
            Target::Nothing => return Ok(()),
            Target::Mark => self.flight.mark = number,
            Target::Priority => self.flight.priority = number,
            Target::ConnectionMark => {
                if self.flight.has_connection() {
                    self.flight.connection_mark = number;
                }
            }
            Target::Unknown(words) => return Err(self.unknown(&format!("what `{words}` changes is not modelled"))),
        }
        self.record(|| match (target, number) {
            (Target::Mark, Some(mark)) => format!("mark becomes {mark:#x}"),
            (Target::Priority, Some(priority)) => {
                format!("priority becomes {:x}:{:x}", priority >> 16, priority & 0xffff)
            }
            (Target::ConnectionMark, Some(mark)) => format!("ct mark becomes {mark:#x}"),
            _ => "an unknown value is set".to_owned(),
        });
        Ok(())
    }

    /// Whether the rule goes through: a map that has nothing ends it.
    fn translate(&mut self, kind: NatKind, target: &NatTarget) -> Result<bool, Stop> {
        let mut several = None;
        let (mut address, mut port) = (None, None);
        let known = |loaded: Loaded| match loaded {
            Loaded::Value(value) => Ok(Some(value)),
            Loaded::Break => Ok(None),
            Loaded::Unknown(missing) => Err(missing),
        };
        match target {
            NatTarget::Nothing => {}
            NatTarget::Several(words) => several = Some(words.clone()),
            NatTarget::Terms { address: new_address, port: new_port } => {
                for (term, place) in [(new_address, &mut address), (new_port, &mut port)] {
                    let Some(term) = term else { continue };
                    let loaded = self.term(term)?;
                    match known(loaded) {
                        Ok(Some(value)) => *place = Some(value),
                        Ok(None) => return Ok(false),
                        Err(missing) => return Err(self.unknown(missing.words())),
                    }
                }
            }
            NatTarget::Map { key, map } => match self.find(key, *map)? {
                Found::Data(data) => match &*data {
                    Data::Values(values) => {
                        address = values.first().copied();
                        port = values.get(1).copied();
                    }
                    _ => return Err(self.unknown("the map holds no addresses")),
                },
                Found::Nothing | Found::Break => return Ok(false),
            },
        }
        let port = port.and_then(|port| u16::try_from(port).ok());
        match kind {
            NatKind::Destination => match several {
                Some(words) => self.hide_destination(DestinationNat::Several(words)),
                None => self.set_destination(address, port),
            },
            NatKind::Redirect if self.flight.hook == Hook::Output => self.set_destination(Some(self.loopback()), port),
            NatKind::Redirect => {
                self.hide_destination(DestinationNat::Redirect(port));
                self.flight.destination_port_unknown = several.is_some();
                if let (Some(port), Some(_)) = (port, self.flight.destination_port) {
                    self.flight.destination_port = Some(port);
                }
            }
            NatKind::Source => {
                self.flight.source_nat = match (several, address) {
                    (Some(words), _) => self.hide_source(SourceNat::Several(words)),
                    (None, Some(address)) => {
                        self.flight.source_changed |= self.flight.source != Address::Known(address);
                        self.flight.source = Address::Known(address);
                        self.flight.source_port_unknown = true;
                        SourceNat::Address(address, port)
                    }
                    (None, None) => self.hide_source(SourceNat::Several("snat".into())),
                };
            }
            NatKind::Masquerade => self.flight.source_nat = self.hide_source(SourceNat::Masquerade),
        }
        debug_assert!(!self.in_nat_chain() || self.flight.has_connection(), "nat chains are for tracked connections");
        let version = self.flight.packet.version;
        self.record(|| match (kind, address, port) {
            (NatKind::Masquerade, ..) => "masquerade".to_owned(),
            (NatKind::Redirect, ..) => "redirect to this node".to_owned(),
            (kind, Some(address), Some(port)) => {
                format!("{} to {}", kind_word(kind), super::words::socket(version, address, port))
            }
            (kind, Some(address), None) => {
                format!("{} to {}", kind_word(kind), super::words::address(version, address))
            }
            (kind, None, Some(port)) => format!("{} to port {port}", kind_word(kind)),
            (kind, None, None) => format!("{} to one of several", kind_word(kind)),
        });
        Ok(true)
    }

    fn hide_destination(&mut self, translated: DestinationNat) {
        self.flight.destination = Address::Unknown;
        self.flight.destination_port_unknown = matches!(translated, DestinationNat::Several(_));
        self.flight.destination_changed = true;
        self.flight.destination_nat = translated;
    }

    fn hide_source(&mut self, translated: SourceNat) -> SourceNat {
        self.flight.source = Address::Unknown;
        self.flight.source_port_unknown = true;
        self.flight.source_changed = true;
        translated
    }

    /// The answer in the words of the packet's own version of IP; None if the rule is not for this packet.
    fn refusal(&self, with: Option<&str>) -> Option<Box<str>> {
        let v4 = self.flight.packet.version == IpVersion::V4;
        let words = with.unwrap_or("icmpx port-unreachable");
        let words = words.strip_prefix("with ").unwrap_or(words);
        if words.starts_with("tcp") {
            return (self.flight.packet.protocol == 6).then(|| "tcp reset".into());
        }
        let (kind, code) = words.split_once(' ').unwrap_or((words, "port-unreachable"));
        let code = code.strip_prefix("type ").unwrap_or(code);
        let code = if kind == "icmpx" {
            match (code, v4) {
                ("no-route" | "0", true) => "net-unreachable",
                ("no-route" | "0", false) => "no-route",
                ("port-unreachable" | "1", _) => "port-unreachable",
                ("host-unreachable" | "2", true) => "host-unreachable",
                ("host-unreachable" | "2", false) => "addr-unreachable",
                ("admin-prohibited" | "3", _) => "admin-prohibited",
                (other, _) => other,
            }
        } else {
            if (kind == "icmp") != v4 {
                return None;
            }
            match (code, v4) {
                ("0", true) => "net-unreachable",
                ("1", true) => "host-unreachable",
                ("2", true) => "prot-unreachable",
                ("3", true) | ("4", false) => "port-unreachable",
                ("9", true) => "net-prohibited",
                ("10", true) => "host-prohibited",
                ("13", true) | ("1", false) => "admin-prohibited",
                ("0", false) => "no-route",
                ("3", false) => "addr-unreachable",
                (other, _) => other,
            }
        };
        Some(format!("{} {code}", if v4 { "icmp" } else { "icmpv6" }).into())
    }

    fn update(&mut self, operation: SetOperation, set: SetId, key: &[Part], data: &[Part]) -> Result<bool, Stop> {
        let mut values = Vec::with_capacity(key.len() + data.len());
        for part in key.iter().chain(data) {
            match self.value(part)? {
                Loaded::Value(value) => values.push(value),
                Loaded::Break => return Ok(false),
                // What the set then holds is not known, so nothing is changed and whoever reads it must not rely on it.
                Loaded::Unknown(missing) => return Err(self.unknown(missing.words())),
            }
        }
        let new = values.split_off(key.len());
        let exists = self.program.sets[set].find(&values).is_some();
        if operation == SetOperation::Delete {
            self.changes.push((set, values, None));
        } else if !exists {
            let data = if new.is_empty() { Data::Member } else { Data::Values(new.into_boxed_slice()) };
            self.changes.push((set, values, Some(data)));
        }
        let name = self.program.sets[set].name.clone().unwrap_or_default();
        self.record(|| match operation {
            SetOperation::Delete => format!("forgotten in {name}"),
            SetOperation::Add | SetOperation::Update => format!("remembered in {name}"),
        });
        Ok(true)
    }
}

fn kind_word(kind: NatKind) -> &'static str {
    match kind {
        NatKind::Destination => "dnat",
        NatKind::Source => "snat",
        NatKind::Masquerade => "masquerade",
        NatKind::Redirect => "redirect",
    }
}

fn element_words(set: &crate::program::Set, key: &[u128], comment: Option<&str>) -> String {
    let parts: Vec<String> = set.key.iter().zip(key).map(|(kind, value)| super::words::value(*kind, *value)).collect();
    let comment = comment.map_or_else(String::new, |comment| format!(" \"{comment}\""));
    format!("{}{comment}", parts.join(" . "))
}
