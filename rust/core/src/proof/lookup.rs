//! Looking keys up of which not all parts are known.

use super::diagram::NO;
use super::layout::Layout;
use super::options::Records;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::State;
use super::value::Value;
use super::variable::Variable;
use crate::program::{Data, Part, Set, SetId};

/// What is found for a key.
#[derive(Clone, Debug)]
pub(super) enum Found<'p> {
    Nothing,
    /// The packet has no such key.
    Break,
    Data(&'p Data),
    /// What the packet itself put there.
    Changed(Vec<Value>),
    /// What earlier packets may have left.
    Record(Variable),
}

/// What follows a lookup.
pub(super) type Lookup<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, Found<'p>, &State) -> Followed;

/// Keys have no more parts than this.
const PARTS: usize = 8;

static MEMBER: Data = Data::Member;

impl<'p> Run<'p> {
    /// The element for a key, this packet's own changes included. What is learned of the packet by finding one is known
    /// in what follows, if `learn` says so.
    pub(super) fn find(
        &mut self,
        at: At,
        key: &'p [Part],
        set: SetId,
        state: &State,
        learn: bool,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        if key.len() > PARTS {
            return self.unknown(at, "its key has too many parts");
        }
        self.values(at, key, Vec::new(), state, &mut |run, values, state| match values {
            None => then(run, Found::Break, state),
            Some(values) => run.find_values(at, &values, set, state, learn, then),
        })
    }

    pub(super) fn find_values(
        &mut self,
        at: At,
        values: &[Value],
        set_id: SetId,
        state: &State,
        learn: bool,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        let program = self.program;
        let set = &program.sets[set_id];
        if values.contains(&Value::Relative) {
            return Err(Failure::NeedsConstants);
        }
        for change in state.changes.iter().rev().filter(|change| change.set == set_id) {
            let different = |(left, right): (&Value, &Value)| matches!((left, right), (Value::Known(left), Value::Known(right)) if left != right);
            if change.key.iter().zip(values).any(different) {
                continue;
            }
            let drawn = |value: &Value| matches!(value, Value::Drawn { .. } | Value::Unknown(_));
            if change.key != values || values.iter().any(drawn) {
                let translated = change.key.iter().chain(values).any(super::conditions::translated);
                return if translated {
                    Err(Failure::NeedsConstants)
                } else {
                    self.unknown(at, "whether it is the element the packet changed is told for single packets only")
                };
            }
            let found = match &change.data {
                None => Found::Nothing,
                Some(data) if data.is_empty() => Found::Data(&MEMBER),
                Some(data) => Found::Changed(data.clone()),
            };
            return then(self, found, state);
        }
        if set.dynamic && self.options.records == Records::Any {
            return self.record(at, values, set, state, then);
        }
        let known: Vec<Option<u128>> = values
            .iter()
            .map(|value| match value {
                Value::Known(value) => Some(*value),
                _ => None,
            })
            .collect();
        if let Some(key) = known.iter().copied().collect::<Option<Vec<u128>>>() {
            return match set.hit(&key) {
                Some(hit) => self.entry(at, set_id, hit.place(), values, state, then),
                None => self.missed(at, set_id, values, state, then),
            };
        }
        let cached = self.guarding && !learn && state.hashes.is_empty();
        let cache_key = cached.then(|| (set_id, values.to_vec()));
        if let Some(found) = cache_key.as_ref().and_then(|key| self.members.get(key)) {
            // A guard that says where an element is found; what follows it may be the opposite.
            let found = *found;
            let there = then(self, Found::Data(&MEMBER), state)?;
            let missing = then(self, Found::Nothing, state)?;
            return self.choose(found, there, missing);
        }
        if let Some(key) = cache_key {
            let mut member = |_: &mut Self, found: Found<'p>, _: &State| {
                Ok(if matches!(found, Found::Data(_)) { super::diagram::YES } else { NO })
            };
            // Whether the rule breaks, for an element that is limited, is not told by membership.
            if !set.entries.iter().any(|entry| entry.limited) {
                let found = self.laid_out(at, values, &known, set_id, state, false, &mut member)?;
                self.members.insert(key, found);
                let there = then(self, Found::Data(&MEMBER), state)?;
                let missing = then(self, Found::Nothing, state)?;
                return self.choose(found, there, missing);
            }
        }
        self.laid_out(at, values, &known, set_id, state, learn, then)
    }

    pub(super) fn entry(
        &mut self,
        at: At,
        set_id: SetId,
        place: usize,
        values: &[Value],
        state: &State,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        let program = self.program;
        let set = &program.sets[set_id];
        let entry = &set.entries[place];
        self.coverage.reach_element(set_id, place);
        if let Data::Unknown(words) = &entry.data {
            return self.unknown(at, &format!("the element's data `{words}` is not understood"));
        }
        let found = then(self, Found::Data(&entry.data), state)?;
        if !entry.limited {
            return Ok(found);
        }
        let why = "whether the element's limit is reached is not in the dump";
        let children = [found, then(self, Found::Break, state)?];
        let condition = format!("ruleset {}: {values:?} limited in {set_id}, {place}", self.ruleset);
        let reason = format!("{why}: {}", self.rule_words(at));
        self.asked(&condition, || reason, &children)
    }

    pub(super) fn missed(
        &mut self,
        at: At,
        set_id: SetId,
        values: &[Value],
        state: &State,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        let program = self.program;
        let set = &program.sets[set_id];
        let missed = then(self, Found::Nothing, state)?;
        if set.unknown.is_none() {
            return Ok(missed);
        }
        let why = elements_unknown(set);
        let members = set.data.is_empty() && !set.entries.iter().any(|entry| entry.data != Data::Member);
        let there =
            if members { then(self, Found::Data(&MEMBER), state)? } else { self.unknown_words(why.clone().into())? };
        let condition = format!("ruleset {}: {values:?} in {set_id}", self.ruleset);
        let reason = format!("{why}: {}", self.rule_words(at));
        self.asked(&condition, || reason, &[there, missed])
    }

    /// Which of some elements is found is not known, or whether any is.
    pub(super) fn unsure(
        &mut self,
        layout: &Layout<'_>,
        places: &[u32],
        state: &State,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        let program = self.program;
        let set = &program.sets[layout.set];
        let why = layout.values.iter().find_map(|value| match value {
            Value::Unknown(why) => Some(why.clone()),
            _ => None,
        });
        let why = why.unwrap_or_default();
        let mut places: Vec<u32> = places.to_vec();
        places.sort_unstable();
        let mut found: Vec<Option<&'p Data>> = Vec::new();
        let mut may_miss = true;
        for place in &places {
            let entry = &set.entries[*place as usize];
            self.coverage.reach_element(layout.set, *place as usize);
            if !found.contains(&Some(&entry.data)) {
                found.push(Some(&entry.data));
            }
            let whole = entry.key.iter().zip(layout.values).zip(&set.key).all(|((span, value), kind)| {
                !matches!(value, Value::Unknown(_)) || span.low == 0 && span.high == kind.maximum()
            });
            if whole {
                may_miss = false;
                break;
            }
        }
        if let (Some(place), true) = (set.catch_all, may_miss) {
            may_miss = false;
            self.coverage.reach_element(layout.set, place);
            let data = Some(&set.entries[place].data);
            if !found.contains(&data) {
                found.push(data);
            }
        }
        if may_miss || set.unknown.is_some() {
            found.push(None);
        }
        let of = |data: Option<&'p Data>| data.map_or(Found::Nothing, Found::Data);
        match &found[..] {
            [] => then(self, Found::Nothing, state),
            [only] if set.unknown.is_none() => then(self, of(*only), state),
            [_, _, ..] if found.len() <= 64 => {
                let mut children = Vec::with_capacity(found.len());
                for data in &found {
                    children.push(then(self, of(*data), state)?);
                }
                let (set_id, values) = (layout.set, layout.values);
                let condition = format!("ruleset {}: {values:?} in {set_id} among {places:?}", self.ruleset);
                let reason = format!("{why}: {}", self.rule_words(layout.at));
                self.asked(&condition, || reason, &children)
            }
            _ => self.unknown(layout.at, &why),
        }
    }

    fn record(&mut self, at: At, values: &[Value], set: &Set, state: &State, then: Lookup<'_, 'p>) -> Followed {
        let linked = &self.program.chains[at.position.chain];
        let table = &self.program.ruleset.tables[linked.table];
        let name = set.name.as_deref().unwrap_or_default();
        let condition = format!("what {} {} {name} remembers for {values:?}", table.family, table.name);
        let reason = || format!("what {name} holds is written by packets");
        let record = Variable::Record(self.functions.questions.number(&condition, 0, reason));
        then(self, Found::Record(record), state)
    }
}

fn elements_unknown(set: &Set) -> String {
    let name = set.name.as_deref().unwrap_or("the set");
    format!("what {name} holds is not known: {}", set.unknown.as_deref().unwrap_or_default())
}
