//! Looking one packet up in a function.

use super::diagram::{NodeId, View};
use super::options::Functions;
use super::variable::Variable;
use crate::evaluate::{Fraction, Outcome, Packet, Surroundings};
use rustc_hash::FxHashMap;
use std::cell::Cell;

impl Functions {
    /// What the variables are for a packet; `answers` says what the kernel remembers and what nobody knows, and is asked
    /// for [`Variable::Record`] and [`Variable::Question`] only.
    pub fn assignment<'a>(
        &'a self,
        packet: &'a Packet,
        surroundings: &'a Surroundings,
        answers: &'a dyn Fn(Variable) -> u128,
    ) -> impl Fn(Variable) -> u128 + 'a {
        move |variable| match variable {
            Variable::Hash(number) => {
                let field = |variable| field(packet, surroundings, variable).unwrap_or(0);
                self.hashes.value(number, &field).map_or(0, u128::from)
            }
            _ => field(packet, surroundings, variable).unwrap_or_else(|| answers(variable)),
        }
    }

    /// The outcomes for an assignment by their numbers, which ascend, with their chances, whose sum is 1; None if the
    /// chances are too small to be told exactly.
    #[must_use]
    pub fn look_up(&self, node: NodeId, assignment: &dyn Fn(Variable) -> u128) -> Option<Vec<(Fraction, u32)>> {
        let mut found: FxHashMap<u32, Fraction> = FxHashMap::default();
        let mut open = vec![(node, Fraction::ONE)];
        while let Some((node, chance)) = open.pop() {
            match self.diagram.view(node) {
                View::Leaf(end) => {
                    let sum = found.entry(end).or_insert(Fraction::ZERO);
                    *sum = sum.plus(chance)?;
                }
                View::Split(variable, _) => {
                    open.push((self.diagram.child_at(node, variable, assignment(variable)), chance));
                }
                View::Mix(shares) => {
                    let total = shares.iter().map(|share| u128::from(share.weight)).sum();
                    for share in shares {
                        let part = Fraction::new(u128::from(share.weight), total)?;
                        open.push((share.child, chance.times(part)?));
                    }
                }
            }
        }
        let mut found: Vec<(Fraction, u32)> = found.into_iter().map(|(end, chance)| (chance, end)).collect();
        found.sort_unstable_by_key(|(_, end)| *end);
        Some(found)
    }
}

impl Functions {
    /// What may become of a packet: a distribution for each way in which the questions that it meets may be answered,
    /// where the kernel remembers nothing; None if there are more ways than the limit, or chances too small.
    #[must_use]
    pub fn possibilities(
        &self,
        node: NodeId,
        packet: &Packet,
        surroundings: &Surroundings,
        limit: usize,
    ) -> Option<Vec<Vec<(Fraction, u32)>>> {
        let mut found = Vec::new();
        let mut open: Vec<FxHashMap<u32, u128>> = vec![FxHashMap::default()];
        while let Some(answers) = open.pop() {
            let unanswered = Cell::new(None);
            let answer = |variable: Variable| match variable {
                Variable::Question(number) => *answers.get(&number).unwrap_or_else(|| {
                    unanswered.set(Some(number));
                    &0
                }),
                other => other.maximum(self.case.version),
            };
            let distribution = self.look_up(node, &self.assignment(packet, surroundings, &answer))?;
            match unanswered.get() {
                None => found.push(distribution),
                Some(number) => {
                    let count = self.questions.get(number).map_or(1, |question| question.answers);
                    open.extend((0..u128::from(count)).map(|answer| {
                        let mut answers = answers.clone();
                        answers.insert(number, answer);
                        answers
                    }));
                }
            }
            if found.len() + open.len() > limit {
                return None;
            }
        }
        Some(found)
    }

    /// An outcome as it is for one packet: with the bits of the mark that it came with.
    #[must_use]
    pub fn outcome(&self, end: u32, packet: &Packet) -> Option<Outcome> {
        let end = self.ends.get(end)?;
        let (known, values) = end.mark;
        let mark = (end.unknown_mark == 0).then_some(values & known | packet.mark & !known);
        Some(Outcome {
            verdict: end.verdict.clone(),
            destination: end.destination.clone(),
            source: end.source.clone(),
            mark,
        })
    }
}

/// What a packet has for a variable; None of what no packet tells.
fn field(packet: &Packet, surroundings: &Surroundings, variable: Variable) -> Option<u128> {
    Some(match variable {
        Variable::Destination => packet.destination,
        Variable::Source => packet.source,
        Variable::Protocol => u128::from(packet.protocol),
        Variable::DestinationPort => packet.destination_port.map_or(0, u128::from),
        Variable::SourcePort => packet.source_port.map_or(0, u128::from),
        Variable::InputInterface => packet.input_interface.unwrap_or(0),
        Variable::OutputInterface => packet.output_interface.unwrap_or(0),
        Variable::MarkBit(bit) => u128::from(packet.mark >> bit & 1),
        Variable::DestinationLocal => u128::from(surroundings.is_local(packet.version, packet.destination)),
        Variable::SourceLocal => u128::from(surroundings.is_local(packet.version, packet.source)),
        Variable::TranslatedAddress
        | Variable::TranslatedPort
        | Variable::Hash(_)
        | Variable::Record(_)
        | Variable::Question(_) => return None,
    })
}
