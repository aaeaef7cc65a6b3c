//! All that may become of a packet, with exact chances: the machine is run once for every way the choices can fall.

use super::flight::Flight;
use super::fraction::Fraction;
use super::machine::{Machine, Stop, World};
use super::memory::Changes;
use super::outcome::{Chance, DestinationNat, Outcome, SourceNat, Step, Verdict};
use super::packet::{Packet, Surroundings};
use crate::program::{ChainId, Program, Site};
use crate::ruleset::{Hook, NumgenMode};
use rustc_hash::FxHashMap;

/// With more ways than this the outcome is unknown.
const WAYS: usize = 1 << 20;
/// More reasons than these are left out.
const REASONS: usize = 16;
/// The ports that Linux gives to clients (`ip_local_port_range`).
const CLIENT_PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// A choice on the way: the options, and which is being tried.
struct Fork {
    /// How likely each option is, in parts of their sum; empty if nobody knows.
    weights: Vec<u64>,
    options: usize,
    taken: usize,
    /// What became of the packet with the options tried so far.
    tried: Vec<Vec<Chance>>,
    reason: String,
}

#[derive(Default)]
struct Enumeration<const STEPS: bool> {
    forks: Vec<Fork>,
    depth: usize,
    decided: FxHashMap<String, usize>,
    hashes: FxHashMap<Site, usize>,
    steps: Vec<Step>,
}

impl<const STEPS: bool> Enumeration<STEPS> {
    /// Before the packet is sent another time.
    fn begin(&mut self) {
        self.depth = 0;
        self.decided.clear();
        self.hashes.clear();
        self.steps.clear();
    }

    fn fork(&mut self, options: usize, weights: impl FnOnce() -> Vec<u64>, reason: impl FnOnce() -> String) -> usize {
        if self.depth == self.forks.len() {
            self.forks.push(Fork { weights: weights(), options, taken: 0, tried: Vec::new(), reason: reason() });
        }
        self.depth += 1;
        self.forks[self.depth - 1].taken
    }

    fn equally(&mut self, modulus: u32) -> usize {
        let options = modulus as usize;
        self.fork(options, || vec![1; options], String::new)
    }
}

impl<const STEPS: bool> World for Enumeration<STEPS> {
    const STEPS: bool = STEPS;

    fn numgen(&mut self, _site: Site, _mode: NumgenMode, modulus: u32) -> Result<u32, Stop> {
        enumerable(modulus)?;
        Ok(u32::try_from(self.equally(modulus)).unwrap_or(0))
    }

    fn hash(&mut self, site: Site, modulus: u32) -> Result<u32, Stop> {
        enumerable(modulus)?;
        // One hash is one number: another modulus of it cuts the same number into other pieces. It is drawn as finely as
        // the first modulus needs; a second one that does not divide it is drawn anew, which can only add outcomes.
        if let Some(drawn) = self.hashes.get(&site) {
            let (value, first) = (*drawn & 0xffff_ffff, *drawn >> 32);
            if first == modulus as usize {
                return Ok(u32::try_from(value).unwrap_or(0));
            }
        }
        let value = self.equally(modulus);
        self.hashes.insert(site, value | (modulus as usize) << 32);
        Ok(u32::try_from(value).unwrap_or(0))
    }

    fn client_port(&mut self, value: &dyn Fn(u16) -> u32) -> Result<u16, Stop> {
        let mut places: FxHashMap<u32, usize> = FxHashMap::default();
        let mut ports: Vec<(u16, u64)> = Vec::new();
        for port in CLIENT_PORTS {
            let place = *places.entry(value(port)).or_insert(ports.len());
            match ports.get_mut(place) {
                Some((_, count)) => *count += 1,
                None => ports.push((port, 1)),
            }
        }
        let taken = self.fork(ports.len(), || ports.iter().map(|(_, count)| *count).collect(), String::new);
        Ok(ports[taken].0)
    }

    fn undecided(
        &mut self,
        condition: impl FnOnce() -> String,
        reason: impl FnOnce() -> String,
        options: usize,
    ) -> Result<usize, Stop> {
        let condition = condition();
        if let Some(decided) = self.decided.get(&condition) {
            return Ok(*decided);
        }
        let taken = self.fork(options, Vec::new, reason);
        self.decided.insert(condition, taken);
        Ok(taken)
    }

    fn step(&mut self, hook: Hook, chain: ChainId, rule: Option<usize>, event: String) {
        self.steps.push(Step { hook, chain, rule, event });
    }
}

fn enumerable(modulus: u32) -> Result<(), Stop> {
    if modulus as usize <= WAYS {
        return Ok(());
    }
    Err(Stop::Unknown(format!("there are {modulus} ways, too many to try").into()))
}

/// What may become of a packet: the most likely first, chances that sum up to 1. Steps are recorded where asked for.
#[must_use]
pub fn outcomes(program: &Program, surroundings: &Surroundings, packet: &Packet, steps: bool) -> Vec<Chance> {
    outcomes_after(program, surroundings, Changes::NONE, packet, steps)
}

/// The same for a packet that comes after others, which changed sets ([`ways`]).
#[must_use]
pub fn outcomes_after(
    program: &Program,
    surroundings: &Surroundings,
    before: &Changes,
    packet: &Packet,
    steps: bool,
) -> Vec<Chance> {
    if steps {
        enumerate::<true>(program, surroundings, before, packet)
    } else {
        enumerate::<false>(program, surroundings, before, packet)
    }
}

/// The ways a packet may go, each once: what becomes of it and what it changes in sets, where both are known.
#[must_use]
pub fn ways(program: &Program, surroundings: &Surroundings, packet: &Packet) -> Vec<(Outcome, Changes)> {
    let mut found = Vec::new();
    if decisive_notes(program).next().is_some() {
        return found;
    }
    let mut world: Enumeration<false> = Enumeration::default();
    for _ in 0..WAYS {
        world.begin();
        let mut machine = Machine::new(program, Flight::new(packet, surroundings), &mut world);
        if let Ok(outcome) = machine.run() {
            let way = (outcome, Changes(machine.changes));
            if !found.contains(&way) {
                found.push(way);
            }
        }
        while world.forks.last_mut().is_some_and(Fork::is_last) {
            world.forks.pop();
        }
        if world.forks.is_empty() {
            break;
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
}

/// Whether a packet certainly fares as if the packets before it had changed nothing, because it meets none of it.
pub(crate) fn is_untouched(program: &Program, surroundings: &Surroundings, before: &Changes, packet: &Packet) -> bool {
    let mut world: Enumeration<false> = Enumeration::default();
    for _ in 0..WAYS {
        world.begin();
        let mut machine = Machine::new(program, Flight::new(packet, surroundings), &mut world);
        machine.before = before;
        // Where it stops does not matter: alone it stops there, too.
        drop(machine.run());
        if machine.met {
            return false;
        }
        while world.forks.last_mut().is_some_and(Fork::is_last) {
            world.forks.pop();
        }
        if world.forks.is_empty() {
            return true;
        }
    }
    false
}

fn enumerate<const STEPS: bool>(
    program: &Program,
    surroundings: &Surroundings,
    before: &Changes,
    packet: &Packet,
) -> Vec<Chance> {
    let unread: Vec<String> = decisive_notes(program).take(REASONS).collect();
    if !unread.is_empty() {
        return vec![Chance { reasons: unread, ..unknown(String::new(), Vec::new()) }];
    }
    let mut world: Enumeration<STEPS> = Enumeration::default();
    for _ in 0..WAYS {
        world.begin();
        let mut machine = Machine::new(program, Flight::new(packet, surroundings), &mut world);
        machine.before = before;
        let outcome = machine.run();
        let mut result = vec![leaf(outcome, std::mem::take(&mut world.steps))];
        loop {
            let Some(fork) = world.forks.last_mut() else {
                sort(&mut result);
                return result;
            };
            fork.tried.push(result);
            fork.taken += 1;
            if fork.taken < fork.options {
                break;
            }
            let Some(fork) = world.forks.pop() else { return Vec::new() };
            result = fork.joined();
        }
    }
    vec![unknown(format!("there are more than {WAYS} ways, too many to try"), Vec::new())]
}

/// What the reader of the dump did not understand, and what may decide about any packet.
pub(crate) fn decisive_notes(program: &Program) -> impl Iterator<Item = String> {
    program.ruleset.notes.iter().filter(|note| note.decisive).map(|note| format!("{}: {}", note.place, note.message))
}

fn leaf(outcome: Result<Outcome, Stop>, steps: Vec<Step>) -> Chance {
    match outcome {
        Ok(outcome) => Chance { outcome, probability: Fraction::ONE, steps, reasons: Vec::new() },
        Err(Stop::Unknown(reason)) => unknown(reason.into(), steps),
        Err(Stop::Undecided) => unknown("it depends on a choice".to_owned(), steps),
    }
}

fn unknown(reason: String, steps: Vec<Step>) -> Chance {
    let outcome =
        Outcome { verdict: Verdict::Unknown, destination: DestinationNat::None, source: SourceNat::None, mark: None };
    Chance { outcome, probability: Fraction::ONE, steps, reasons: vec![reason] }
}

fn too_fine() -> Chance {
    unknown("the chances are too small to be told exactly".to_owned(), Vec::new())
}

impl Fork {
    /// Takes the next option; whether there is none.
    fn is_last(&mut self) -> bool {
        self.taken += 1;
        self.taken >= self.options
    }

    fn joined(self) -> Vec<Chance> {
        if self.weights.is_empty() {
            return common(&self.tried, self.reason).unwrap_or_else(|| vec![too_fine()]);
        }
        weighted(self.tried, &self.weights).unwrap_or_else(|| vec![too_fine()])
    }
}

/// The sum of what became of the packet with each option, each with its weight.
fn weighted(tried: Vec<Vec<Chance>>, weights: &[u64]) -> Option<Vec<Chance>> {
    let total: u64 = weights.iter().sum();
    let mut joined = Collection::default();
    for (chances, weight) in tried.into_iter().zip(weights) {
        let share = Fraction::new(u128::from(*weight), u128::from(total))?;
        for chance in chances {
            let probability = chance.probability.times(share)?;
            joined.add(Chance { probability, ..chance })?;
        }
    }
    Some(joined.chances)
}

/// What became of the packet with every option, as likely as it is with all of them; the rest is unknown. An outcome
/// that differs in nothing but its mark is the same with an unknown mark.
fn common(tried: &[Vec<Chance>], reason: String) -> Option<Vec<Chance>> {
    let mut left: Vec<Vec<Chance>> = tried.to_vec();
    let mut joined = Collection::default();
    for blur in [false, true] {
        let Some(first) = left.first().cloned() else { break };
        for chance in first {
            if chance.outcome.verdict == Verdict::Unknown {
                continue;
            }
            let matches = |other: &Chance| {
                let same = other.outcome == chance.outcome;
                let blurred =
                    Outcome { mark: None, ..other.outcome.clone() } == Outcome { mark: None, ..chance.outcome.clone() };
                if blur { blurred } else { same }
            };
            let mut share = Fraction::ONE;
            for option in &left {
                let mut there = Fraction::ZERO;
                for other in option.iter().filter(|other| matches(other)) {
                    there = there.plus(other.probability)?;
                }
                if there.compare(share)?.is_lt() {
                    share = there;
                }
            }
            if share == Fraction::ZERO {
                continue;
            }
            for option in &mut left {
                let mut taken = share;
                for other in option.iter_mut().filter(|other| matches(other)) {
                    let part = if other.probability.compare(taken)?.is_lt() { other.probability } else { taken };
                    other.probability = other.probability.minus(part)?;
                    taken = taken.minus(part)?;
                }
            }
            let mark = if blur { None } else { chance.outcome.mark };
            joined.add(Chance { outcome: Outcome { mark, ..chance.outcome }, probability: share, ..chance })?;
        }
    }
    let mut known = Fraction::ZERO;
    for chance in &joined.chances {
        known = known.plus(chance.probability)?;
    }
    let rest = Fraction::ONE.minus(known)?;
    if rest != Fraction::ZERO {
        let mut reasons = Vec::new();
        let mut steps = Vec::new();
        let mut undecided_itself = false;
        for option in &left {
            for chance in option.iter().filter(|chance| chance.probability != Fraction::ZERO) {
                undecided_itself |= chance.outcome.verdict != Verdict::Unknown;
                for reason in &chance.reasons {
                    if !reasons.contains(reason) {
                        reasons.push(reason.clone());
                    }
                }
                if steps.is_empty() {
                    steps.clone_from(&chance.steps);
                }
            }
        }
        if undecided_itself {
            reasons.insert(0, reason);
        }
        reasons.truncate(REASONS);
        joined.add(Chance { reasons, probability: rest, ..unknown(String::new(), steps) })?;
    }
    Some(joined.chances)
}

/// Chances, each outcome once.
#[derive(Default)]
struct Collection {
    chances: Vec<Chance>,
    places: FxHashMap<Outcome, usize>,
}

impl Collection {
    fn add(&mut self, chance: Chance) -> Option<()> {
        let place = *self.places.entry(chance.outcome.clone()).or_insert(self.chances.len());
        match self.chances.get_mut(place) {
            Some(there) => {
                there.probability = there.probability.plus(chance.probability)?;
                for reason in chance.reasons {
                    if !there.reasons.contains(&reason) && there.reasons.len() < REASONS {
                        there.reasons.push(reason);
                    }
                }
            }
            None => self.chances.push(chance),
        }
        Some(())
    }
}

fn sort(chances: &mut [Chance]) {
    chances.sort_by(|left, right| {
        let likely = right.probability.compare(left.probability).unwrap_or(std::cmp::Ordering::Equal);
        likely.then_with(|| left.outcome.cmp(&right.outcome))
    });
}
