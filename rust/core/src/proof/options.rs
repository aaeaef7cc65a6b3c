//! What a run takes for granted.

use super::diagram::Diagram;
use super::end::{Case, Ends};
use super::hashes::Hashes;
use super::questions::Questions;
use super::targets::Targets;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What sets that rules change hold beside what is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Nothing: the packet is the first one after the ruleset was loaded.
    Absent,
    /// Anything: every lookup that finds nothing may find what an earlier packet left there.
    Any,
}

/// What a run takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The mark packets come with; None is any.
    pub initial_mark: Option<u32>,
    /// What sets that rules change hold.
    pub records: Records,
    /// The addresses in the surroundings are all the node has; if not, whether any other is one of them is asked
    /// ([`Variable::DestinationLocal`](super::Variable::DestinationLocal)).
    pub local_addresses_complete: bool,
    /// How many steps a run may take before it gives up.
    pub limit: usize,
}

/// The functions of one case that are to be compared: their nodes, and what the numbers in them stand for.
#[derive(Clone, Debug)]
pub struct Functions {
    /// What is fixed for all of them.
    pub case: Case,
    /// The nodes.
    pub diagram: Diagram,
    /// The outcomes at the leaves.
    pub ends: Ends,
    /// The hashes packets are told apart by.
    pub hashes: Hashes,
    /// What nobody knows, and what the kernel remembers.
    pub questions: Questions,
    /// The addresses that rules translate to.
    pub(super) targets: Targets,
    /// Nobody wants to know any more what becomes of packets.
    pub(super) withdrawn: Arc<AtomicBool>,
}

impl Functions {
    /// No functions yet; the diagram may get this many edges.
    #[must_use]
    pub fn new(case: Case, limit: usize) -> Self {
        Self {
            case,
            diagram: Diagram::new(case.version, limit),
            ends: Ends::default(),
            hashes: Hashes::default(),
            questions: Questions::default(),
            targets: Targets::default(),
            withdrawn: Arc::default(),
        }
    }
}
