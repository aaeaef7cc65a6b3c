//! What a ruleset does, found out before it is known what was declared: reading the one takes as long as the other.

use super::compare::Limits;
use super::coverage::Coverage;
use super::declared::Demands;
use super::diagram::{NodeId, TooLarge};
use super::end::Case;
use super::meaning::{Classes, Declared};
use super::options::{Functions, Options, Records};
use super::prove::HOOKS;
use super::run::behaviour;
use super::supposition::Supposition;
use super::walk::{Seen, Walk};
use crate::evaluate::{ConnectionState, Surroundings};
use crate::program::{IpVersion, Program, Span};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Functions are walked by recursion, which needs room.
const STACK: usize = 256 << 20;

/// Addresses of a version of IP that Services have, in any order, and ranges of those that they may get.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Of which they are.
    pub version: IpVersion,
    /// Those of frontends, and cluster IPs.
    pub addresses: Vec<u128>,
    /// Those that cluster IPs are taken from.
    pub service_cidrs: Vec<Span>,
}

/// What a ruleset does with the first packets of connections, where certain addresses are taken for Services'.
#[derive(Debug)]
pub struct Begun {
    surroundings: Surroundings,
    local_addresses_complete: bool,
    limit: usize,
    made: Mutex<Vec<Made>>,
}

/// The function of a ruleset in a case.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) functions: Functions,
    pub(super) node: NodeId,
    records: Records,
    seen: Option<(Classes, Seen)>,
}

impl Made {
    pub(super) fn new(
        program: &Program,
        surroundings: &Surroundings,
        case: Case,
        options: &Options,
    ) -> Result<Self, TooLarge> {
        Self::of(program, surroundings, Functions::new(case, options.limit), options)
    }

    fn of(
        program: &Program,
        surroundings: &Surroundings,
        mut functions: Functions,
        options: &Options,
    ) -> Result<Self, TooLarge> {
        let (case, mut coverage) = (functions.case, Coverage::new(program));
        let node = behaviour(program, surroundings, case, options, &mut functions, &mut coverage)?;
        Ok(Self { functions, node, records: options.records, seen: None })
    }
}

impl Made {
    /// The same, with what its function is compared by; nothing of that depends on what it is compared with.
    fn seen(mut self) -> Result<Self, TooLarge> {
        // Where packets are remembered, the function that is compared first is made of this one.
        if self.records == Records::Absent {
            let (demands, version) = (Demands::default(), self.functions.case.version);
            let Functions { diagram, ends, .. } = &mut self.functions;
            let mut meaning = Declared::new(ends, &demands, version, Classes::with_room(ends.len()));
            let limits = Limits { pairs: 0, support: false };
            let seen = Walk::new(diagram, &mut meaning, limits).see(self.node)?;
            self.seen = Some((meaning.into_classes(), seen));
        }
        Ok(self)
    }

    /// What a comparison begins with: classes of outcomes, and what is known of the function.
    pub(super) fn take_seen(&mut self) -> (Classes, Seen) {
        self.seen.take().unwrap_or_else(|| (Classes::with_room(self.functions.ends.len()), Seen::default()))
    }
}

impl Begun {
    /// Runs a program for every packet of a new connection without a mark, as [`prove`](super::prove::prove) does, on a
    /// node of which this is supposed. Where one function is too large nothing is kept, as there will be no proof.
    ///
    /// One processor is left to whoever finds out meanwhile what was declared.
    #[must_use]
    pub fn new(program: &Program, supposition: &Supposition, limit: usize) -> Self {
        let program = &*program.without_records();
        let versions = supposition.versions.iter().copied();
        let cases = versions
            .flat_map(|version| HOOKS.map(|hook| Case { hook, version, state: ConnectionState::New }))
            .collect::<Vec<_>>();
        let surroundings = supposition.surroundings.clone();
        let records = if program.has_records() { Records::Any } else { Records::Absent };
        let options = Options { initial_mark: Some(0), records, local_addresses_complete: false, limit };
        let work = |case: &Case| {
            let mut functions = Functions::new(*case, limit);
            functions.withdrawn = Arc::clone(&supposition.withdrawn);
            Made::of(program, &surroundings, functions, &options)?.seen()
        };
        let made = all(&cases, processors().saturating_sub(1), work).unwrap_or_default();
        Self { surroundings, local_addresses_complete: false, limit, made: Mutex::new(made) }
    }

    /// Whether what was supposed is so.
    pub(super) fn supposes(&self, surroundings: &Surroundings, local_addresses_complete: bool, limit: usize) -> bool {
        self.surroundings == *surroundings
            && self.local_addresses_complete == local_addresses_complete
            && self.limit == limit
    }

    /// Hands out what was made for a case.
    pub(super) fn take(&self, case: Case, records: Records) -> Option<Made> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let place = made.iter().position(|one| one.functions.case == case && one.records == records)?;
        Some(made.swap_remove(place))
    }
}

/// The surroundings where the addresses of frontends, and all that Services may get, are taken for none of the node's,
/// but for those that are known to be; without that each of them might serve all node ports, too.
pub(super) fn elsewhere(surroundings: &Surroundings, supposed: impl IntoIterator<Item = Elsewhere>) -> Surroundings {
    let mut all = surroundings.clone();
    for Elsewhere { version, mut addresses, service_cidrs } in supposed {
        addresses.retain(|address| !surroundings.is_local(version, *address));
        let (known, ranges) = match version {
            IpVersion::V4 => (&mut all.elsewhere_v4, &mut all.elsewhere_ranges_v4),
            IpVersion::V6 => (&mut all.elsewhere_v6, &mut all.elsewhere_ranges_v6),
        };
        known.extend(addresses);
        known.sort_unstable();
        known.dedup();
        ranges.extend(service_cidrs);
        ranges.sort_unstable();
        ranges.dedup();
    }
    all
}

/// How many threads can run at the same time.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What comes of each of them, in their order, worked at by some threads, one at least.
pub(super) fn all<T: Sync, R: Send>(
    cases: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, TooLarge> + Sync,
) -> Result<Vec<R>, TooLarge> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Result<R, TooLarge>)>> = Mutex::default();
    let worker = || {
        while let Some((place, case)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|it| Some((it, cases.get(it)?)))
        {
            let result = work(case);
            let failed = result.is_err();
            results.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
            if failed {
                // The others are of no use any more.
                next.store(cases.len(), Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1).min(cases.len()) {
            // Where no thread can be made, the others do the work, and if there is none, nothing is proved.
            drop(std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, worker));
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    let found: Vec<R> = results.into_iter().map(|(_, result)| result).collect::<Result<_, _>>()?;
    if found.len() == cases.len() { Ok(found) } else { Err(TooLarge) }
}
