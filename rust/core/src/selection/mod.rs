//! Endpoint selection: which endpoints serve a service port on a node (S10 to S23).
//!
//! [`select`] answers for all service ports of all Services at once. The records it reads say what a declaration means
//! to one node, no more: whoever makes them has resolved conditions (S13), locality (S14) and hints ([`Hint`]) and has
//! left out what has no usable address ([`address::canonical`], S11). A slice is described once, however many service
//! ports read it.
//!
//! Every service port is judged alone: hints, fallbacks and duplicates of one never influence another.

pub mod address;

use std::cmp::Ordering;

/// What the hints of one kind, for nodes or for zones, say about an endpoint (S20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The endpoint has no hint of the kind.
    Absent,
    /// It has, and none of them names this node, or its zone; or the node is in no zone.
    Elsewhere,
    /// One of them names this node, or its zone.
    Here,
}

/// An endpoint as one node sees it.
#[derive(Clone, Debug)]
pub struct Endpoint<A> {
    /// The canonical text of its address; addresses of one Service and family are compared as text.
    pub address: A,
    /// Ready, or not said to be otherwise (S13).
    pub ready: bool,
    /// Terminating, and serving or not said to be otherwise: what the fallbacks take (S18, S19).
    pub terminating_but_serving: bool,
    /// It names this node (S14).
    pub local: bool,
    /// Its hints for nodes.
    pub node_hint: Hint,
    /// Its hints for zones.
    pub zone_hint: Hint,
}

/// A port of a slice: the number that a port of the Service has on the slice's endpoints.
#[derive(Clone, Debug)]
pub struct SlicePort<K> {
    /// Name and protocol in any form, as long as equal ones are equal.
    pub key: K,
    /// Zero is no number: such a port is skipped (S12).
    pub number: u16,
}

/// Endpoints that share their ports.
#[derive(Clone, Debug)]
pub struct Slice<A, K> {
    /// In declared order, which decides among duplicates (S15).
    pub endpoints: Vec<Endpoint<A>>,
    /// All ports, those of other service ports too.
    pub ports: Vec<SlicePort<K>>,
}

/// A Service in one family: what [`select`] needs of it.
#[derive(Clone, Debug)]
pub struct Service<A, K> {
    /// Its slices of the family, in the order that decides among duplicates (S15).
    pub slices: Vec<Slice<A, K>>,
    /// The keys of its ports, to be found in [`SlicePort::key`] (S12).
    pub ports: Vec<K>,
}

/// An endpoint of a service port: its place in [`Service::slices`], and the port it is reached at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The index of the slice.
    pub slice: usize,
    /// The index of the endpoint in the slice.
    pub endpoint: usize,
    /// The port on the endpoint, never zero.
    pub port: u16,
}

/// What became of the hints of one kind (S20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintUse {
    /// No ready endpoint has one.
    Absent,
    /// Ignored: some ready endpoints have hints and some have none.
    Incomplete,
    /// Ignored: all ready endpoints have hints, and none is for this node, or its zone.
    Elsewhere,
    /// Not looked at: hints for nodes decided before those for zones.
    Unneeded,
    /// They narrowed the Cluster set.
    Used,
}

/// The endpoints of one service port on one node. All indices are of `candidates`, and ascend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Every endpoint, duplicates collapsed (S15), in the order of the text `IP:port` (S16).
    pub candidates: Vec<Candidate>,
    /// The Cluster set (S18). It is empty exactly when no endpoint anywhere can be used (S22).
    pub cluster: Vec<usize>,
    /// The Local set (S19).
    pub local: Vec<usize>,
    /// The members of either set that are on this node: those that may be their own clients (S30).
    pub own: Vec<usize>,
    /// What became of hints for nodes.
    pub node_hints: HintUse,
    /// What became of hints for zones.
    pub zone_hints: HintUse,
}

/// The endpoints of each port of each Service.
///
/// A port with N endpoints, duplicates included, costs O(N log N) time and O(N) memory.
#[must_use]
pub fn select<A: AsRef<str>, K: PartialEq>(services: &[Service<A, K>]) -> Vec<Vec<Selection>> {
    services
        .iter()
        .map(|service| service.ports.iter().map(|port| select_port(&service.slices, port)).collect())
        .collect()
}

fn select_port<A: AsRef<str>, K: PartialEq>(slices: &[Slice<A, K>], port: &K) -> Selection {
    let candidates = candidates(slices, port);
    let seen: Vec<&Endpoint<A>> =
        candidates.iter().map(|candidate| &slices[candidate.slice].endpoints[candidate.endpoint]).collect();
    let all = |wanted: &dyn Fn(&Endpoint<A>) -> bool| -> Vec<usize> {
        (0..seen.len()).filter(|&index| wanted(seen[index])).collect()
    };
    let ready = all(&|endpoint| endpoint.ready);
    let (node_hints, mut zone_hints) = (
        hint_use(ready.iter().map(|&index| seen[index].node_hint)),
        hint_use(ready.iter().map(|&index| seen[index].zone_hint)),
    );
    let mut cluster = ready;
    if node_hints == HintUse::Used {
        zone_hints = HintUse::Unneeded;
        cluster.retain(|&index| seen[index].node_hint == Hint::Here);
    } else if zone_hints == HintUse::Used {
        cluster.retain(|&index| seen[index].zone_hint == Hint::Here);
    }
    if cluster.is_empty() {
        cluster = all(&|endpoint| endpoint.terminating_but_serving);
    }
    let mut local = all(&|endpoint| endpoint.local && endpoint.ready);
    if local.is_empty() {
        local = all(&|endpoint| endpoint.local && endpoint.terminating_but_serving);
    }
    let mut own: Vec<usize> = cluster.iter().chain(&local).copied().filter(|&index| seen[index].local).collect();
    own.sort_unstable();
    own.dedup();
    Selection { candidates, cluster, local, own, node_hints, zone_hints }
}

/// All endpoints of a service port in text order; of duplicates the first local one stays, else the first (S15).
fn candidates<A: AsRef<str>, K: PartialEq>(slices: &[Slice<A, K>], port: &K) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (slice, Slice { endpoints, ports }) in slices.iter().enumerate() {
        for SlicePort { key, number } in ports {
            if key == port && *number != 0 {
                found.extend((0..endpoints.len()).map(|endpoint| Candidate { slice, endpoint, port: *number }));
            }
        }
    }
    let endpoint = |candidate: &Candidate| &slices[candidate.slice].endpoints[candidate.endpoint];
    let place = |candidate: &Candidate| (endpoint(candidate).address.as_ref(), candidate.port);
    // Stable: duplicates keep the order in which they were declared.
    found.sort_by(|one, other| text_order(place(one), place(other)));
    found.dedup_by(|later, kept| {
        if place(later) != place(kept) {
            return false;
        }
        if endpoint(later).local && !endpoint(kept).local {
            *kept = *later;
        }
        true
    });
    found
}

/// Compares the texts `10.0.0.1:80` or `[fd00::1]:80` without writing them (S16). Addresses are of one family.
fn text_order((one, one_port): (&str, u16), (other, other_port): (&str, u16)) -> Ordering {
    if one == other {
        return if one_port == other_port {
            Ordering::Equal
        } else {
            one_port.to_string().cmp(&other_port.to_string())
        };
    }
    // What follows an address: it decides where one address is the beginning of another.
    let end = if one.contains(':') { b']' } else { b':' };
    one.bytes().chain([end]).cmp(other.bytes().chain([end]))
}

fn hint_use(ready: impl Iterator<Item = Hint>) -> HintUse {
    let (mut absent, mut elsewhere, mut here) = (false, false, false);
    for hint in ready {
        match hint {
            Hint::Absent => absent = true,
            Hint::Elsewhere => elsewhere = true,
            Hint::Here => here = true,
        }
    }
    match (absent, elsewhere || here) {
        (_, false) => HintUse::Absent,
        (true, true) => HintUse::Incomplete,
        (false, true) if here => HintUse::Used,
        (false, true) => HintUse::Elsewhere,
    }
}
