//! How the packets before went: what a batch knows by then, so that most packets need not be run.
//!
//! The machine decides by asking: is this value in that set, what is routed where, what is drawn. What becomes of a
//! packet depends on nothing but the answers. So the first packet that goes a way is run by the machine, and the
//! questions are written down on a [`Trail`], each as a function of the packet ([`Question`]). The trails of all packets
//! form a [`Tree`]: a later packet answers the questions one after the other and is led to its end. Only where no packet
//! before gave the same answers is the machine run again. There is thus one meaning of rules, the machine's.
//!
//! Two things make it fast. The tree of a ruleset is small: it branches where packets are treated differently, while the
//! addresses that a map holds only pass through slots. And the sets that are asked for the same key are answered by one
//! look into one table ([`Profiles`]). (Open vSwitch caches its pipeline in the same spirit: Pfaff et al., "The Design and
//! Implementation of Open vSwitch", NSDI 2015, section 5.)
//!
//! [`Profiles`]: profiles::Profiles

mod profiles;
mod question;
mod trail;
mod tree;

use crate::program::Program;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

pub(super) use profiles::Tables;
pub(super) use question::{DESTINATION, DESTINATION_PORT, Known, Operand, SLOTS, SOURCE, SOURCE_PORT, Slots, fill};
pub(super) use trail::Trail;
pub(super) use tree::{Class, End, Tree, Way};

/// The trails of a program's packets. They belong to its sets and rules as they are: a copy begins anew.
#[derive(Debug, Default)]
pub(crate) struct Trails {
    tables: OnceLock<Arc<Tables>>,
    tree: RwLock<Tree>,
}

impl Clone for Trails {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Trails {
    pub(super) fn tables(&self, program: &Program) -> &Arc<Tables> {
        self.tables.get_or_init(|| Arc::new(Tables::new(program)))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, class: Class, trail: Trail, end: End) {
        self.tree.write().unwrap_or_else(PoisonError::into_inner).add(class, trail, end);
    }
}
