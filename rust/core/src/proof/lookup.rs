//! Looking keys up of which not all parts are known.

use super::diagram::{Edge, NO, NodeId, Share};
use super::options::Records;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::{Remembered, State};
use super::value::{Bit, Value};
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

/// A part of a key that tells packets apart, in the order of the diagram.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Variable(Variable),
    Hashed { variable: Variable, modulus: u32, offset: u32 },
    Bits(usize),
    Drawn { modulus: u32, offset: u32 },
    Secret { site: u32, modulus: u32, offset: u32 },
}

/// A lookup whose elements are laid out as a diagram, one part below the other.
struct Layout<'a> {
    at: At,
    set: SetId,
    values: &'a [Value],
    /// The parts that tell packets apart, and their places in the key.
    levels: Vec<(Kind, usize)>,
    /// Some part is not known at all.
    open: bool,
    /// Whether what the element says of the packet is of use.
    learn: bool,
    /// Elements with the same key: the last one counts.
    last: bool,
    /// What follows where nothing is found.
    miss: Option<NodeId>,
    /// Between which values the variables lie that were asked on the way.
    path: Vec<(Variable, u128, u128)>,
}

/// What the way through a layout says.
#[derive(Clone, Copy, Debug)]
enum Learned {
    Fact(Variable, u128),
    Hash(Remembered),
}

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

    #[expect(clippy::too_many_arguments, reason = "they are passed on as they came")]
    fn laid_out(
        &mut self,
        at: At,
        values: &[Value],
        known: &[Option<u128>],
        set_id: SetId,
        state: &State,
        learn: bool,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        let mut levels = Vec::with_capacity(values.len());
        let mut open = false;
        for (place, value) in values.iter().enumerate() {
            levels.push((
                match value {
                    Value::Variable(variable) => Kind::Variable(*variable),
                    Value::Hashed { number, modulus, offset } => {
                        Kind::Hashed { variable: Variable::Hash(*number), modulus: *modulus, offset: *offset }
                    }
                    Value::Bits(_) => Kind::Bits(place),
                    Value::Drawn { modulus, offset } => Kind::Drawn { modulus: *modulus, offset: *offset },
                    Value::Secret { site, modulus, offset } => {
                        Kind::Secret { site: *site, modulus: *modulus, offset: *offset }
                    }
                    Value::Unknown(_) => {
                        open = true;
                        continue;
                    }
                    Value::Known(_) | Value::Relative | Value::Break => continue,
                },
                place,
            ));
        }
        levels.sort_by_key(|(kind, _)| (variable_of(kind, values), kind.clone()));
        let secrets = levels.iter().filter(|(kind, _)| matches!(kind, Kind::Secret { .. })).count();
        if self.guarding && levels.iter().any(|(kind, _)| matches!(kind, Kind::Drawn { .. } | Kind::Secret { .. })) {
            return Err(Failure::NoGuard);
        }
        if secrets > 1 {
            return self.unknown(at, "two hashes in one key are told for single packets only");
        }
        let last = self.indexes.exact(self.program, set_id).iter().all(|exact| *exact);
        let places = self.indexes.candidates(self.program, set_id, known);
        let mut layout = Layout { at, set: set_id, values, levels, open, learn, last, miss: None, path: Vec::new() };
        self.level(&mut layout, 0, &places, &mut Vec::new(), state, then)
    }

    /// One part of the keys of some elements, and all below it.
    fn level(
        &mut self,
        layout: &mut Layout<'_>,
        level: usize,
        places: &[u32],
        learned: &mut Vec<Learned>,
        state: &State,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        if places.is_empty() {
            return self.nothing(layout, learned, state, then);
        }
        let Some((kind, part)) = layout.levels.get(level).cloned() else {
            return self.bottom(layout, places, learned, state, then);
        };
        let (first, last) = match &kind {
            Kind::Variable(variable) => (0, variable.maximum(self.version())),
            Kind::Bits(_) => (0, u128::MAX),
            Kind::Hashed { modulus, offset, .. } | Kind::Drawn { modulus, offset } => {
                (u128::from(*offset), u128::from(*offset) + u128::from(*modulus) - 1)
            }
            Kind::Secret { site, modulus, offset } => {
                let (low, high) = super::conditions::remembered(state, *site, *modulus);
                (u128::from(*offset) + u128::from(low), u128::from(*offset) + u128::from(high))
            }
        };
        let groups = stretches(&self.program.sets[layout.set], part, places, first, last);
        let mut children: Vec<(u128, NodeId)> = Vec::with_capacity(2 * groups.len() + 1);
        let mut next = Some(first);
        let mut below = |run: &mut Self, layout: &mut Layout<'_>, low: u128, high: u128, places: &[u32]| {
            let (before, path) = (learned.len(), layout.path.len());
            match &kind {
                Kind::Variable(variable) => {
                    layout.path.push((*variable, low, high));
                    if low == high && layout.learn {
                        learned.push(Learned::Fact(*variable, low));
                    }
                }
                Kind::Secret { site, modulus, offset } => {
                    let part = |value: u128| u32::try_from(value - u128::from(*offset)).unwrap_or(0);
                    let hash = Remembered { site: *site, modulus: *modulus, low: part(low), high: part(high) };
                    learned.push(Learned::Hash(hash));
                }
                _ => {}
            }
            let child = run.level(layout, level + 1, places, learned, state, then);
            learned.truncate(before);
            layout.path.truncate(path);
            child
        };
        for (low, high, places) in groups {
            if next.is_some_and(|next| next < low) {
                let child = below(self, layout, next.unwrap_or(0), low - 1, &[])?;
                children.push((low - 1, child));
            }
            children.push((high, below(self, layout, low, high, &places)?));
            next = high.checked_add(1);
        }
        if let Some(next) = next.filter(|next| *next <= last) {
            children.push((last, below(self, layout, next, last, &[])?));
        }
        match kind {
            Kind::Variable(variable) => {
                self.cases(variable, children.into_iter().map(|(upper, child)| Edge { upper, child }).collect())
            }
            Kind::Hashed { variable, modulus, offset } => {
                let mut edges = Vec::with_capacity(children.len());
                for (upper, child) in children {
                    if let Some((_, upper)) = super::conditions::hash_span(modulus, offset, upper, upper) {
                        edges.push(Edge { upper, child });
                    }
                }
                self.cases(variable, edges)
            }
            Kind::Drawn { .. } | Kind::Secret { .. } => {
                let mut shares = Vec::with_capacity(children.len());
                let mut low = first;
                for (upper, child) in children {
                    shares.push(Share { child, weight: u64::try_from(upper - low + 1).unwrap_or(0) });
                    low = upper + 1;
                }
                self.mixed(shares)
            }
            Kind::Bits(_) => {
                let mut result = None;
                let mut low = 0;
                for (upper, child) in children {
                    let guard = self.span_guard(&layout.values[part], &[(low, upper)])?;
                    let Some(guard) = guard else { return self.not_followed(layout.at, &layout.values[part]) };
                    result = Some(match result {
                        None => child,
                        Some(before) => self.choose(guard, child, before)?,
                    });
                    low = upper.saturating_add(1);
                }
                Ok(result.unwrap_or(NO))
            }
        }
    }

    /// No element has such a key, but perhaps the one for all others.
    fn nothing(
        &mut self,
        layout: &mut Layout<'_>,
        learned: &[Learned],
        state: &State,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        let secret = learned.iter().any(|learned| matches!(learned, Learned::Hash(_)));
        if let (Some(miss), false) = (layout.miss, secret) {
            return self.on_path(layout, miss);
        }
        let mut state = state.clone();
        for learned in learned {
            if let Learned::Hash(hash) = learned {
                state.remember_hash(*hash);
            }
        }
        let miss = if layout.open {
            self.unsure(layout, &[], &state, then)?
        } else if let Some(place) = self.program.sets[layout.set].catch_all {
            self.entry(layout.at, layout.set, place, layout.values, &state, then)?
        } else {
            self.missed(layout.at, layout.set, layout.values, &state, then)?
        };
        if !secret {
            layout.miss = Some(miss);
        }
        self.on_path(layout, miss)
    }

    /// The function for packets that come this way; else it would ask again what was asked already, and of a map of
    /// many keys each would have the questions of all others.
    fn on_path(&mut self, layout: &Layout<'_>, mut node: NodeId) -> Followed {
        for (variable, low, high) in &layout.path {
            node = self.functions.diagram.restrict(node, *variable, *low, *high)?;
        }
        Ok(node)
    }

    /// All parts that can be known are.
    fn bottom(
        &mut self,
        layout: &mut Layout<'_>,
        places: &[u32],
        learned: &[Learned],
        state: &State,
        then: Lookup<'_, 'p>,
    ) -> Followed {
        let mut state = state.clone();
        for learned in learned {
            match learned {
                Learned::Fact(variable, value) => state.learn(*variable, *value),
                Learned::Hash(hash) => state.remember_hash(*hash),
            }
        }
        if layout.open {
            let found = self.unsure(layout, places, &state, then)?;
            return self.on_path(layout, found);
        }
        let place = if layout.last { places.iter().max() } else { places.iter().min() };
        let place = place.map_or(0, |place| *place as usize);
        let found = self.entry(layout.at, layout.set, place, layout.values, &state, then)?;
        self.on_path(layout, found)
    }

    fn entry(
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

    fn missed(&mut self, at: At, set_id: SetId, values: &[Value], state: &State, then: Lookup<'_, 'p>) -> Followed {
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
    fn unsure(&mut self, layout: &Layout<'_>, places: &[u32], state: &State, then: Lookup<'_, 'p>) -> Followed {
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

/// Which variable a level of a layout asks for; draws come last.
fn variable_of(kind: &Kind, values: &[Value]) -> (bool, Variable) {
    match kind {
        Kind::Variable(variable) | Kind::Hashed { variable, .. } => (false, *variable),
        Kind::Bits(place) => match &values[*place] {
            Value::Bits(bits) => {
                let of = bits.iter().filter_map(|bit| match bit {
                    Bit::Of { variable, .. } => Some(*variable),
                    Bit::Known(_) => None,
                });
                (false, of.min().unwrap_or(Variable::Question(u32::MAX)))
            }
            _ => (false, Variable::Question(u32::MAX)),
        },
        Kind::Drawn { .. } | Kind::Secret { .. } => (true, Variable::Question(u32::MAX)),
    }
}

/// The stretches of values that some elements have in one part of their keys, ascending, each with its elements.
fn stretches(set: &Set, part: usize, places: &[u32], first: u128, last: u128) -> Vec<(u128, u128, Vec<u32>)> {
    let span = |place: u32| set.entries[place as usize].key[part];
    let mut listed: Vec<(u128, u128, u32)> = places
        .iter()
        .map(|place| (span(*place), *place))
        .filter(|(span, _)| span.low <= span.high && span.low <= last && span.high >= first)
        .map(|(span, place)| (span.low.max(first), span.high.min(last), place))
        .collect();
    listed.sort_unstable();
    let mut stretches: Vec<(u128, u128, Vec<u32>)> = Vec::with_capacity(listed.len());
    let mut active: Vec<(u128, u32)> = Vec::new();
    let mut next = first;
    let mut waiting = listed.into_iter().peekable();
    loop {
        if active.is_empty() {
            match waiting.peek() {
                Some((low, ..)) => next = *low,
                None => break,
            }
        }
        while let Some((_, high, place)) = waiting.next_if(|(low, ..)| *low == next) {
            active.push((high, place));
        }
        let soonest = active.iter().map(|(high, _)| *high).min().unwrap_or(last);
        let upper = waiting.peek().map_or(soonest, |(low, ..)| soonest.min(low - 1));
        let mut there: Vec<u32> = active.iter().map(|(_, place)| *place).collect();
        there.sort_unstable();
        stretches.push((next, upper, there));
        active.retain(|(high, _)| *high > upper);
        match upper.checked_add(1) {
            Some(after) => next = after,
            None => break,
        }
    }
    stretches
}
