//! The elements of a set as a diagram, one part of their keys below the other.

use super::diagram::{Edge, NO, NodeId, Share};
use super::lookup::Lookup;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::{Remembered, State};
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::program::{Set, SetId};
use std::borrow::Cow;
use std::ops::Range;

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
pub(super) struct Layout<'a> {
    pub(super) at: At,
    pub(super) set: SetId,
    pub(super) values: &'a [Value],
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
    /// What follows where nothing is found, narrowed to the first of these, the first two, and so on.
    misses: Vec<NodeId>,
}

/// What the way through a layout says.
#[derive(Clone, Copy, Debug)]
enum Learned {
    Fact(Variable, u128),
    Hash(Remembered),
}

impl<'p> Run<'p> {
    #[expect(clippy::too_many_arguments, reason = "they are passed on as they came")]
    pub(super) fn laid_out(
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
        let mut layout = Layout {
            at,
            set: set_id,
            values,
            levels,
            open,
            learn,
            last,
            miss: None,
            path: Vec::new(),
            misses: Vec::new(),
        };
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
        let set = &self.program.sets[layout.set];
        let (single, several);
        // Below the first part of a key there mostly is one element.
        let (groups, listed): (&[Stretch], &[u32]) = if let [place] = places {
            single = stretch(set, part, *place, first, last).map(|(low, high)| (low, high, 0..1));
            (single.as_slice(), places)
        } else {
            several = stretches(set, part, places, first, last);
            (&several.0, &several.1)
        };
        let mut children: Vec<Edge> = Vec::with_capacity(2 * groups.len() + 1);
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
            layout.misses.truncate(path);
            child
        };
        for (low, high, range) in groups.iter().cloned() {
            if next.is_some_and(|next| next < low) {
                let child = below(self, layout, next.unwrap_or(0), low - 1, &[])?;
                children.push(Edge { upper: low - 1, child });
            }
            children.push(Edge { upper: high, child: below(self, layout, low, high, &listed[range])? });
            next = high.checked_add(1);
        }
        if let Some(next) = next.filter(|next| *next <= last) {
            children.push(Edge { upper: last, child: below(self, layout, next, last, &[])? });
        }
        match kind {
            Kind::Variable(variable) => self.cases(variable, children),
            Kind::Hashed { variable, modulus, offset } => {
                let mut edges = Vec::with_capacity(children.len());
                for Edge { upper, child } in children {
                    if let Some((_, upper)) = super::spans::hash_span(modulus, offset, upper, upper) {
                        edges.push(Edge { upper, child });
                    }
                }
                self.cases(variable, edges)
            }
            Kind::Drawn { .. } | Kind::Secret { .. } => {
                let mut shares = Vec::with_capacity(children.len());
                let mut low = first;
                for Edge { upper, child } in children {
                    shares.push(Share { child, weight: u64::try_from(upper - low + 1).unwrap_or(0) });
                    low = upper + 1;
                }
                self.mixed(shares)
            }
            Kind::Bits(_) => {
                let mut result = None;
                let mut low = 0;
                for Edge { upper, child } in children {
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
            return self.missed_on_path(layout, miss);
        }
        let mut known = Cow::Borrowed(state);
        for learned in learned {
            if let Learned::Hash(hash) = learned {
                known.to_mut().remember_hash(*hash);
            }
        }
        let state = &*known;
        let miss = if layout.open {
            self.unsure(layout, &[], state, then)?
        } else if let Some(place) = self.program.sets[layout.set].catch_all {
            self.entry(layout.at, layout.set, place, layout.values, state, then)?
        } else {
            self.missed(layout.at, layout.set, layout.values, state, then)?
        };
        if secret {
            return self.on_path(layout, miss);
        }
        layout.miss = Some(miss);
        self.missed_on_path(layout, miss)
    }

    fn missed_on_path(&mut self, layout: &mut Layout<'_>, miss: NodeId) -> Followed {
        for (variable, low, high) in layout.path.iter().skip(layout.misses.len()) {
            let before = layout.misses.last().copied().unwrap_or(miss);
            layout.misses.push(self.functions.diagram.restrict(before, *variable, *low, *high)?);
        }
        Ok(layout.misses.last().copied().unwrap_or(miss))
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
        let mut known = Cow::Borrowed(state);
        for learned in learned {
            match learned {
                Learned::Fact(variable, value) => known.to_mut().learn(*variable, *value),
                Learned::Hash(hash) => known.to_mut().remember_hash(*hash),
            }
        }
        let state = &*known;
        if layout.open {
            let found = self.unsure(layout, places, state, then)?;
            return self.on_path(layout, found);
        }
        let place = if layout.last { places.iter().max() } else { places.iter().min() };
        let place = place.map_or(0, |place| *place as usize);
        let found = self.entry(layout.at, layout.set, place, layout.values, state, then)?;
        self.on_path(layout, found)
    }
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

/// The first and the last value of a stretch, and where its elements are listed.
type Stretch = (u128, u128, Range<usize>);

/// The values of an element in one part of its key, as far as they lie between two others.
fn stretch(set: &Set, part: usize, place: u32, first: u128, last: u128) -> Option<(u128, u128)> {
    let span = set.entries[place as usize].key[part];
    let there = span.low <= span.high && span.low <= last && span.high >= first;
    there.then(|| (span.low.max(first), span.high.min(last)))
}

/// The stretches of values that some elements have in one part of their keys, ascending, each with its elements.
fn stretches(set: &Set, part: usize, places: &[u32], first: u128, last: u128) -> (Vec<Stretch>, Vec<u32>) {
    let span = |place: &u32| {
        let (low, high) = stretch(set, part, *place, first, last)?;
        Some((low, high, *place))
    };
    let mut spans: Vec<(u128, u128, u32)> = Vec::with_capacity(places.len());
    spans.extend(places.iter().filter_map(span));
    if !spans.is_sorted() {
        spans.sort_unstable();
    }
    let mut stretches: Vec<Stretch> = Vec::with_capacity(spans.len());
    if spans.windows(2).all(|two| two[0].1 < two[1].0 || (two[0].0, two[0].1) == (two[1].0, two[1].1)) {
        for (number, (low, high, _)) in spans.iter().enumerate() {
            match stretches.last_mut() {
                Some(last) if last.0 == *low => last.2.end += 1,
                _ => stretches.push((*low, *high, number..number + 1)),
            }
        }
        return (stretches, spans.into_iter().map(|(.., place)| place).collect());
    }
    let mut listed: Vec<u32> = Vec::with_capacity(spans.len());
    let mut active: Vec<(u128, u32)> = Vec::new();
    let mut next = first;
    let mut waiting = spans.into_iter().peekable();
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
        let start = listed.len();
        listed.extend(active.iter().map(|(_, place)| *place));
        listed[start..].sort_unstable();
        stretches.push((next, upper, start..listed.len()));
        active.retain(|(high, _)| *high > upper);
        match upper.checked_add(1) {
            Some(after) => next = after,
            None => break,
        }
    }
    (stretches, listed)
}
