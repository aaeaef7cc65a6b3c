//! Packets one after the other, each on the trails of those before it as far as they lead.

use super::codes::{ACCEPT, CHOSEN_BY_KERNEL, DNAT, DRAWN, DROP, MASQUERADE, REJECT, SNAT, UNKNOWN};
use super::drawing::{Drawing, Recording};
use super::exact::{decisive_notes, outcomes};
use super::flight::Flight;
use super::fraction::Fraction;
use super::machine::{Machine, Stop};
use super::origins::Origins;
use super::outcome::{DestinationNat, Outcome, SourceNat, Verdict};
use super::packet::{Packet, Surroundings};
use super::trails::{Class, End, Known, SLOTS, Slots, Trail, Tree, Way, fill};
use crate::program::Program;
use std::sync::RwLockReadGuard;

/// So many packets may be written down at once, and later one for each [`LED`] that were led.
const WRITTEN: usize = 64;
/// Writing down takes several times as long as running, so rulesets on which every packet goes its own way are run.
const LED: usize = 16;

/// What became of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Final {
    pub(super) verdict: u8,
    pub(super) flags: u8,
    pub(super) address: u128,
    pub(super) port: u16,
    pub(super) mark: u32,
}

/// Runs packets.
pub(super) struct Runner<'a> {
    program: &'a Program,
    surroundings: &'a Surroundings,
    /// Nothing is known of any packet: the reader did not understand what decides.
    unread: bool,
    by_trails: bool,
    tree: Option<RwLockReadGuard<'a, Tree>>,
    root: Option<(Class, u32)>,
    slots: Slots,
    drawing: Drawing,
    written: usize,
    led: usize,
}

impl<'a> Runner<'a> {
    /// Trails cannot tell how far counters have come.
    pub(super) fn new(program: &'a Program, surroundings: &'a Surroundings, by_trails: bool) -> Self {
        Self {
            program,
            surroundings,
            unread: decisive_notes(program).next().is_some(),
            by_trails: by_trails && !program.counts,
            tree: None,
            root: None,
            slots: [0; SLOTS as usize],
            drawing: Drawing::new(program),
            written: 0,
            led: 0,
        }
    }

    /// Lets others write.
    pub(super) fn pause(&mut self) {
        self.tree = None;
    }

    #[inline]
    pub(super) fn run(&mut self, packet: &Packet, random: u32) -> Final {
        if self.unread {
            return Final::of(packet, &unknown(), false);
        }
        if !self.by_trails {
            return self.run_alone(packet, random);
        }
        let trails = &self.program.trails;
        let tree = self.tree.get_or_insert_with(|| trails.read());
        let class = Class::of(packet);
        if self.root.is_none_or(|(known, _)| known != class) {
            self.root = tree.root(class).map(|root| (class, root));
        }
        let Some((_, root)) = self.root else { return self.write(packet, random) };
        let (program, surroundings) = (self.program, self.surroundings);
        let known = Known { program, surroundings, tables: trails.tables(program) };
        self.drawing.begin(random);
        fill(&mut self.slots, packet);
        match tree.lead(root, known, &mut self.slots, &mut self.drawing) {
            Way::End(end) => {
                self.led += 1;
                Final {
                    verdict: end.verdict,
                    flags: end.flags,
                    address: end.address.value(&self.slots),
                    port: u16::try_from(end.port.value(&self.slots)).unwrap_or(0),
                    mark: end.mark,
                }
            }
            Way::New if !tree.is_full() => self.write(packet, random),
            Way::New | Way::Machine => self.run_alone(packet, random),
        }
    }

    #[inline(never)]
    fn run_alone(&mut self, packet: &Packet, random: u32) -> Final {
        self.drawing.begin(random);
        let outcome = Machine::new(self.program, Flight::new(packet, self.surroundings), &mut self.drawing).run();
        self.ended(packet, random, outcome)
    }

    /// Runs a packet and writes down its trail for those that come after it.
    #[inline(never)]
    fn write(&mut self, packet: &Packet, random: u32) -> Final {
        if self.written >= WRITTEN + self.led / LED {
            return self.run_alone(packet, random);
        }
        self.written += 1;
        self.tree = None;
        self.drawing.begin(random);
        let trails = &self.program.trails;
        let mut recording = Recording { drawing: &mut self.drawing, trail: Trail::new(trails.tables(self.program)) };
        let mut machine = Machine::new(self.program, Flight::new(packet, self.surroundings), &mut recording);
        let outcome = machine.run();
        let Origins { translated, .. } = machine.flight.origins;
        let trail = recording.trail;
        let is_translated = matches!(&outcome, Ok(Outcome { destination: DestinationNat::Address(..), .. }));
        let [address, port] = if is_translated { translated } else { Origins::PACKET.translated };
        let found = self.ended(packet, random, outcome);
        let Final { verdict, flags, mark, .. } = found;
        trails.add(Class::of(packet), trail, End { verdict, flags, address, port, mark });
        found
    }

    fn ended(&self, packet: &Packet, random: u32, outcome: Result<Outcome, Stop>) -> Final {
        match outcome {
            Ok(outcome) => Final::of(packet, &outcome, self.drawing.drawn),
            Err(Stop::Undecided) => {
                let (outcome, several) = draw(self.program, self.surroundings, packet, random);
                Final::of(packet, &outcome, several)
            }
            Err(Stop::Unknown(_)) => Final::of(packet, &unknown(), self.drawing.drawn),
        }
    }
}

impl Final {
    fn of(packet: &Packet, outcome: &Outcome, drawn: bool) -> Self {
        let mut flags = if drawn { DRAWN } else { 0 };
        flags |= match outcome.source {
            SourceNat::None => 0,
            SourceNat::Masquerade => MASQUERADE,
            SourceNat::Address(..) | SourceNat::Several(_) => SNAT,
        };
        let (mut address, mut port) = (packet.destination, packet.destination_port.unwrap_or(0));
        let mut verdict = match outcome.verdict {
            Verdict::Accept => ACCEPT,
            Verdict::Drop => DROP,
            Verdict::Reject(_) => REJECT,
            Verdict::Unknown => UNKNOWN,
        };
        match outcome.destination {
            DestinationNat::None => {}
            DestinationNat::Address(new_address, new_port) => {
                verdict = DNAT;
                address = new_address.unwrap_or(address);
                port = new_port.unwrap_or(port);
            }
            DestinationNat::Redirect(_) | DestinationNat::Several(_) => {
                verdict = DNAT;
                flags |= CHOSEN_BY_KERNEL;
            }
        }
        Self { verdict, flags, address, port, mark: outcome.mark.unwrap_or(0) }
    }
}

/// One of the outcomes of a packet that meets something undecided, if all of them are known.
fn draw(program: &Program, surroundings: &Surroundings, packet: &Packet, random: u32) -> (Outcome, bool) {
    let chances = outcomes(program, surroundings, packet, false);
    let several = chances.len() > 1;
    if chances.iter().any(|chance| chance.outcome.verdict == Verdict::Unknown) {
        return (unknown(), several);
    }
    let mut passed = Fraction::ZERO;
    let drawn = Fraction::new(u128::from(random), 1 << 32).unwrap_or(Fraction::ZERO);
    for chance in &chances {
        match passed.plus(chance.probability) {
            Some(sum) => passed = sum,
            None => break,
        }
        if drawn.compare(passed).is_some_and(std::cmp::Ordering::is_lt) {
            return (chance.outcome.clone(), several);
        }
    }
    chances.into_iter().next_back().map_or_else(|| (unknown(), several), |chance| (chance.outcome, several))
}

fn unknown() -> Outcome {
    Outcome { verdict: Verdict::Unknown, destination: DestinationNat::None, source: SourceNat::None, mark: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::ConnectionState;
    use crate::program::IpVersion;
    use crate::read;
    use crate::ruleset::Hook;

    const RULES: &str = "table ip t {
        map services { type ipv4_addr : verdict; elements = { 10.0.0.1 : goto pick, 10.0.0.2 : goto pick } }
        map endpoints {
            typeof ip daddr . numgen random mod 65536 : ip daddr . tcp dport
            elements = { 10.0.0.1 . 0 : 10.1.0.1 . 80, 10.0.0.1 . 1 : 10.1.0.2 . 81, 10.0.0.2 . 0 : 10.1.0.3 . 82 }
        }
        chain c { type nat hook prerouting priority dstnat; policy accept; ip daddr vmap @services }
        chain pick { meta l4proto tcp dnat ip to ip daddr . numgen random mod 2 map @endpoints }
    }";

    fn packet(destination: u128) -> Packet {
        Packet {
            version: IpVersion::V4,
            protocol: 6,
            source: 1,
            destination,
            source_port: Some(40_000),
            destination_port: Some(80),
            hook: Hook::Prerouting,
            input_interface: None,
            output_interface: None,
            mark: 0,
            state: ConnectionState::New,
        }
    }

    #[test]
    fn packets_that_are_treated_alike_are_run_once() {
        let program = Program::new(read::text(RULES.as_bytes()).unwrap());
        let surroundings = Surroundings::default();
        let mut runner = Runner::new(&program, &surroundings, true);
        let half = 1 << 31;
        let sent = [(1, 0), (1, half), (2, 0), (2, half), (3, 0), (4, 0)];
        let found = sent.map(|(last, random)| {
            let found = runner.run(&packet(0x0a00_0000 + last), random);
            (found.verdict, found.address, found.port)
        });
        let own = |last: u128| (ACCEPT, 0x0a00_0000 + last, 80);
        assert_eq!(found[..3], [(DNAT, 0x0a01_0001, 80), (DNAT, 0x0a01_0002, 81), (DNAT, 0x0a01_0003, 82)]);
        assert_eq!(found[3..], [own(2), own(3), own(4)]);
        // An endpoint, no endpoint, no Service.
        assert_eq!((runner.written, runner.led), (3, 3));
    }

    #[test]
    fn numbers_that_a_map_assigns_are_followed_to_where_they_lead() {
        let text = RULES.replace("services { type ipv4_addr : verdict", "services { typeof ip daddr : meta priority");
        let text = text.replace(": goto pick", ": 0:2").replace(
            "ip daddr vmap @services",
            "meta priority set ip daddr map @services meta priority vmap { 0:2 : goto pick, 0:3 : drop }",
        );
        let program = Program::new(read::text(text.as_bytes()).unwrap());
        let surroundings = Surroundings::default();
        let mut runner = Runner::new(&program, &surroundings, true);
        let sent = [(1, 0), (1, 1 << 31), (2, 0), (2, 1 << 31), (3, 0), (4, 0)];
        let found = sent.map(|(last, random)| runner.run(&packet(0x0a00_0000 + last), random).address & 0xff_ffff);
        assert_eq!(found, [0x01_0001, 0x01_0002, 0x01_0003, 2, 3, 4]);
        assert_eq!((runner.written, runner.led), (3, 3));
    }

    #[test]
    fn rules_that_count_leave_no_trails() {
        let text = RULES.replace("numgen random mod 2", "numgen inc mod 2");
        let program = Program::new(read::text(text.as_bytes()).unwrap());
        let surroundings = Surroundings::default();
        let mut runner = Runner::new(&program, &surroundings, true);
        let ports = [0; 3].map(|random| runner.run(&packet(0x0a00_0001), random).port);
        assert_eq!((ports, runner.written), ([80, 81, 80], 0));
    }
}
