//! All trails together.

use super::question::{Known, Operand, Question, Slots};
use super::trail::Trail;
use crate::evaluate::drawing::Drawing;
use crate::evaluate::packet::Packet;
use crate::program::IpVersion;
use crate::ruleset::Hook;
use rustc_hash::FxHashMap;

/// A tree of so many nodes does not grow any more.
const NODES: usize = 1 << 18;

/// What is decided before the first question: these facts of a packet are few, and many rules ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::evaluate) struct Class {
    version: IpVersion,
    protocol: u8,
    hook: Hook,
    mark: u32,
    input_interface: Option<u128>,
}

impl Class {
    #[inline]
    pub(in crate::evaluate) fn of(packet: &Packet) -> Self {
        let Packet { version, protocol, hook, mark, input_interface, .. } = *packet;
        Self { version, protocol, hook, mark, input_interface }
    }
}

/// What became of the packets on a trail.
#[derive(Clone, Copy, Debug)]
pub(in crate::evaluate) struct End {
    pub(in crate::evaluate) verdict: u8,
    pub(in crate::evaluate) flags: u8,
    pub(in crate::evaluate) address: Operand,
    pub(in crate::evaluate) port: Operand,
    pub(in crate::evaluate) mark: u32,
}

/// How far a packet comes on the trails of others.
#[derive(Clone, Copy, Debug)]
pub(in crate::evaluate) enum Way<'t> {
    /// To the end.
    End(&'t End),
    /// To where no packet has been.
    New,
    /// To where the machine has to be asked.
    Machine,
}

type Place = u32;
/// No packet has been there.
const NOWHERE: Place = 0;

#[derive(Debug)]
enum Node {
    Ask(Question, Branches),
    End(End),
    Machine,
}

/// The node behind each answer.
#[derive(Debug, Default)]
struct Branches {
    first: [Place; 4],
    others: FxHashMap<u32, Place>,
}

impl Branches {
    #[inline]
    fn get(&self, answer: u32) -> Place {
        match self.first.get(answer as usize) {
            Some(place) => *place,
            None => self.others.get(&answer).copied().unwrap_or(NOWHERE),
        }
    }

    fn set(&mut self, answer: u32, place: Place) {
        match self.first.get_mut(answer as usize) {
            Some(first) => *first = place,
            None => {
                self.others.insert(answer, place);
            }
        }
    }
}

/// Trails that begin alike share their questions.
#[derive(Debug, Default)]
pub(in crate::evaluate) struct Tree {
    roots: FxHashMap<Class, Place>,
    /// The node at a place, counted from 1.
    nodes: Vec<Node>,
}

impl Tree {
    /// Where the packets of a class begin.
    pub(in crate::evaluate) fn root(&self, class: Class) -> Option<u32> {
        self.roots.get(&class).copied()
    }

    /// Whether no trail is added any more.
    pub(in crate::evaluate) fn is_full(&self) -> bool {
        self.nodes.len() >= NODES
    }

    /// Leads a packet as far as others came. Numbers are drawn on the way.
    pub(in crate::evaluate) fn lead(
        &self,
        root: u32,
        known: Known<'_>,
        slots: &mut Slots,
        drawing: &mut Drawing,
    ) -> Way<'_> {
        let mut place = root;
        // A trail never comes back to a node, so this ends.
        while let Some(node) = (place as usize).checked_sub(1).and_then(|place| self.nodes.get(place)) {
            match node {
                Node::Ask(question, branches) => match question.answer(known, slots, drawing) {
                    Some(answer) => place = branches.get(answer),
                    None => return Way::Machine,
                },
                Node::End(end) => return Way::End(end),
                Node::Machine => return Way::Machine,
            }
        }
        Way::New
    }

    /// Adds the trail of a packet.
    pub(in crate::evaluate) fn add(&mut self, class: Class, trail: Trail, end: End) {
        if self.is_full() {
            return;
        }
        let end = if trail.left { Node::Machine } else { Node::End(end) };
        let mut place = self.root(class).unwrap_or(NOWHERE);
        let mut from = None;
        for (question, answer) in trail.steps {
            if place == NOWHERE {
                place = self.push(class, from, Node::Ask(question, Branches::default()));
            }
            from = Some((place, answer));
            place = match &self.nodes[place as usize - 1] {
                Node::Ask(_, branches) => branches.get(answer),
                Node::End(_) | Node::Machine => return,
            };
        }
        if place == NOWHERE {
            self.push(class, from, end);
        }
    }

    fn push(&mut self, class: Class, from: Option<(Place, u32)>, node: Node) -> Place {
        self.nodes.push(node);
        let place = u32::try_from(self.nodes.len()).unwrap_or(NOWHERE);
        match from {
            None => {
                self.roots.insert(class, place);
            }
            Some((before, answer)) => {
                if let Some(Node::Ask(_, branches)) = self.nodes.get_mut(before as usize - 1) {
                    branches.set(answer, place);
                }
            }
        }
        place
    }
}
