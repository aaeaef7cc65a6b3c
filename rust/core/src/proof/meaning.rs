//! What leaves mean: the outcomes of two rulesets, or what was declared and an outcome.

use super::compare::{Equality, Judge, Judgement, Side};
use super::declared::{Delivery, Demand, Demands, Remembered, Wanted};
use super::distribution::Distribution;
use super::end::{End, Ends};
use super::fate::{Fate, Here};
use crate::evaluate::{DestinationNat, SourceNat, Verdict};
use crate::program::IpVersion;
use rustc_hash::FxHashMap;

/// What a leaf stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Meant {
    Fate(Fate),
    /// Nobody knows what happens there.
    Unknown,
    /// No Service's packet.
    Free,
    /// Any of the fates of remembered clients, by the number of the demand.
    Any(u32),
}

/// A judge who also tells what leaves mean.
pub(super) trait Meaning: Judge {
    /// From here on, leaves are those of packets that were sent there.
    fn go(&mut self, here: Here);
    fn meant(&self, side: Side, outcome: u32) -> Meant;
    /// The frontend that decides what is expected.
    fn frontend(&self, outcome: u32) -> Option<u32>;
}

/// The numbers of classes: each is that of its first outcome.
#[derive(Debug, Default)]
pub(super) struct Classes {
    numbers: FxHashMap<Meant, u32>,
    /// The same of deliveries that nobody remembers, which are by far the most.
    deliveries: FxHashMap<([u64; 2], u32), u32>,
}

/// A delivery in a few bytes: address; port and whether the source is rewritten.
fn packed(address: u128, port: u16, masquerade: bool) -> ([u64; 2], u32) {
    let half = |shift: u32| u64::try_from(address >> shift & u128::from(u64::MAX)).unwrap_or(0);
    ([half(64), half(0)], u32::from(port) << 1 | u32::from(masquerade))
}

impl Classes {
    /// No classes yet, with room for those of so many outcomes.
    pub(super) fn with_room(outcomes: usize) -> Self {
        let mut classes = Self::default();
        classes.deliveries.reserve(outcomes);
        classes
    }

    /// The class of what is meant.
    fn number(&mut self, meant: Meant, outcome: u32) -> u32 {
        if let Meant::Fate(Fate {
            verdict: Verdict::Accept,
            destination: DestinationNat::Address(Some(address), Some(port)),
            source: source @ (SourceNat::None | SourceNat::Masquerade),
            remembers,
        }) = &meant
            && remembers.is_empty()
        {
            let masquerade = *source == SourceNat::Masquerade;
            return *self.deliveries.entry(packed(*address, *port, masquerade)).or_insert(outcome);
        }
        *self.numbers.entry(meant).or_insert(outcome)
    }

    /// The class of a demand, where that is a delivery that nobody remembers.
    fn of_demand(&mut self, demand: &Demand, outcome: u32) -> Option<u32> {
        match (&demand.wanted, demand.remember) {
            (Wanted::Delivered(Delivery { address, port, masquerade }), None) => {
                Some(*self.deliveries.entry(packed(*address, *port, *masquerade)).or_insert(outcome))
            }
            _ => None,
        }
    }

    /// The same of an outcome.
    fn of_end(&mut self, end: &End, outcome: u32) -> Option<u32> {
        let masquerade = match (&end.verdict, &end.source) {
            (Verdict::Accept, SourceNat::None) => false,
            (Verdict::Accept, SourceNat::Masquerade) => true,
            _ => return None,
        };
        match end.destination {
            DestinationNat::Address(Some(address), Some(port)) if end.remembers.is_empty() => {
                Some(*self.deliveries.entry(packed(address, port, masquerade)).or_insert(outcome))
            }
            _ => None,
        }
    }
}

/// The class of an outcome that nothing on the other side is as good as for sure: no ruleset has so many outcomes.
fn alone(side: Side, outcome: u32) -> u32 {
    match side {
        Side::Left => outcome | 1 << 31,
        Side::Right => outcome,
    }
}

/// What is known for sure of one distribution against another: equal, near, or no more than it may be.
fn compared(left: &Distribution, right: &Distribution, unknown: Option<u32>, support: bool) -> Judgement {
    if unknown.is_some_and(|unknown| right.shares.iter().chain(&left.shares).any(|share| share.0 == unknown)) {
        return if exceeds(right, left, unknown) || exceeds(left, right, unknown) {
            Judgement::Differs
        } else {
            Judgement::Undecided
        };
    }
    match left == right {
        true if left.shares.len() == 1 => Judgement::Equal(Equality::Exact),
        true => Judgement::Equal(Equality::Distribution),
        false if left.is_near(right) || right.is_near(left) => Judgement::Equal(Equality::Distribution),
        false if support && left.same_support(right) => Judgement::Equal(Equality::Support),
        false => Judgement::Differs,
    }
}

/// Whether an outcome that is known is likelier than the other side can make it, unknown outcomes included.
fn exceeds(one: &Distribution, other: &Distribution, unknown: Option<u32>) -> bool {
    let part = |distribution: &Distribution, outcome: Option<u32>| {
        distribution.shares.iter().find(|share| Some(share.0) == outcome).map_or(0, |share| share.1)
    };
    one.shares.iter().filter(|share| Some(share.0) != unknown).any(|(outcome, weight)| {
        let most = part(other, Some(*outcome)) + part(other, unknown);
        match (weight.checked_mul(other.total), most.checked_mul(one.total)) {
            (Some(least), Some(most)) => least > most,
            _ => false,
        }
    })
}

/// Maps both distributions to classes of what is meant, and compares these.
fn compared_by(sides: [(&Distribution, &dyn Fn(u32) -> Meant); 2], support: bool) -> Judgement {
    let mut classes = Classes::default();
    let unknown = classes.number(Meant::Unknown, u32::MAX);
    let [left, right] =
        sides.map(|(distribution, meant)| distribution.map(|outcome| classes.number(meant(outcome), outcome)));
    match (left, right) {
        (Some(left), Some(right)) => compared(&left, &right, Some(unknown), support),
        _ => Judgement::Undecided,
    }
}

/// What is judged to differ, and is no more than another way to refuse packets, as such.
fn refused_or(judgement: Judgement, sides: [(&Distribution, &dyn Fn(u32) -> Meant); 2]) -> Judgement {
    let refused = |meant: Meant| matches!(meant, Meant::Fate(fate) if fate.verdict != Verdict::Accept);
    let all = sides.iter().all(|(found, meant)| found.shares.iter().all(|(outcome, _)| refused(meant(*outcome))));
    if judgement == Judgement::Differs && all { Judgement::RefusedOtherwise } else { judgement }
}

/// The outcomes of two rulesets.
pub(super) struct Alike<'a> {
    ends: &'a Ends,
    here: Here,
    classes: Classes,
}

impl<'a> Alike<'a> {
    pub(super) fn new(ends: &'a Ends) -> Self {
        Self { ends, here: Here::default(), classes: Classes::default() }
    }
}

fn meant_by(ends: &Ends, outcome: u32, here: Here) -> Meant {
    match ends.get(outcome) {
        Some(end) if end.verdict != Verdict::Unknown => Meant::Fate(Fate::of(end, here)),
        _ => Meant::Unknown,
    }
}

impl Judge for Alike<'_> {
    fn class(&mut self, side: Side, outcome: u32) -> u32 {
        if let Some(class) = self.ends.get(outcome).and_then(|end| self.classes.of_end(end, outcome)) {
            return class;
        }
        match meant_by(self.ends, outcome, Here::default()) {
            Meant::Unknown => alone(side, outcome),
            meant => self.classes.number(meant, outcome),
        }
    }

    fn judge(&mut self, left: &Distribution, right: &Distribution, support: bool) -> Judgement {
        let meant = |outcome| meant_by(self.ends, outcome, self.here);
        refused_or(compared_by([(left, &meant), (right, &meant)], support), [(left, &meant), (right, &meant)])
    }
}

impl Meaning for Alike<'_> {
    fn go(&mut self, here: Here) {
        self.here = here;
    }

    fn meant(&self, _: Side, outcome: u32) -> Meant {
        meant_by(self.ends, outcome, self.here)
    }

    fn frontend(&self, _: u32) -> Option<u32> {
        None
    }
}

/// What was declared, and the outcomes of a ruleset.
pub(super) struct Declared<'a> {
    ends: &'a Ends,
    demands: &'a Demands,
    version: IpVersion,
    here: Here,
    classes: Classes,
}

impl<'a> Declared<'a> {
    pub(super) fn new(ends: &'a Ends, demands: &'a Demands, version: IpVersion, classes: Classes) -> Self {
        Self { ends, demands, version, here: Here::default(), classes }
    }

    /// The classes that were found, to go on with.
    pub(super) fn into_classes(self) -> Classes {
        self.classes
    }

    fn expected(&self, outcome: u32, here: Here) -> Meant {
        let Some(demand) = self.demands.get(outcome) else { return Meant::Unknown };
        match &demand.wanted {
            Wanted::Anything | Wanted::Free => Meant::Free,
            Wanted::Remembered(_) => Meant::Any(outcome),
            wanted => match wanted.end(self.version) {
                Some(end) => {
                    let mut fate = Fate::of(&end, here).without_words();
                    if fate.verdict == Verdict::Accept {
                        fate.remembers = demand.remember.into_iter().collect();
                    }
                    Meant::Fate(fate)
                }
                None => Meant::Unknown,
            },
        }
    }

    /// What is remembered beyond what is demanded does no harm: what comes of it is compared for itself.
    fn found(&self, outcome: u32, here: Here, remember: Option<u64>) -> Meant {
        match meant_by(self.ends, outcome, here) {
            Meant::Fate(fate) => {
                let mut fate = fate.without_words();
                match remember {
                    None => fate.remembers = Box::default(),
                    Some(timeout) if fate.remembers_for(timeout) => fate.remembers = Box::new([timeout]),
                    Some(_) => {}
                }
                Meant::Fate(fate)
            }
            meant => meant,
        }
    }

    /// Every outcome must be one of those that are allowed for clients that are remembered.
    fn allowed(&self, demand: &Demand, remembered: Remembered, right: &Distribution) -> Judgement {
        let mut unknown = false;
        for (outcome, _) in &right.shares {
            match self.found(*outcome, Here::default(), demand.remember) {
                Meant::Fate(fate) if self.allows(demand, remembered, &fate) => {}
                Meant::Unknown => unknown = true,
                _ => return Judgement::Differs,
            }
        }
        if unknown { Judgement::Undecided } else { Judgement::Equal(Equality::Distribution) }
    }

    fn allows(&self, demand: &Demand, remembered: Remembered, fate: &Fate) -> bool {
        let masquerade = match fate.source {
            SourceNat::None => false,
            SourceNat::Masquerade => true,
            SourceNat::Address(..) | SourceNat::Several(_) => return false,
        };
        match (&fate.verdict, &fate.destination) {
            (Verdict::Accept, DestinationNat::Address(Some(address), port)) => {
                let Some(port) = port.or(self.here.port) else { return false };
                let remembers = demand.remember.is_none_or(|timeout| fate.remembers_for(timeout));
                remembers && self.demands.allows(remembered, Delivery { address: *address, port, masquerade })
            }
            (Verdict::Accept, DestinationNat::None) => {
                // An endpoint may be where the packet was sent to.
                let (Some(address), Some(port)) = (self.here.address, self.here.port) else { return false };
                self.demands.allows(remembered, Delivery { address, port, masquerade })
            }
            (Verdict::Drop | Verdict::Reject(_), _) => self.demands.allowed(remembered).any(|wanted| {
                let end = wanted.end(self.version);
                end.is_some_and(|end| Fate::of(&end, Here::default()).without_words().verdict == fate.verdict)
            }),
            _ => false,
        }
    }
}

impl Judge for Declared<'_> {
    fn class(&mut self, side: Side, outcome: u32) -> u32 {
        let delivery = match side {
            Side::Left => self.demands.get(outcome).and_then(|demand| self.classes.of_demand(demand, outcome)),
            Side::Right => self.ends.get(outcome).and_then(|end| self.classes.of_end(end, outcome)),
        };
        if let Some(class) = delivery {
            return class;
        }
        let meant = match side {
            Side::Left => self.expected(outcome, Here::default()),
            Side::Right => match meant_by(self.ends, outcome, Here::default()) {
                // It goes where it was sent: never a Service's packet's fate, and fine for all others.
                Meant::Fate(fate) if fate.verdict == Verdict::Accept && !fate.is_translated() => Meant::Free,
                Meant::Fate(fate) => Meant::Fate(fate.without_words()),
                meant => meant,
            },
        };
        if meant == Meant::Unknown { alone(side, outcome) } else { self.classes.number(meant, outcome) }
    }

    fn judge(&mut self, left: &Distribution, right: &Distribution, support: bool) -> Judgement {
        let Some(demand) = left.shares.first().and_then(|share| self.demands.get(share.0)) else {
            return Judgement::Undecided;
        };
        match demand.wanted {
            Wanted::Anything => Judgement::Equal(Equality::Exact),
            Wanted::Free => {
                let mut unknown = false;
                for (outcome, _) in &right.shares {
                    match meant_by(self.ends, *outcome, self.here) {
                        Meant::Fate(fate) if fate.is_translated() => return Judgement::Differs,
                        Meant::Fate(_) => {}
                        _ => unknown = true,
                    }
                }
                if unknown { Judgement::Undecided } else { Judgement::Equal(Equality::Exact) }
            }
            Wanted::Remembered(remembered) => self.allowed(demand, remembered, right),
            Wanted::Refused(_) | Wanted::Delivered(_) => {
                // An endpoint may be refused, and then nothing is remembered of the way to it.
                let remember = left.shares.iter().find_map(|share| self.demands.get(share.0)?.remember);
                let expected = |outcome| self.expected(outcome, self.here);
                let found = |outcome| self.found(outcome, self.here, remember);
                refused_or(
                    compared_by([(left, &expected), (right, &found)], support),
                    [(left, &expected), (right, &found)],
                )
            }
        }
    }
}

impl Meaning for Declared<'_> {
    fn go(&mut self, here: Here) {
        self.here = here;
    }

    fn meant(&self, side: Side, outcome: u32) -> Meant {
        match side {
            Side::Left => self.expected(outcome, self.here),
            Side::Right => meant_by(self.ends, outcome, self.here),
        }
    }

    fn frontend(&self, outcome: u32) -> Option<u32> {
        self.demands.get(outcome)?.frontend
    }
}
