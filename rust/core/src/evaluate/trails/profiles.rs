//! What several sets say of one key, found with one look.

use crate::program::{Action, Data, Entry, Field, Kind, Part, Program, Set, SetId, Span, Term, Transport};
use rustc_hash::{FxHashMap, FxHashSet};

/// Keys of more bits are looked up in each set.
const BITS: u32 = 256;
/// The tree branches for each value that is assigned, so no map of more is folded.
const ASSIGNED: usize = 1 << 12;

/// What trails may assume of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Membership alone.
    Members,
    /// Verdicts.
    Verdicts,
    /// Values, as many for each key.
    Values,
    /// Something that is not always known.
    Anything,
}

/// The fields of a key, whatever transport a port was named after.
type Shape = Box<[Field]>;

/// Sets that are asked for one key.
struct Group<'a> {
    shape: Shape,
    kinds: &'a [Kind],
    sets: Vec<SetId>,
}

/// The tables of a program.
#[derive(Debug)]
pub(in crate::evaluate) struct Tables {
    pub(super) holds: Vec<Holds>,
    pub(super) profiles: Vec<Profiles>,
    places: FxHashMap<(SetId, Shape), usize>,
}

/// For each key the number of what the sets that are asked for it have, each of them. 0 is what they have for a key that
/// none of them names.
#[derive(Debug)]
pub(super) struct Profiles {
    /// Of the parts of its keys, in bits.
    widths: Vec<u32>,
    numbers: Numbers,
}

#[derive(Debug)]
enum Numbers {
    Narrow(FxHashMap<u64, u32>),
    Wide(FxHashMap<[u128; 2], u32>),
}

impl Tables {
    pub(super) fn new(program: &Program) -> Self {
        let holds: Vec<Holds> = program.sets.iter().map(Holds::of).collect();
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut found: FxHashMap<(Shape, &[Kind]), usize> = FxHashMap::default();
        for action in program.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.actions) {
            let (key, set, assigned) = match action {
                Action::Member { key, set, .. } | Action::VerdictMap { key, map: set } => (key, set, false),
                Action::Assign { value: Term::Lookup { key, map }, .. } => (key, map, true),
                _ => continue,
            };
            let linked = &program.sets[*set];
            let foldable = linked.key.iter().map(|kind| kind.bits()).sum::<u32>() <= BITS;
            let plain = match holds[*set] {
                Holds::Members | Holds::Verdicts => true,
                Holds::Values => assigned && holds_few(linked),
                Holds::Anything => false,
            };
            let Some(shape) = shape(key).filter(|_| plain && foldable && named(linked).all(is_exact)) else { continue };
            let kinds = &linked.key[..];
            let place = *found.entry((shape.clone(), kinds)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group { shape, kinds, sets: Vec::new() });
            }
            if !groups[place].sets.contains(set) {
                groups[place].sets.push(*set);
            }
        }
        let mut places = FxHashMap::default();
        for (place, group) in groups.iter().enumerate() {
            places.extend(group.sets.iter().map(|set| ((*set, group.shape.clone()), place)));
        }
        let profiles = groups.iter().map(|group| Profiles::new(program, group.kinds, &group.sets)).collect();
        Self { holds, profiles, places }
    }

    /// The table that answers for a set when it is asked for this key.
    pub(super) fn place(&self, set: SetId, key: &[Part]) -> Option<usize> {
        self.places.get(&(set, shape(key)?)).copied()
    }
}

impl Profiles {
    fn new(program: &Program, kinds: &[Kind], sets: &[SetId]) -> Self {
        let widths: Vec<u32> = kinds.iter().map(|kind| kind.bits()).collect();
        let mut profiles: FxHashMap<Vec<Option<&Data>>, u32> = FxHashMap::default();
        let mut keys: FxHashMap<[u128; 2], u32> = FxHashMap::default();
        let of = |key: &[u128]| sets.iter().map(|set| program.sets[*set].find(key).map(|entry| &entry.data)).collect();
        let nothing: Vec<Option<&Data>> = sets
            .iter()
            .map(|set| program.sets[*set].catch_all.map(|place| &program.sets[*set].entries[place].data))
            .collect();
        profiles.insert(nothing, 0);
        for entry in sets.iter().flat_map(|set| named(&program.sets[*set])) {
            let values: Vec<u128> = entry.key.iter().map(|span| span.low).collect();
            let Some(folded) = fold(&widths, values.iter().copied()) else { continue };
            let next = u32::try_from(profiles.len()).unwrap_or(u32::MAX);
            keys.entry(folded).or_insert_with(|| *profiles.entry(of(&values)).or_insert(next));
        }
        let numbers = if widths.iter().sum::<u32>() <= u64::BITS {
            let narrow = |([_, low], number): ([u128; 2], u32)| Some((u64::try_from(low).ok()?, number));
            Numbers::Narrow(keys.into_iter().filter_map(narrow).collect())
        } else {
            Numbers::Wide(keys)
        };
        Self { widths, numbers }
    }

    /// The number for a key; None if one of its values is wider than its kind.
    #[inline]
    pub(super) fn number(&self, values: impl Iterator<Item = u128>) -> Option<u32> {
        let found = match &self.numbers {
            Numbers::Narrow(numbers) => numbers.get(&fold_narrow(&self.widths, values)?),
            Numbers::Wide(numbers) => numbers.get(&fold(&self.widths, values)?),
        };
        Some(found.copied().unwrap_or(0))
    }
}

impl Holds {
    fn of(set: &Set) -> Self {
        let all = |wanted: fn(&Entry, &Set) -> bool| set.entries.iter().all(|entry| wanted(entry, set));
        if set.unknown.is_some() || set.entries.iter().any(|entry| entry.limited) {
            Self::Anything
        } else if all(|entry, _| entry.data == Data::Member) {
            Self::Members
        } else if all(|entry, _| matches!(entry.data, Data::Verdict(_))) {
            Self::Verdicts
        } else if all(|entry, set| matches!(&entry.data, Data::Values(values) if values.len() == set.data.len())) {
            Self::Values
        } else {
            Self::Anything
        }
    }
}

/// Whether a map has few enough values to tell packets apart by them.
fn holds_few(set: &Set) -> bool {
    let mut found: FxHashSet<&Data> = FxHashSet::default();
    set.entries.iter().all(|entry| {
        found.insert(&entry.data);
        found.len() <= ASSIGNED
    })
}

/// The values of a key side by side; None if one of them is wider than its kind, which no key of a set is.
#[inline]
fn fold(widths: &[u32], values: impl Iterator<Item = u128>) -> Option<[u128; 2]> {
    let [mut high, mut low] = [0, 0];
    for (bits, value) in widths.iter().copied().zip(values) {
        if bits == u128::BITS {
            [high, low] = [low, value];
        } else if value >> bits == 0 {
            if bits > 0 {
                high = high << bits | low >> (u128::BITS - bits);
            }
            low = low << bits | value;
        } else {
            return None;
        }
    }
    Some([high, low])
}

/// The same of keys that fit one word.
#[inline]
fn fold_narrow(widths: &[u32], values: impl Iterator<Item = u128>) -> Option<u64> {
    let mut folded = 0_u64;
    for (bits, value) in widths.iter().copied().zip(values) {
        let value = u64::try_from(value).ok().filter(|value| bits == u64::BITS || value >> bits == 0)?;
        folded = folded.checked_shl(bits).unwrap_or(0) | value;
    }
    Some(folded)
}

fn is_exact(entry: &Entry) -> bool {
    entry.key.iter().all(Span::is_one)
}

/// The elements but the one for all other keys.
fn named(set: &Set) -> impl Iterator<Item = &Entry> {
    set.entries.iter().enumerate().filter(|(place, _)| Some(*place) != set.catch_all).map(|(_, entry)| entry)
}

/// None of a key that is computed.
fn shape(key: &[Part]) -> Option<Shape> {
    key.iter()
        .map(|part| match part.term {
            Term::Field(Field::Port(_, end)) => Some(Field::Port(Transport::Any, end)),
            Term::Field(field) => Some(field),
            _ => None,
        })
        .collect()
}
