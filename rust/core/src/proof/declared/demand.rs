//! What is asked for at the leaves of a declared function.

use super::declaration::Refusal;
use crate::evaluate::{DestinationNat, SourceNat, Verdict};
use crate::program::IpVersion;
use crate::proof::end::End;
use crate::proof::end::short_hash;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// What must become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Nothing is declared: packets of known connections (S33).
    Anything,
    /// It is no Service's packet: whatever else the node does with it, no service proxy translates it (S24).
    Free,
    /// It is turned away.
    Refused(Refusal),
    /// It goes to an endpoint.
    Delivered(Delivery),
    /// Its client may be remembered, and then it goes to any endpoint of a set (S35).
    Remembered(Remembered),
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Delivery {
    /// The address of the endpoint.
    pub address: u128,
    /// Its port.
    pub port: u16,
    /// Whether the packet leaves with the node's address as its source.
    pub masquerade: bool,
}

/// A choice among the endpoints of a set that an earlier packet has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Remembered {
    /// The number of the set; see [`Demands::allowed`].
    pub set: u32,
    /// Whether the source is rewritten, whichever it is.
    pub masquerade: bool,
    /// The place in the set of an endpoint with the address of the source: it may reach itself (S30).
    pub hairpin: Option<u32>,
}

/// A leaf of a declared function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Demand {
    /// What must become of the packet.
    pub wanted: Wanted,
    /// The place of the frontend that decides, in the declaration; None where none does.
    pub frontend: Option<u32>,
    /// For how many milliseconds the client must be remembered from now on; None without session affinity.
    pub remember: Option<u64>,
}

/// An endpoint that a remembered client may go to, or what refuses it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Allowed {
    pub(super) address: u128,
    pub(super) port: u16,
    /// Packets to it stay on the node and keep their source.
    pub(super) stays: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct AllowedSet {
    /// In ascending order.
    pub(super) endpoints: Vec<Allowed>,
    pub(super) refusals: Vec<Refusal>,
}

/// The demands of declared functions, each once.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    all: Vec<Demand>,
    /// The latest demand with a hash: there are many, and a demand is longer than its hash.
    numbers: FxHashMap<u32, u32>,
    /// Of each demand, the one before it with the same hash; its own number if there is none.
    before: Vec<u32>,
    sets: Vec<AllowedSet>,
}

/// The first number of a demand, beyond those of guards and ends: no leaf of a ruleset's function is taken for one.
const FIRST: u32 = 1 << 31;

/// How many there can be; no diagram has so many leaves.
const LAST: u32 = u32::MAX - FIRST;

impl Demands {
    /// The number of a demand, to be used as a leaf of the diagram.
    pub fn number(&mut self, demand: Demand) -> u32 {
        let next = u32::try_from(self.all.len()).map_or(LAST, |length| length.min(LAST));
        let latest = match self.numbers.entry(short_hash(&demand)) {
            Entry::Occupied(mut entry) => {
                let mut place = *entry.get();
                loop {
                    if self.all[place as usize] == demand {
                        return FIRST + place;
                    }
                    let before = self.before[place as usize];
                    if before == place {
                        break;
                    }
                    place = before;
                }
                entry.insert(next)
            }
            Entry::Vacant(entry) => *entry.insert(next),
        };
        self.all.push(demand);
        self.before.push(latest);
        FIRST + next
    }

    /// The demand with this number; None of the numbers of guards and ends.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Demand> {
        self.all.get(number.checked_sub(FIRST)? as usize)
    }

    /// Everything that may become of the packet of a remembered client, in ascending order: deliveries first.
    pub fn allowed(&self, remembered: Remembered) -> impl Iterator<Item = Wanted> + '_ {
        let set = self.sets.get(remembered.set as usize);
        let hairpin = set.and_then(|set| set.hairpin(remembered));
        let deliveries = set.into_iter().flat_map(|set| &set.endpoints).map(move |allowed| {
            let masquerade = remembered.masquerades(*allowed, hairpin);
            Wanted::Delivered(Delivery { address: allowed.address, port: allowed.port, masquerade })
        });
        deliveries.chain(set.into_iter().flat_map(|set| &set.refusals).copied().map(Wanted::Refused))
    }

    /// Whether a remembered client's packet may go there.
    #[must_use]
    pub fn allows(&self, remembered: Remembered, delivery: Delivery) -> bool {
        let Some(set) = self.sets.get(remembered.set as usize) else { return false };
        let order = |allowed: &Allowed| (allowed.address, allowed.port).cmp(&(delivery.address, delivery.port));
        set.endpoints.binary_search_by(order).is_ok_and(|place| {
            remembered.masquerades(set.endpoints[place], set.hairpin(remembered)) == delivery.masquerade
        })
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        self.all.reserve(more);
        self.before.reserve(more);
        self.numbers.reserve(more);
    }

    pub(super) fn set(&mut self, set: AllowedSet) -> u32 {
        self.sets.push(set);
        u32::try_from(self.sets.len() - 1).unwrap_or(u32::MAX)
    }
}

impl AllowedSet {
    fn hairpin(&self, remembered: Remembered) -> Option<u128> {
        Some(self.endpoints.get(remembered.hairpin? as usize)?.address)
    }
}

impl Remembered {
    fn masquerades(self, allowed: Allowed, hairpin: Option<u128>) -> bool {
        !allowed.stays && (self.masquerade || hairpin == Some(allowed.address))
    }
}

impl Wanted {
    /// The one outcome that does what is wanted, but for marks and what is remembered; None where several do.
    #[must_use]
    pub fn end(&self, version: IpVersion) -> Option<End> {
        let (verdict, destination, source) = match self {
            Self::Anything | Self::Free | Self::Remembered(_) => return None,
            Self::Refused(Refusal::Drop) => (Verdict::Drop, DestinationNat::None, SourceNat::None),
            Self::Refused(Refusal::Reject) => {
                let words = match version {
                    IpVersion::V4 => "icmp port-unreachable",
                    IpVersion::V6 => "icmpv6 port-unreachable",
                };
                (Verdict::Reject(words.into()), DestinationNat::None, SourceNat::None)
            }
            Self::Delivered(Delivery { address, port, masquerade }) => {
                let source = if *masquerade { SourceNat::Masquerade } else { SourceNat::None };
                (Verdict::Accept, DestinationNat::Address(Some(*address), Some(*port)), source)
            }
        };
        let nothing = (0, 0);
        Some(End {
            verdict,
            destination,
            source,
            mark: nothing,
            unknown_mark: 0,
            remembers: Box::default(),
            reasons: Box::default(),
        })
    }
}
