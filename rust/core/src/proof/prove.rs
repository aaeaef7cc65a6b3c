//! Proofs: every case of two functions made and compared, several at a time.

use super::begun::{Begun, Elsewhere, Made, all, elsewhere, processors};
use super::compare::{Limits, compare, compare_seen};
use super::coverage::Coverage;
use super::declared::{Declaration, Demands, declared};
use super::diagram::TooLarge;
use super::end::Case;
use super::fold::fold;
use super::forget::forget;
use super::honoured::Honoured;
use super::meaning::{Alike, Classes, Declared};
use super::neighbourhood::Neighbourhood;
use super::options::{Functions, Options, Records};
use super::remembered::Returning;
use super::run::behaviour;
use super::supposed::Supposed;
use super::tell::{Report, Teller, Told};
use super::walk::Seen;
use crate::evaluate::{ConnectionState, Surroundings};
use crate::program::{ChainId, IpVersion, Program, SetId};
use crate::ruleset::Hook;
use std::cell::Cell;

/// Packets tried in all, in a case.
const DRAWS: u128 = 1 << 24;

pub(super) const HOOKS: [Hook; 2] = [Hook::Prerouting, Hook::Output];
const STATES: [ConnectionState; 4] =
    [ConnectionState::New, ConnectionState::Established, ConnectionState::Related, ConnectionState::Invalid];

/// What proofs take for granted, and where they give up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The addresses in the surroundings are all the node has.
    pub local_addresses_complete: bool,
    /// A hash here and chance there are equal if the same outcomes are possible.
    pub support: bool,
    /// Edges of the diagram of a case, at most; steps and pairs are limited by it, too.
    pub limit: usize,
    /// Differences that are told of a case, at most.
    pub told: usize,
    /// What packets are chosen by.
    pub neighbourhood: Neighbourhood,
}

/// A case and what came of it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What is remembered of their clients.
    pub records: Records,
    /// What differs.
    pub report: Report,
}

/// The rules and elements that no packet meets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreached {
    /// Rules that would do something, by their places in their chains.
    pub rules: Vec<(ChainId, usize)>,
    /// Elements of sets and maps with names.
    pub elements: Vec<(SetId, usize)>,
}

/// Whether a program does with the first packet of every connection what was declared, one declaration for each version
/// of IP. What rules remember is asked twice: as if it was nothing, and as if it could be anything. Packets come without
/// a mark, and the addresses of frontends are not the node's unless it is known that they are. What is `begun` was made of
/// the same program; it is used as far as what was supposed there is so.
///
/// # Errors
/// A function is too large.
pub fn prove(
    program: &Program,
    declarations: &[&Declaration],
    surroundings: &Surroundings,
    settings: &Settings,
    begun: Option<Begun>,
) -> Result<Vec<Examined>, TooLarge> {
    let program = &*program.without_records();
    let affinity = |declaration: &Declaration| {
        declaration.parts().service_ports.iter().any(|service_port| service_port.affinity.is_some())
    };
    let surroundings = &if settings.local_addresses_complete {
        surroundings.clone()
    } else {
        elsewhere(surroundings, declarations.iter().map(|declaration| services(declaration, surroundings)))
    };
    let begun = begun.filter(|begun| begun.supposes(surroundings, settings.local_addresses_complete, settings.limit));
    let mut cases = Vec::new();
    for declaration in declarations.iter().copied() {
        let version = declaration.parts().version;
        let remembered = affinity(declaration) || program.has_records();
        cases.extend(HOOKS.map(|hook| (declaration, Case { hook, version, state: ConnectionState::New }, remembered)));
    }
    let examined = all(&cases, processors(), |(declaration, case, remembered)| {
        let mut options = options(settings, Some(0), if *remembered { Records::Any } else { Records::Absent });
        let mut made = match begun.as_ref().and_then(|begun| begun.take(*case, options.records)) {
            Some(made) => made,
            None => Made::new(program, surroundings, *case, &options)?,
        };
        let mut seen = (!*remembered).then(|| made.take_seen());
        let (mut functions, any) = (made.functions, made.node);
        let mut demands = Demands::default();
        let mut sides = Vec::with_capacity(2);
        for records in [Records::Absent, Records::Any] {
            if records == Records::Absent || *remembered {
                options.records = records;
                sides.push((records, declared(declaration, surroundings, &options, &mut functions, &mut demands)?));
            }
        }
        let neighbourhood = &settings.neighbourhood.of(declaration, surroundings, program);
        let absent = if *remembered { forget(&mut functions.diagram, any)? } else { any };
        let mut examined = Vec::with_capacity(sides.len());
        for (records, left) in sides {
            let right = if records == Records::Absent { absent } else { any };
            let Functions { diagram, ends, targets, .. } = &mut functions;
            let supposed = Supposed { version: case.version, surroundings, targets };
            let (classes, seen) = seen.take().unwrap_or_else(|| (Classes::with_room(ends.len()), Seen::default()));
            let mut meaning = Declared::new(ends, &demands, case.version, classes);
            let compared = compare_seen(diagram, left, right, &mut meaning, limits(settings), seen)?;
            let folded = fold(diagram, &compared, &mut meaning, records, (neighbourhood, case.hook), supposed);
            let teller = Teller {
                functions: &functions,
                left: Told::Declared(&demands, left),
                right: Told::Ruleset(program, right),
                surroundings,
                neighbourhood,
                most: settings.told,
                draws: Cell::new(DRAWS),
            };
            let mut report = teller.report(&compared, folded);
            if records == Records::Any {
                Returning {
                    functions: &functions,
                    declared: left,
                    demands: &demands,
                    declaration,
                    program,
                    surroundings,
                }
                .examine(settings.told, &mut report);
                let draws = &Cell::new(DRAWS);
                Honoured {
                    functions: &functions,
                    demands: &demands,
                    declaration,
                    program,
                    surroundings,
                    neighbourhood,
                    draws,
                }
                .examine((left, right), settings.told, &mut report);
            }
            examined.push(Examined { records, report });
        }
        Ok(examined)
    })?;
    Ok(examined.into_iter().flatten().collect())
}

/// The addresses of a declaration's Services.
fn services(declaration: &Declaration, surroundings: &Surroundings) -> Elsewhere {
    let (version, service_cidrs) = (declaration.parts().version, declaration.parts().service_cidrs.clone());
    Elsewhere { version, addresses: declaration.addresses_elsewhere(surroundings), service_cidrs }
}

/// Whether two programs do the same with every packet, whatever its mark and the state of its connection, as long as
/// nothing is remembered.
///
/// # Errors
/// A function is too large.
pub fn compare_programs(
    left: &Program,
    right: &Program,
    surroundings: &Surroundings,
    settings: &Settings,
) -> Result<Vec<Examined>, TooLarge> {
    let (left, right) = (&*left.without_records(), &*right.without_records());
    let records = Records::Absent;
    all(&cases(), processors(), |case| {
        let options = options(settings, Some(0), records);
        let mut functions = Functions::new(*case, settings.limit);
        let mut coverage = Coverage::new(left);
        let one = behaviour(left, surroundings, *case, &options, &mut functions, &mut coverage)?;
        let mut coverage = Coverage::new(right);
        let other = behaviour(right, surroundings, *case, &options, &mut functions, &mut coverage)?;
        let Functions { diagram, ends, targets, .. } = &mut functions;
        let supposed = Supposed { version: case.version, surroundings, targets };
        let mut meaning = Alike::new(ends);
        let compared = compare(diagram, one, other, &mut meaning, limits(settings))?;
        let neighbourhood = &Neighbourhood::default();
        let folded = fold(diagram, &compared, &mut meaning, records, (neighbourhood, case.hook), supposed);
        let teller = Teller {
            functions: &functions,
            left: Told::Ruleset(left, one),
            right: Told::Ruleset(right, other),
            surroundings,
            neighbourhood,
            most: settings.told,
            draws: Cell::new(DRAWS),
        };
        Ok(Examined { records, report: teller.report(&compared, folded) })
    })
}

/// The rules and elements of a program that no packet meets, whatever its mark, the state of its connection and what is
/// remembered.
///
/// # Errors
/// A function is too large.
pub fn unreached(program: &Program, surroundings: &Surroundings, settings: &Settings) -> Result<Unreached, TooLarge> {
    let options = options(settings, None, Records::Any);
    let covered = all(&cases(), processors(), |case| {
        let mut functions = Functions::new(*case, settings.limit);
        let mut coverage = Coverage::new(program);
        behaviour(program, surroundings, *case, &options, &mut functions, &mut coverage)?;
        Ok(coverage)
    })?;
    let mut coverage = Coverage::new(program);
    for one in &covered {
        coverage.add(one);
    }
    let mut found = Unreached::default();
    for (id, chain) in program.chains.iter().enumerate() {
        found.rules.extend(chain.live.iter().filter(|place| !coverage.rule(id, **place)).map(|place| (id, *place)));
    }
    for (id, set) in program.sets.iter().enumerate().filter(|(_, set)| set.name.is_some() && !set.dynamic) {
        found.elements.extend((0..set.entries.len()).filter(|place| !coverage.element(id, *place)).map(|it| (id, it)));
    }
    Ok(found)
}

/// Every hook, version and state.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [IpVersion::V4, IpVersion::V6] {
        for hook in HOOKS {
            cases.extend(STATES.map(|state| Case { hook, version, state }));
        }
    }
    cases
}

fn options(settings: &Settings, initial_mark: Option<u32>, records: Records) -> Options {
    let local_addresses_complete = settings.local_addresses_complete;
    Options { initial_mark, records, local_addresses_complete, limit: settings.limit }
}

fn limits(settings: &Settings) -> Limits {
    Limits { pairs: settings.limit, support: settings.support }
}
