//! What is told of second connections.

use super::clients::Aim;
use super::{Returning, Wrong, place};
use crate::evaluate::words::address as address_words;
use crate::evaluate::{Chance, Changes, Fraction, Packet, Surroundings, Verdict, outcomes_after};
use crate::proof::declared::{Delivery, Wanted};
use crate::proof::region::Region;
use crate::proof::tell::{Difference, chance};
use crate::proof::variable::Variable;
use crate::proof::words::words;

impl Returning<'_> {
    #[expect(clippy::too_many_arguments, reason = "all of it is one connection after another")]
    pub(super) fn told(
        &self,
        wrong: Wrong,
        surroundings: &Surroundings,
        assumed: &[u128],
        changes: &Changes,
        packet: &Packet,
        aim: &Aim<'_>,
        before: Delivery,
    ) -> Difference {
        let to = place(self.version(), before.address, before.port);
        let remembered = [false, true].map(|masquerade| Delivery { masquerade, ..before });
        let allowed = self.wanted(packet, surroundings, aim);
        let expected = allowed.and_then(|allowed| remembered.into_iter().find(|it| self.demands.allows(allowed, *it)));
        let end = expected.and_then(|delivery| Wanted::Delivered(delivery).end(self.version()));
        Difference {
            packet: packet.clone(),
            local_addresses: assumed_of(packet, assumed),
            frontend: Some(aim.number),
            expected: end.iter().map(|end| chance(end, Fraction::ONE)).collect(),
            any_of: false,
            found: outcomes_after(self.program, surroundings, changes, packet, true),
            undecided: wrong == Wrong::Unknown,
            refused: false,
            aside: false,
            remembered: true,
            regions: 1,
            words: format!("{}, a client that was sent to {to} before", self.words(packet)),
        }
    }

    pub(super) fn captured(
        &self,
        surroundings: &Surroundings,
        assumed: &[u128],
        changes: &Changes,
        packet: &Packet,
        aim: &Aim<'_>,
        before: u128,
    ) -> Difference {
        let found = outcomes_after(self.program, surroundings, changes, packet, true);
        let unknown = |chance: &Chance| chance.outcome.verdict == Verdict::Unknown;
        let before = address_words(self.version(), before);
        Difference {
            packet: packet.clone(),
            local_addresses: assumed_of(packet, assumed),
            frontend: Some(aim.number),
            expected: outcomes_after(self.program, surroundings, Changes::NONE, packet, false),
            any_of: false,
            undecided: found.iter().any(unknown),
            found,
            refused: false,
            aside: false,
            remembered: true,
            regions: 1,
            words: format!("{}, a new client after {before} was there", self.words(packet)),
        }
    }

    pub(super) fn words(&self, packet: &Packet) -> String {
        let one = |value: u128| (value, value);
        let bounds = [
            (Variable::Source, one(packet.source)),
            (Variable::Destination, one(packet.destination)),
            (Variable::Protocol, one(u128::from(packet.protocol))),
            (Variable::DestinationPort, one(packet.destination_port.map_or(0, u128::from))),
        ];
        let region = bounds
            .into_iter()
            .fold(Region::default(), |region, (variable, (low, high))| region.within(variable, low, high));
        words(&region, self.functions.case, &self.functions.questions)
    }
}

fn assumed_of(packet: &Packet, assumed: &[u128]) -> Vec<u128> {
    assumed.iter().copied().filter(|address| *address == packet.destination).collect()
}
