//! Sets and maps, ready to be looked into.

use super::kind::{Kind, Span};
use super::rules::Verdict;
use rustc_hash::FxHashMap;

/// The place of a set in a program.
pub type SetId = usize;

/// What a set holds for a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    /// A set: nothing but membership.
    Member,
    /// A verdict map.
    Verdict(Verdict),
    /// A map: one value for each part.
    Values(Box<[u128]>),
    /// Data that is not understood, in nft's words.
    Unknown(Box<str>),
}

/// An element.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The values of each part of the key.
    pub key: Box<[Span]>,
    /// What it leads to.
    pub data: Data,
    /// The words of its comment.
    pub comment: Option<Box<str>>,
    /// It holds for some packets only, for a reason no dump tells (`limit`).
    pub limited: bool,
}

/// A named or an anonymous set or map.
#[derive(Clone, Debug)]
pub struct Set {
    /// The name; None of an anonymous one.
    pub name: Option<Box<str>>,
    /// The kinds of the parts of its keys.
    pub key: Vec<Kind>,
    /// The kinds of the parts of a map's values; empty for sets and verdict maps.
    pub data: Vec<Kind>,
    /// Rules may change it, and did so since the dump was made.
    pub dynamic: bool,
    /// How long elements stay of which nothing else is said, in seconds; None is for good.
    pub default_timeout: Option<u64>,
    /// Why what it holds is not known altogether.
    pub unknown: Option<Box<str>>,
    /// The elements.
    pub entries: Vec<Entry>,
    /// The element for every key that has no other.
    pub catch_all: Option<usize>,
    index: Index,
}

/// What an element leads to, short enough to lie beside its key: a batch waits for memory more than for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Membership.
    Member,
    /// Into a chain, and back.
    Jump(u32),
    /// Into a chain, not back.
    Goto(u32),
    /// Two values, such as an address of IPv4 and a port.
    Pair(u32, u32),
    /// What the entry says.
    Entry,
}

/// An element that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    place: u32,
    /// What it leads to.
    pub answer: Answer,
}

impl Hit {
    /// The place of the element in [`Set::entries`].
    #[inline]
    #[must_use]
    pub fn place(self) -> usize {
        self.place as usize
    }

    fn new(place: u32, entry: &Entry) -> Self {
        let answer = match &entry.data {
            _ if entry.limited => Answer::Entry,
            Data::Member => Answer::Member,
            Data::Verdict(Verdict::Jump(chain)) => u32::try_from(*chain).map_or(Answer::Entry, Answer::Jump),
            Data::Verdict(Verdict::Goto(chain)) => u32::try_from(*chain).map_or(Answer::Entry, Answer::Goto),
            Data::Values(values) => match values[..] {
                [first, second] => match (u32::try_from(first), u32::try_from(second)) {
                    (Ok(first), Ok(second)) => Answer::Pair(first, second),
                    _ => Answer::Entry,
                },
                _ => Answer::Entry,
            },
            Data::Verdict(_) | Data::Unknown(_) => Answer::Entry,
        };
        Self { place, answer }
    }
}

/// How to find an element. Narrow keys are packed into one number, because that is what takes the time of a batch.
#[derive(Clone, Debug)]
enum Index {
    /// All keys are single values and fit 128 bits together.
    Narrow(FxHashMap<u128, Hit>),
    /// All keys are single values of more bits.
    Wide(FxHashMap<Box<[u128]>, u32>),
    /// One part: disjoint spans by their low ends.
    Spans(Vec<(Span, u32)>),
    /// Several parts: the elements that share the parts in which all elements are single values, in the order of the
    /// listing. The kernel takes the first of overlapping ones (`nft_set_pipapo.c`).
    Groups { exact: Vec<usize>, groups: FxHashMap<Box<[u128]>, Vec<u32>> },
}

impl Set {
    /// A set of these elements.
    pub(super) fn new(name: Option<Box<str>>, key: Vec<Kind>, data: Vec<Kind>, elements: Vec<(Entry, bool)>) -> Self {
        let mut entries = Vec::with_capacity(elements.len());
        let mut catch_all = None;
        for (entry, catches_all) in elements {
            if catches_all {
                catch_all = Some(entries.len());
            }
            entries.push(entry);
        }
        let index = Index::new(&key, &entries, catch_all);
        Self { name, key, data, dynamic: false, default_timeout: None, unknown: None, entries, catch_all, index }
    }

    /// Removes all elements.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.catch_all = None;
        self.index = Index::new(&self.key, &[], None);
    }

    /// The element for a key with one value for each part.
    #[inline]
    #[must_use]
    pub fn find(&self, key: &[u128]) -> Option<&Entry> {
        self.hit(key).map(|hit| &self.entries[hit.place()])
    }

    /// The same, without a look at the entry.
    #[inline]
    #[must_use]
    pub fn hit(&self, key: &[u128]) -> Option<Hit> {
        let found = match &self.index {
            Index::Narrow(hits) => hits.get(&pack(&self.key, key)).copied(),
            wide => wide.position(&self.entries, key).map(|place| Hit { place, answer: Answer::Entry }),
        };
        found.or_else(|| {
            let place = u32::try_from(self.catch_all?).ok()?;
            Some(Hit { place, answer: Answer::Entry })
        })
    }

    /// The elements that a key may meet of which some parts are not known, and whether it may meet none.
    #[must_use]
    pub fn candidates(&self, key: &[Option<u128>]) -> (Vec<usize>, bool) {
        let mut found = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            if Some(place) == self.catch_all {
                continue;
            }
            let meets = |(span, value): (&Span, &Option<u128>)| value.is_none_or(|value| span.contains(value));
            if entry.key.iter().zip(key).all(meets) {
                found.push(place);
                let whole = |(span, value, kind): (&Span, &Option<u128>, &Kind)| {
                    value.is_some() || span.low == 0 && span.high == kind.maximum()
                };
                if entry.key.iter().zip(key).zip(&self.key).all(|((span, value), kind)| whole((span, value, kind))) {
                    return (found, false);
                }
            }
        }
        if let Some(place) = self.catch_all {
            found.push(place);
            return (found, false);
        }
        (found, true)
    }
}

/// The parts of a key side by side in one number; the set has checked that they fit.
#[inline]
fn pack(kinds: &[Kind], key: &[u128]) -> u128 {
    match (kinds, key) {
        (_, [value]) => *value,
        ([_, second], [first, rest]) => first << second.bits() | rest,
        _ => {
            let mut packed = 0;
            for (kind, value) in kinds.iter().zip(key) {
                packed = packed << kind.bits() | value;
            }
            packed
        }
    }
}

impl Index {
    fn new(kinds: &[Kind], entries: &[Entry], catch_all: Option<usize>) -> Self {
        let listed = || entries.iter().enumerate().filter(|(place, _)| Some(*place) != catch_all);
        let place_of = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let exact_parts: Vec<bool> =
            (0..kinds.len()).map(|part| listed().all(|(_, entry)| entry.key[part].is_one())).collect();
        let values = |entry: &Entry| -> Vec<u128> { entry.key.iter().map(|span| span.low).collect() };
        if exact_parts.iter().all(|exact| *exact) {
            if kinds.iter().map(|kind| kind.bits()).sum::<u32>() <= 128 {
                return Self::Narrow(
                    listed()
                        .map(|(place, entry)| (pack(kinds, &values(entry)), Hit::new(place_of(place), entry)))
                        .collect(),
                );
            }
            return Self::Wide(
                listed().map(|(place, entry)| (values(entry).into_boxed_slice(), place_of(place))).collect(),
            );
        }
        if kinds.len() == 1 {
            let mut spans: Vec<(Span, u32)> = listed().map(|(place, entry)| (entry.key[0], place_of(place))).collect();
            spans.sort_unstable();
            if spans.windows(2).all(|pair| pair[0].0.high < pair[1].0.low) {
                return Self::Spans(spans);
            }
        }
        let exact: Vec<usize> = (0..kinds.len()).filter(|part| exact_parts[*part]).collect();
        let mut groups: FxHashMap<Box<[u128]>, Vec<u32>> = FxHashMap::default();
        for (place, entry) in listed() {
            groups.entry(exact.iter().map(|part| entry.key[*part].low).collect()).or_default().push(place_of(place));
        }
        Self::Groups { exact, groups }
    }

    /// Of all but narrow keys.
    #[inline(never)]
    fn position(&self, entries: &[Entry], key: &[u128]) -> Option<u32> {
        match self {
            Self::Narrow(_) => None,
            Self::Wide(places) => places.get(key).copied(),
            Self::Spans(spans) => key.first().and_then(|value| {
                let next = spans.partition_point(|(span, _)| span.low <= *value);
                let (span, place) = spans.get(next.checked_sub(1)?)?;
                span.contains(*value).then_some(*place)
            }),
            Self::Groups { exact, groups } => {
                let group: Box<[u128]> = exact.iter().map(|part| key[*part]).collect();
                groups.get(&group)?.iter().copied().find(|place| {
                    let spans = &entries[*place as usize].key;
                    spans.iter().zip(key).all(|(span, value)| span.contains(*value))
                })
            }
        }
    }
}
