//! Running one rule.

use super::flight::{Flight, Loaded, Missing};
use super::lookup::Found;
use super::machine::{ChainEnd, Machine, Stop, World};
use crate::program::{Action, Answer, ChainId, Data, IpVersion, Kind, Part, Rule, Span, Target, Verdict};
use crate::ruleset::Comparison;

/// What follows a rule.
pub(super) enum Next {
    Rule,
    Jump(ChainId),
    Goto(ChainId),
    End(ChainEnd),
}

impl<'a, W: World> Machine<'a, W> {
    pub(super) fn rule(&mut self, rule: &'a Rule) -> Result<Next, Stop> {
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
                    Found::Data(_) | Found::Short(_) if *negated => return Ok(Next::Rule),
                    Found::Nothing | Found::Data(_) | Found::Short(_) => {}
                },
                Action::VerdictMap { key, map } => match self.find(key, *map)? {
                    Found::Short(Answer::Jump(chain)) => return Ok(Next::Jump(chain as usize)),
                    Found::Short(Answer::Goto(chain)) => return Ok(Next::Goto(chain as usize)),
                    Found::Short(_) => return Err(self.unknown("the map holds no verdicts")),
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
                    if matches!(value, Loaded::Break) {
                        return Ok(Next::Rule);
                    }
                    self.tell_assigned(target);
                    self.assign(target, value)?;
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
                Action::Reject { with } => match self.refusal(with.as_deref()) {
                    Some(with) => {
                        self.record(|| format!("rejected with {with}"));
                        return Ok(Next::End(ChainEnd::Reject(with)));
                    }
                    None => return Ok(Next::Rule),
                },
                Action::Update { operation, set, key, data, timeout: _ } => {
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
                        let any = value & bits != 0;
                        if let Some(trail) = self.world.trail() {
                            trail.any_bit(*bits, any);
                        }
                        if any == *negated {
                            return Ok(Next::Rule);
                        }
                    }
                    Loaded::Unknown(missing) => {
                        if self.undecided(missing, || format!("{part:?} & {bits}"), 2)? == usize::from(!*negated) {
                            return Ok(Next::Rule);
                        }
                    }
                },
                Action::Same { left, right, negated } => {
                    if self.same(left, right)?.is_none_or(|same| same == *negated) {
                        return Ok(Next::Rule);
                    }
                }
                Action::Conditional(words) => {
                    let missing = Missing::Condition(words);
                    let place = self.place;
                    if self.undecided(missing, || format!("{words} at {place:?}"), 2)? == 1 {
                        return Ok(Next::Rule);
                    }
                }
                Action::Opaque(words) => return Err(self.unknown(&format!("`{words}` is not understood"))),
            }
        }
        Ok(Next::Rule)
    }

    #[inline]
    pub(super) fn record(&mut self, event: impl FnOnce() -> String) {
        if W::STEPS {
            self.world.step(self.flight.hook, self.place.0, Some(self.place.1), event());
        }
    }

    #[cold]
    pub(super) fn unknown(&self, why: &str) -> Stop {
        Stop::Unknown(format!("{why}: {}", self.rule_words()).into())
    }

    /// 0 is "it holds"; the same condition is decided once.
    pub(super) fn undecided(
        &mut self,
        missing: Missing<'_>,
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

    fn compare(&mut self, part: &'a Part, comparison: Comparison, span: Span) -> Result<bool, Stop> {
        Ok(match self.value(part)? {
            Loaded::Break => false,
            Loaded::Value(value) => {
                let holds = holds(comparison, span, value);
                if let Some(trail) = self.world.trail() {
                    trail.compare(comparison, span, holds);
                }
                holds
            }
            Loaded::Unknown(missing) => {
                let equal = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                let excluded = equal && span.is_one() && Flight::excludes(missing, span.low);
                let (positive, asked) = match comparison {
                    Comparison::NotEqual => (false, Comparison::Equal),
                    other => (true, other),
                };
                let holds = !excluded && self.undecided(missing, || format!("{part:?} {asked:?} {span:?}"), 2)? == 0;
                holds == positive
            }
        })
    }

    /// Whether two values are equal; None where the packet has not both of them.
    fn same(&mut self, left: &'a Part, right: &'a Part) -> Result<Option<bool>, Stop> {
        let (left_value, left_origin) = (self.value(left)?, self.origin());
        let (right_value, right_origin) = (self.value(right)?, self.origin());
        Ok(match (left_value, right_value) {
            (Loaded::Break, _) | (_, Loaded::Break) => None,
            (Loaded::Value(left), Loaded::Value(right)) => {
                if let Some(trail) = self.world.trail() {
                    trail.same(left_origin, right_origin, left == right);
                }
                Some(left == right)
            }
            (Loaded::Unknown(missing), _) | (_, Loaded::Unknown(missing)) => {
                Some(self.undecided(missing, || format!("{left:?} == {right:?}"), 2)? == 0)
            }
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

    fn assign(&mut self, target: &Target, value: Loaded<'_>) -> Result<(), Stop> {
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
}

/// Whether a value compares with a span as a rule says.
#[inline]
pub(super) fn holds(comparison: Comparison, span: Span, value: u128) -> bool {
    match comparison {
        Comparison::NotEqual => !span.contains(value),
        Comparison::Less => value < span.low,
        Comparison::Greater => value > span.low,
        Comparison::LessOrEqual => value <= span.low,
        Comparison::GreaterOrEqual => value >= span.low,
        Comparison::Implicit | Comparison::Equal => span.contains(value),
    }
}
