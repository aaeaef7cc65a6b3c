//! What packets leave in sets for those that follow.

use crate::program::{Data, SetId};

/// An element that a packet made, or removed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) set: SetId,
    pub(super) key: Vec<u128>,
    /// What it holds from now on; None where it was removed.
    pub(super) data: Option<Data>,
}

/// What packets changed in the sets of a program, in their order; none of it has expired.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes(pub(super) Vec<Change>);

impl Changes {
    pub(crate) const NONE: &Self = &Self(Vec::new());

    /// Adds what a later packet changed.
    pub fn add(&mut self, later: &Self) {
        self.0.extend_from_slice(&later.0);
    }

    /// Whether nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last change of an element.
    pub(super) fn of_key(&self, set: SetId, key: &[u128]) -> Option<&Change> {
        self.0.iter().rev().find(|change| change.set == set && change.key == key)
    }
}
