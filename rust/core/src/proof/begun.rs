//! What a ruleset does, found out before it is known what was declared: reading the one takes as long as the other.

use super::coverage::Coverage;
use super::diagram::{NodeId, TooLarge};
use super::end::Case;
use super::options::{Functions, Options, Records};
use super::prove::HOOKS;
use super::run::behaviour;
use crate::evaluate::{ConnectionState, Surroundings};
use crate::program::{IpVersion, Program, Span};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

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
}

impl Made {
    pub(super) fn new(
        program: &Program,
        surroundings: &Surroundings,
        case: Case,
        options: &Options,
    ) -> Result<Self, TooLarge> {
        let mut functions = Functions::new(case, options.limit);
        let mut coverage = Coverage::new(program);
        let node = behaviour(program, surroundings, case, options, &mut functions, &mut coverage)?;
        Ok(Self { functions, node, records: options.records })
    }
}

impl Begun {
    /// Runs a program for every packet of a new connection without a mark, as [`prove`](super::prove::prove) does, on a
    /// node that may have other addresses than those that are known, but none of those `elsewhere`. A function that is
    /// too large is left out; the proof will tell.
    #[must_use]
    pub fn new(program: &Program, surroundings: &Surroundings, supposed: Vec<Elsewhere>, limit: usize) -> Self {
        let program = &*program.without_records();
        let cases = supposed
            .iter()
            .map(|each| each.version)
            .flat_map(|version| HOOKS.map(|hook| Case { hook, version, state: ConnectionState::New }));
        let cases: Vec<Case> = cases.collect();
        let surroundings = elsewhere(surroundings, supposed);
        let records = if program.has_records() { Records::Any } else { Records::Absent };
        let options = Options { initial_mark: Some(0), records, local_addresses_complete: false, limit };
        let made = all(&cases, |case| Made::new(program, &surroundings, *case, &options)).unwrap_or_default();
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
    }
    all
}

/// What comes of each of them, in their order, worked at by all processors.
pub(super) fn all<T: Sync, R: Send>(
    cases: &[T],
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
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(cases.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            // Where no thread can be made, the others do the work, and if there is none, nothing is proved.
            drop(std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, worker));
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    let found: Vec<R> = results.into_iter().map(|(_, result)| result).collect::<Result<_, _>>()?;
    if found.len() == cases.len() { Ok(found) } else { Err(TooLarge) }
}
