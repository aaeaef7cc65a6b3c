//! Looking keys up in sets and maps, and changing what they hold.

use super::flight::{Flight, Loaded, Missing};
use super::machine::{Machine, Stop, World};
use super::memory::Change;
use super::trails::Operand;
use crate::program::{Answer, Data, Part, SetId};
use crate::ruleset::SetOperation;
use std::borrow::Cow;

/// What is found for a key.
pub(super) enum Found<'a> {
    Nothing,
    Data(Cow<'a, Data>),
    /// The same in short; never [`Answer::Entry`].
    Short(Answer),
    /// The packet has no such key.
    Break,
}

impl<'a, W: World> Machine<'a, W> {
    /// The element for a key, the changes of this packet and of those before it included.
    pub(super) fn find(&mut self, key: &'a [Part], set_id: SetId) -> Result<Found<'a>, Stop> {
        let program = self.program;
        let set = &program.sets[set_id];
        let (mut known, mut origins) = ([0; 8], [Operand::Constant(0); 8]);
        let mut missing: Option<(Missing<'a>, Vec<Option<u128>>)> = None;
        if key.len() > known.len() {
            return Err(self.unknown("its key has too many parts"));
        }
        for (place, part) in key.iter().enumerate() {
            match self.value(part)? {
                Loaded::Value(value) => {
                    known[place] = value;
                    origins[place] = self.origin();
                }
                Loaded::Break => return Ok(Found::Break),
                Loaded::Unknown(why) => {
                    let (_, values) = missing.get_or_insert_with(|| (why, vec![Some(0); key.len()]));
                    values[place] = None;
                }
            }
        }
        if let Some((why, mut values)) = missing {
            self.leave_trail();
            for (value, known) in values.iter_mut().zip(known) {
                *value = value.map(|_| known);
            }
            return self.find_unknown(why, &values, set_id);
        }
        let (known, origins) = (&known[..key.len()], &origins[..key.len()]);
        self.tell_found(set_id, key, origins, known);
        if let Some(data) = self.changed(set_id, known) {
            return Ok(data.clone().map_or(Found::Nothing, |data| Found::Data(Cow::Owned(data))));
        }
        let Some(hit) = set.hit(known) else {
            if set.unknown.is_some() {
                let why = Missing::Elements(set);
                if self.undecided(why, || format!("{known:?} in {set_id}"), 2)? == 0 {
                    return if set.data.is_empty() && !set.entries.iter().any(|entry| entry.data != Data::Member) {
                        Ok(Found::Data(Cow::Owned(Data::Member)))
                    } else {
                        Err(Stop::Unknown(why.words().into()))
                    };
                }
            }
            return Ok(Found::Nothing);
        };
        // Whoever records steps wants the comment of the entry, too.
        if !W::STEPS && hit.answer != Answer::Entry {
            return Ok(Found::Short(hit.answer));
        }
        let entry = &set.entries[hit.place()];
        if entry.limited {
            let why = Missing::Words("whether the element's limit is reached is not in the dump");
            if self.undecided(why, || format!("{known:?} limited in {set_id}"), 2)? == 1 {
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

    /// What packets made of an element, the last of them: None where none did anything with it.
    fn changed(&mut self, set: SetId, key: &[u128]) -> Option<&Option<Data>> {
        let found = self.before.of_key(set, key);
        self.met |= found.is_some();
        let own = self.changes.iter().rev().find(|change| change.set == set && change.key == key);
        own.or(found).map(|change| &change.data)
    }

    #[cold]
    fn find_unknown(&mut self, why: Missing<'a>, values: &[Option<u128>], set_id: SetId) -> Result<Found<'a>, Stop> {
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
            _ => return Err(self.unknown(&why.words())),
        };
        Ok(match found[choice] {
            None => Found::Nothing,
            Some(data) => Found::Data(Cow::Borrowed(data)),
        })
    }

    pub(super) fn update(
        &mut self,
        operation: SetOperation,
        set: SetId,
        key: &'a [Part],
        data: &'a [Part],
    ) -> Result<bool, Stop> {
        let mut values = Vec::with_capacity(key.len() + data.len());
        for part in key.iter().chain(data) {
            match self.value(part)? {
                Loaded::Value(value) => values.push(value),
                Loaded::Break => return Ok(false),
                // What the set then holds is not known, so nothing is changed and whoever reads it must not rely on it.
                Loaded::Unknown(missing) => return Err(self.unknown(&missing.words())),
            }
        }
        let new = values.split_off(key.len());
        let exists = match self.changed(set, &values) {
            Some(data) => data.is_some(),
            None => self.program.sets[set].find(&values).is_some(),
        };
        if operation == SetOperation::Delete {
            self.changes.push(Change { set, key: values, data: None });
        } else if !exists {
            let data = if new.is_empty() { Data::Member } else { Data::Values(new.into_boxed_slice()) };
            self.changes.push(Change { set, key: values, data: Some(data) });
        }
        let name = self.program.sets[set].name.as_deref().unwrap_or_default();
        self.record(|| match operation {
            SetOperation::Delete => format!("forgotten in {name}"),
            SetOperation::Add | SetOperation::Update => format!("remembered in {name}"),
        });
        Ok(true)
    }
}

fn element_words(set: &crate::program::Set, key: &[u128], comment: Option<&str>) -> String {
    let parts: Vec<String> = set.key.iter().zip(key).map(|(kind, value)| super::words::value(*kind, *value)).collect();
    let comment = comment.map_or_else(String::new, |comment| format!(" \"{comment}\""));
    format!("{}{comment}", parts.join(" . "))
}
