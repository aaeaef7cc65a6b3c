//! What becomes of packets, as far as it matters to a comparison.

use super::end::End;
use crate::evaluate::{DestinationNat, Outcome, SourceNat, Verdict};

/// What all packets of a region were sent to, where that is one address or one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Here {
    pub(super) address: Option<u128>,
    pub(super) port: Option<u16>,
}

/// An outcome without its mark: equal fates are equally good.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Fate {
    pub(super) verdict: Verdict,
    pub(super) destination: DestinationNat,
    pub(super) source: SourceNat,
    /// The timeouts of what is remembered of the packet, each once, in ascending order; nothing of a packet that is
    /// gone, as whatever a client is remembered for then, it got nothing of it, and its next packets are asked for by
    /// themselves.
    pub(super) remembers: Box<[u64]>,
}

impl Fate {
    /// The fate of packets that were sent to one place, where a translation to that place is none.
    pub(super) fn of(end: &End, here: Here) -> Self {
        let fate = Self::new(&end.verdict, &end.destination, &end.source, here);
        if fate.verdict != Verdict::Accept {
            return fate;
        }
        let mut remembers = end.remembers.to_vec();
        remembers.sort_unstable();
        remembers.dedup();
        Self { remembers: remembers.into(), ..fate }
    }

    /// The same of an outcome, which does not tell what is remembered.
    pub(super) fn of_outcome(outcome: &Outcome, here: Here) -> Self {
        Self::new(&outcome.verdict, &outcome.destination, &outcome.source, here)
    }

    fn new(verdict: &Verdict, destination: &DestinationNat, source: &SourceNat, here: Here) -> Self {
        if *verdict != Verdict::Accept {
            // A packet that is gone went nowhere.
            let (destination, source) = (DestinationNat::None, SourceNat::None);
            return Self { verdict: verdict.clone(), destination, source, remembers: Box::default() };
        }
        let destination = match destination {
            DestinationNat::Address(address, port) => {
                let (address, port) = (address.or(here.address), port.or(here.port));
                if address == here.address && port == here.port && address.is_some() {
                    DestinationNat::None
                } else {
                    DestinationNat::Address(address, port)
                }
            }
            other => other.clone(),
        };
        Self { verdict: Verdict::Accept, destination, source: source.clone(), remembers: Box::default() }
    }

    /// Whether the packet is remembered for this time, in milliseconds; 0 is for good.
    pub(super) fn remembers_for(&self, timeout: u64) -> bool {
        self.remembers.contains(&timeout)
    }

    /// Whether the packet goes somewhere else than it was sent.
    pub(super) fn is_translated(&self) -> bool {
        self.destination != DestinationNat::None
    }

    /// The same where it does not matter what a refusal answers.
    pub(super) fn without_words(mut self) -> Self {
        if let Verdict::Reject(words) = &mut self.verdict {
            *words = Box::default();
        }
        self
    }
}
