//! Writing down what the machine asks while it runs a packet.

use super::profiles::{Holds, Tables};
use super::question::{FIELDS, Operand, Question, SLOTS};
use crate::evaluate::packet::RouteType;
use crate::program::{Answer, Data, Hit, IpVersion, Kind, Part, Program, SetId, Span};
use crate::ruleset::{Comparison, Operator};
use std::sync::Arc;

/// A packet that is asked more is left to the machine: whether a question was asked before is looked for among all.
const STEPS: usize = 128;

/// The questions that one packet was asked, with its answers.
///
/// The machine tells what it reads and decides as it does so; [`Trail::last`] is where the value it read last comes from.
#[derive(Debug)]
pub(in crate::evaluate) struct Trail {
    pub(super) steps: Vec<(Question, u32)>,
    /// From some step on the machine asked what no question can say: other packets have to be run from here on.
    pub(super) left: bool,
    last: [Operand; 2],
    next: u8,
    tables: Arc<Tables>,
}

impl Trail {
    pub(in crate::evaluate) fn new(tables: &Arc<Tables>) -> Self {
        let last = [Operand::Constant(0); 2];
        Self { steps: Vec::new(), left: false, last, next: FIELDS, tables: Arc::clone(tables) }
    }

    /// Where the value that was read last comes from.
    pub(in crate::evaluate) fn last(&self) -> Operand {
        self.last[0]
    }

    /// The same of both values of a map.
    pub(in crate::evaluate) fn last_pair(&self) -> [Operand; 2] {
        self.last
    }

    /// A value was read.
    pub(in crate::evaluate) fn read(&mut self, operand: Operand) {
        self.last[0] = operand;
    }

    /// What the machine does from here on depends on more than questions say.
    pub(in crate::evaluate) fn leave(&mut self) {
        self.left = true;
    }

    /// The value that was read last was compared.
    pub(in crate::evaluate) fn compare(&mut self, comparison: Comparison, span: Span, holds: bool) {
        let operand = self.last();
        if !operand.is_constant() {
            self.ask(Question::Compare { operand, comparison, span }, u32::from(holds));
        }
    }

    /// The bits of the value that was read last were asked for.
    pub(in crate::evaluate) fn any_bit(&mut self, bits: u128, any: bool) {
        let operand = self.last();
        if !operand.is_constant() {
            self.ask(Question::AnyBit { operand, bits }, u32::from(any));
        }
    }

    /// Two values were compared.
    pub(in crate::evaluate) fn same(&mut self, left: Operand, right: Operand, same: bool) {
        if left != right && !(left.is_constant() && right.is_constant()) {
            self.ask(Question::Same { left, right }, u32::from(same));
        }
    }

    /// The route to an address was asked for. It is asked of constants, too: the node's addresses are no part of the
    /// program.
    pub(in crate::evaluate) fn route(&mut self, version: IpVersion, operand: Operand, route: RouteType) {
        self.ask(Question::Route { version, operand }, route as u32);
    }

    /// A number was drawn.
    pub(in crate::evaluate) fn draw(&mut self, modulus: u32, offset: u32) {
        let Some(into) = self.slots(1) else { return };
        self.steps.push((Question::Draw { modulus, offset, into }, 0));
        self.read(Operand::Slot(into));
    }

    /// A value was computed from two others.
    pub(in crate::evaluate) fn bits(&mut self, operator: Operator, sides: [Operand; 2], bits: u32, value: u128) {
        let [left, right] = sides;
        if left.is_constant() && right.is_constant() {
            return self.read(Operand::Constant(value));
        }
        let Some(into) = self.slots(1) else { return };
        self.steps.push((Question::Bits { operator, left, right, bits, into }, 0));
        self.read(Operand::Slot(into));
    }

    /// A key was hashed.
    pub(in crate::evaluate) fn jhash(&mut self, kinds: &[Kind], key: &[Operand], numbers: [u32; 3]) {
        let [seed, modulus, offset] = numbers;
        let Some(into) = self.slots(1) else { return };
        self.steps.push((Question::Jhash { key: key.into(), kinds: kinds.into(), seed, modulus, offset, into }, 0));
        self.read(Operand::Slot(into));
    }

    /// A set was asked for a key: its parts, where they come from, and what they are.
    pub(in crate::evaluate) fn find(
        &mut self,
        program: &Program,
        set: SetId,
        parts: &[Part],
        key: &[Operand],
        values: &[u128],
    ) {
        let hit = program.sets[set].hit(values);
        let constant = key.iter().all(|part| part.is_constant());
        let holds = self.tables.holds[set];
        match holds {
            Holds::Anything => self.leave(),
            Holds::Values if constant => self.last = constants(program, set, hit),
            Holds::Members | Holds::Verdicts if constant => {}
            Holds::Members | Holds::Verdicts | Holds::Values => {
                let table = self.tables.place(set, parts);
                if holds == Holds::Values {
                    if table.is_none() {
                        return self.find_values(set, key, hit.is_some());
                    }
                    // What a profile says is the same for all packets behind it.
                    self.last = constants(program, set, hit);
                }
                let asked = if let Some(table) = table {
                    let number = self.tables.profiles[table].number(values.iter().copied());
                    number.map(|number| (Question::Profile { table, key: key.into() }, number))
                } else {
                    let member = holds == Holds::Members;
                    let place = hit.map_or(Some(0), |hit| u32::try_from(hit.place() + 1).ok());
                    let answer = place.map(|place| if member { place.min(1) } else { place });
                    answer.map(|answer| (Question::Element { set, key: key.into(), member }, answer))
                };
                match asked {
                    Some((question, answer)) => self.ask(question, answer),
                    None => self.leave(),
                }
            }
        }
    }

    fn find_values(&mut self, set: SetId, key: &[Operand], found: bool) {
        let Some(into) = self.slots(2) else { return };
        self.steps.push((Question::Values { set, key: key.into(), into }, u32::from(found)));
        self.last = [Operand::Slot(into), Operand::Slot(into + 1)];
    }

    /// Room for so many values; None if there is none.
    fn slots(&mut self, count: u8) -> Option<u8> {
        let into = self.next;
        if self.left || into + count > SLOTS {
            self.left = true;
            return None;
        }
        self.next = into + count;
        Some(into)
    }

    /// The same question has the same answer: it is asked once.
    fn ask(&mut self, question: Question, answer: u32) {
        self.left |= self.steps.len() >= STEPS;
        if !self.left && !self.steps.iter().any(|(asked, _)| *asked == question) {
            self.steps.push((question, answer));
        }
    }
}

/// The values that a map has for a key.
fn constants(program: &Program, set: SetId, hit: Option<Hit>) -> [Operand; 2] {
    let values = hit.map(|hit| match (hit.answer, &program.sets[set].entries[hit.place()].data) {
        (Answer::Pair(first, second), _) => [u128::from(first), u128::from(second)],
        (_, Data::Values(values)) => [0, 1].map(|place| values.get(place).copied().unwrap_or(0)),
        _ => [0; 2],
    });
    values.unwrap_or_default().map(Operand::Constant)
}
