//! The names of fields, each kept once.

use std::collections::HashMap;

use super::Values;

/// The number of "items".
pub(super) const ITEMS: usize = 0;
/// The number of "object".
pub(super) const OBJECT: usize = 1;
/// The number of the empty name.
pub(super) const EMPTY: usize = 2;
/// The number of "<<".
pub(super) const MERGE: usize = 3;

pub(super) struct Names<K> {
    numbers: HashMap<Box<str>, usize>,
    names: Vec<(Box<str>, K)>,
}

impl<K> Names<K> {
    pub(super) fn new<V: Values<Key = K>>(values: &mut V) -> Result<Self, V::Error> {
        let mut names = Self { numbers: HashMap::new(), names: Vec::new() };
        for name in ["items", "object", "", "<<"] {
            names.number(values, name)?;
        }
        Ok(names)
    }

    pub(super) fn number<V: Values<Key = K>>(&mut self, values: &mut V, name: &str) -> Result<usize, V::Error> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        let number = self.names.len();
        self.names.push((name.into(), values.key(name)?));
        self.numbers.insert(name.into(), number);
        Ok(number)
    }

    pub(super) fn text(&self, number: usize) -> &str {
        &self.names[number].0
    }

    pub(super) fn key(&self, number: usize) -> &K {
        &self.names[number].1
    }
}
