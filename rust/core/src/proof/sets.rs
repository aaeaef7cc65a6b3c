//! The elements of sets by those parts of their keys that are known.

use crate::program::{Program, SetId};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// The places of elements by the values of some parts.
type Places = FxHashMap<Box<[u128]>, Vec<u32>>;

/// Indexes that are made when they are needed.
#[derive(Debug, Default)]
pub(super) struct SetIndexes {
    exact: FxHashMap<SetId, Rc<[bool]>>,
    by_parts: FxHashMap<(SetId, u32), Rc<Places>>,
}

impl SetIndexes {
    /// For each part of a set's keys, whether all elements have a single value there.
    pub(super) fn exact(&mut self, program: &Program, set_id: SetId) -> Rc<[bool]> {
        let found = self.exact.entry(set_id).or_insert_with(|| {
            let set = &program.sets[set_id];
            let listed = || set.entries.iter().enumerate().filter(|(place, _)| Some(*place) != set.catch_all);
            (0..set.key.len()).map(|part| listed().all(|(_, entry)| entry.key[part].is_one())).collect()
        });
        Rc::clone(found)
    }

    /// The elements, in the order of the listing, that a key may meet of which some parts are known; without the one
    /// for every other key.
    pub(super) fn candidates(&mut self, program: &Program, set_id: SetId, key: &[Option<u128>]) -> Vec<u32> {
        let set = &program.sets[set_id];
        let exact = self.exact(program, set_id);
        let parts: Vec<usize> = (0..key.len()).filter(|part| exact[*part] && key[*part].is_some()).collect();
        let told = parts.len() == key.iter().flatten().count();
        let meets = |place: &u32| {
            let entry = &set.entries[*place as usize];
            Some(*place as usize) != set.catch_all
                && entry.key.iter().zip(key).all(|(span, value)| value.is_none_or(|value| span.contains(value)))
        };
        if parts.is_empty() {
            return (0..u32::try_from(set.entries.len()).unwrap_or(u32::MAX)).filter(meets).collect();
        }
        let mask = parts.iter().fold(0, |mask, part| mask | 1_u32 << part);
        let index = self.by_parts.entry((set_id, mask)).or_insert_with(|| {
            let mut places: Places = FxHashMap::default();
            for (place, entry) in (0..).zip(&set.entries) {
                if Some(place as usize) != set.catch_all {
                    places.entry(parts.iter().map(|part| entry.key[*part].low).collect()).or_default().push(place);
                }
            }
            Rc::new(places)
        });
        let wanted: Box<[u128]> = parts.iter().map(|part| key[*part].unwrap_or(0)).collect();
        match index.get(&wanted) {
            // All that is known was asked by the index.
            Some(places) if told => places.clone(),
            Some(places) => places.iter().copied().filter(meets).collect(),
            None => Vec::new(),
        }
    }
}
