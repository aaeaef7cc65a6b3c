//! Regions that differ in the same way, so that one stands for all of them.

use super::compare::{Compared, Judgement, Shown, Side};
use super::diagram::{Diagram, NodeId};
use super::distribution::Distribution;
use super::fate::{Fate, Here};
use super::meaning::{Meaning, Meant};
use super::neighbourhood::Neighbourhood;
use super::options::Records;
use super::region::Region;
use super::supposed::Supposed;
use super::variable::Variable;
use crate::evaluate::{DestinationNat, SourceNat, Verdict};
use crate::program::IpVersion;
use crate::ruleset::Hook;
use rustc_hash::{FxHashMap, FxHasher};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// Regions looked at for each destination address, protocol and port, and in all.
const OF_EACH: usize = 512;
const IN_ALL: usize = 1 << 18;
/// Regions kept of each kind, the widest: where no packet can be found in one, there may be one in another.
const KEPT: usize = 4;

/// Regions that differ in nothing but their packets.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) frontend: Option<u32>,
    /// The widest of them, with what becomes of packets there.
    pub(super) kept: Vec<(Region, NodeId, NodeId)>,
    pub(super) undecided: bool,
    /// They are refused on both sides whatever nobody knows, perhaps not in the same way.
    pub(super) refused: bool,
    /// They are packets of networks that are none of the cluster's.
    pub(super) aside: bool,
    pub(super) regions: u64,
}

/// All that is not equal, folded.
#[derive(Clone, Debug, Default)]
pub(super) struct Folded {
    /// In the order of their first regions.
    pub(super) folds: Vec<Fold>,
    /// Regions that were looked at and that are equal if one knows where their packets were sent.
    pub(super) equal: u64,
    /// Regions that were not looked at, because there are too many.
    pub(super) unseen: u64,
}

/// In what way a region differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked by itself")]
struct Way {
    frontend: Option<u32>,
    /// Where no frontend decides: the destination if it is one address, the protocol and the port.
    place: Option<[Option<(u128, u128)>; 3]>,
    undecided: bool,
    refused: bool,
    aside: bool,
    /// A digest of which destinations are missing, and which ones there are too many.
    missing: u64,
    extra: u64,
    verdicts: [u8; 2],
    /// A destination of both sides has another source on the right: the kinds of both.
    sources: BTreeSet<(u8, u8)>,
    remembers: bool,
    /// Only where an address is the node's own that is not known to be.
    supposed: bool,
}

/// Folds everything that is not equal; with `records`, only what is remembered of clients makes unequal: all else is
/// the same where nothing is remembered, and is told there.
pub(super) fn fold(
    diagram: &Diagram,
    compared: &Compared,
    meaning: &mut impl Meaning,
    records: Records,
    (neighbourhood, hook): (&Neighbourhood, Hook),
    supposed: Supposed<'_>,
) -> Folded {
    let version = diagram.version();
    let mut folded = Folded::default();
    let mut places: FxHashMap<Way, usize> = FxHashMap::default();
    let told = compared.tell(OF_EACH, IN_ALL, |region, shown| {
        if records == Records::Any && !is_remembered(region) || supposed.emptied_by(region).is_some() {
            return;
        }
        let here = here(region);
        meaning.go(here);
        let distributions = (Distribution::of(diagram, shown.left), Distribution::of(diagram, shown.right));
        let (Some(left), Some(right)) = distributions else {
            folded.unseen += 1;
            return;
        };
        if here != Here::default() && matches!(meaning.judge(&left, &right, false), Judgement::Equal(_)) {
            folded.equal += 1;
            return;
        }
        let way = Way { aside: neighbourhood.is_aside(region), ..way(&*meaning, region, shown, [&left, &right]) };
        let (refused, aside) = (way.refused, way.aside);
        let place = *places.entry(way).or_insert(folded.folds.len());
        if place == folded.folds.len() {
            let frontend = frontend(&*meaning, &left);
            let undecided = shown.undecided;
            folded.folds.push(Fold { frontend, kept: Vec::new(), undecided, refused, aside, regions: 0 });
        }
        let fold = &mut folded.folds[place];
        fold.regions += 1;
        let order = |region: &Region| {
            let (hash, source, port) = width(region, version);
            (hash, Reverse(neighbourhood.oddity(region, version, hook)), source, port)
        };
        let at = fold.kept.partition_point(|(kept, _, _)| order(kept) >= order(region));
        if at < KEPT {
            fold.kept.insert(at, (region.clone(), shown.left, shown.right));
            fold.kept.truncate(KEPT);
        }
    });
    meaning.go(Here::default());
    let (differing, undecided) = compared.open();
    folded.unseen = folded.unseen.saturating_add(differing.saturating_add(undecided).saturating_sub(told));
    folded
}

/// Where the packets of a region were sent, if all were sent to one place.
pub(super) fn here(region: &Region) -> Here {
    let one = |variable| region.get(variable).filter(|(low, high)| low == high).map(|(low, _)| low);
    let port = one(Variable::DestinationPort).and_then(|port| u16::try_from(port).ok());
    Here { address: one(Variable::Destination), port }
}

/// Whether the region holds for clients of whom something is remembered.
pub(super) fn is_remembered(region: &Region) -> bool {
    region.bounds().iter().any(|(variable, low, _)| matches!(variable, Variable::Record(_)) && *low != u128::MAX)
}

/// How easily a packet is found in a region: the narrowest hash, then the number of sources and of ports.
fn width(region: &Region, version: IpVersion) -> (u128, u128, u128) {
    let size = |(low, high): (u128, u128)| high - low;
    let hash = region
        .bounds()
        .iter()
        .filter(|(variable, _, _)| matches!(variable, Variable::Hash(_)))
        .map(|(_, low, high)| high - low)
        .min();
    let free = |variable| size(region.of(variable, version));
    (hash.unwrap_or(u128::MAX), free(Variable::Source), free(Variable::SourcePort))
}

fn frontend(meaning: &impl Meaning, left: &Distribution) -> Option<u32> {
    left.shares.iter().find_map(|(outcome, _)| meaning.frontend(*outcome))
}

fn way(meaning: &impl Meaning, region: &Region, shown: Shown, sides: [&Distribution; 2]) -> Way {
    let frontend = frontend(meaning, sides[0]);
    let [left, right] = [(Side::Left, sides[0]), (Side::Right, sides[1])]
        .map(|(side, found)| -> Vec<Meant> { found.shares.iter().map(|share| meaning.meant(side, share.0)).collect() });
    // What a free packet is expected to do is not said, so nothing is missing.
    let free = left.iter().any(|meant| matches!(meant, Meant::Free | Meant::Any(_)));
    let [here, there] = [&left, &right].map(|side| targets(side));
    let missing = here.iter().filter(|target| there.binary_search_by_key(&target.0, |it| it.0).is_err());
    let extra = there.iter().filter(|target| here.binary_search_by_key(&target.0, |it| it.0).is_err());
    let mut sources = BTreeSet::new();
    let mut remembers = false;
    for fate in right.iter().filter_map(delivered) {
        let Ok(place) = here.binary_search_by_key(&&fate.destination, |it| it.0) else { continue };
        let expected = here[place].1;
        if expected.source != fate.source {
            sources.insert((source_kind(&expected.source), source_kind(&fate.source)));
        }
        remembers |= expected.remembers.iter().any(|timeout| !fate.remembers_for(*timeout));
    }
    let single = |variable| region.get(variable).filter(|(low, high)| low == high);
    let is_supposed = |variable| region.get(variable).is_some_and(|(low, _)| low == 1);
    let supposed = is_supposed(Variable::DestinationLocal) || is_supposed(Variable::SourceLocal);
    let place = frontend.is_none().then(|| {
        [
            single(Variable::Destination).filter(|_| !supposed),
            region.get(Variable::Protocol),
            region.get(Variable::DestinationPort),
        ]
    });
    Way {
        frontend,
        place,
        undecided: shown.undecided,
        refused: shown.refused,
        aside: false,
        missing: digest(missing.map(|target| target.0)),
        extra: if free && frontend.is_none() { 0 } else { digest(extra.map(|target| target.0)) },
        verdicts: [verdicts(&left), verdicts(&right)],
        sources,
        remembers,
        supposed,
    }
}

fn delivered(meant: &Meant) -> Option<&Fate> {
    match meant {
        Meant::Fate(fate) if fate.verdict == Verdict::Accept => Some(fate),
        _ => None,
    }
}

/// Where packets go, in order, each destination once.
fn targets(side: &[Meant]) -> Vec<(&DestinationNat, &Fate)> {
    let mut found: Vec<_> = side.iter().filter_map(delivered).map(|fate| (&fate.destination, fate)).collect();
    found.sort_unstable();
    found.dedup_by_key(|target| target.0);
    found
}

fn digest<'a>(targets: impl Iterator<Item = &'a DestinationNat>) -> u64 {
    let mut hasher = FxHasher::default();
    let mut count = 0_u64;
    for target in targets {
        target.hash(&mut hasher);
        count += 1;
    }
    count.hash(&mut hasher);
    hasher.finish()
}

fn verdicts(side: &[Meant]) -> u8 {
    side.iter().fold(0, |found, meant| {
        found
            | match meant {
                Meant::Fate(fate) => match fate.verdict {
                    Verdict::Accept if fate.is_translated() => 1,
                    Verdict::Accept => 2,
                    Verdict::Drop => 4,
                    Verdict::Reject(_) => 8,
                    Verdict::Unknown => 16,
                },
                Meant::Unknown => 16,
                Meant::Free => 32,
                Meant::Any(_) => 64,
            }
    })
}

fn source_kind(source: &SourceNat) -> u8 {
    match source {
        SourceNat::None => 0,
        SourceNat::Masquerade => 1,
        SourceNat::Address(..) => 2,
        SourceNat::Several(_) => 3,
    }
}
