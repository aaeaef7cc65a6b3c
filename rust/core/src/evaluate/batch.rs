//! Many packets at once, one outcome each: where the kernel would draw a number, the packet brings it along.

use super::exact::{decisive_notes, outcomes};
use super::flight::Flight;
use super::fraction::Fraction;
use super::machine::{Machine, Stop, World};
use super::outcome::{DestinationNat, Outcome, SourceNat, Verdict};
use super::packet::{ConnectionState, Packet, Surroundings};
use crate::program::{ChainId, IpVersion, Program, Site};
use crate::ruleset::{Hook, NumgenMode};
use std::num::NonZeroUsize;

/// The bytes of a packed packet, all in network byte order: version (4 or 6), protocol, hook (0 prerouting, 1 output),
/// input interface (0 not given, else its place in a list, from 1), source port, destination port, mark (4 bytes),
/// random number (4 bytes), source (16 bytes, of IPv4 the first four), destination (16 bytes).
pub const PACKET_SIZE: usize = 48;

/// Goes on as it is.
pub const ACCEPT: u8 = 0;
/// Goes on to a new destination.
pub const DNAT: u8 = 1;
/// Is gone.
pub const DROP: u8 = 2;
/// Is refused.
pub const REJECT: u8 = 3;
/// Nobody knows.
pub const UNKNOWN: u8 = 4;

/// The source becomes an address of the node.
pub const MASQUERADE: u8 = 1;
/// The source becomes what a rule says.
pub const SNAT: u8 = 2;
/// With another random number the outcome could be another.
pub const DRAWN: u8 = 4;
/// The new destination is left to the kernel.
pub const CHOSEN_BY_KERNEL: u8 = 8;

/// Why a buffer of packets is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedError {
    /// The packet, counted from 0; None if the buffer as a whole is wrong.
    pub packet: Option<usize>,
    /// One sentence without a full stop.
    pub message: String,
}

/// What becomes of packets, a place in each list for each packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// [`ACCEPT`], [`DNAT`], [`DROP`], [`REJECT`] or [`UNKNOWN`].
    pub verdicts: Vec<u8>,
    /// The sum of [`MASQUERADE`], [`SNAT`], [`DRAWN`] and [`CHOSEN_BY_KERNEL`].
    pub flags: Vec<u8>,
    /// The destination in the end, 16 bytes each; of IPv4 the first four.
    pub addresses: Vec<u8>,
    /// The port of the destination in the end.
    pub ports: Vec<u16>,
    /// The mark in the end; 0 if it is not known.
    pub marks: Vec<u32>,
}

/// The outcomes of packed packets. The work is shared among the cores, unless rules count with `numgen inc`: then the
/// packets come one after the other, every counter starting anew, as right after the ruleset was loaded.
///
/// # Errors
/// The buffer holds no packets of [`PACKET_SIZE`] bytes, or one of them makes no sense.
pub fn batch(
    program: &Program,
    surroundings: &Surroundings,
    interfaces: &[u128],
    packets: &[u8],
) -> Result<Batch, PackedError> {
    if !packets.len().is_multiple_of(PACKET_SIZE) {
        let message = format!("{} bytes are no whole number of packets of {PACKET_SIZE} bytes", packets.len());
        return Err(PackedError { packet: None, message });
    }
    let count = packets.len() / PACKET_SIZE;
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = if program.counts { 1 } else { cores.min(count / 1024 + 1) };
    let share = count.div_ceil(threads).max(1);
    let one = |(place, packets): (usize, &[u8])| part(program, surroundings, interfaces, packets, place * share);
    let chunks = packets.chunks(share * PACKET_SIZE).enumerate();
    let parts: Vec<Result<Batch, PackedError>> = if threads == 1 {
        chunks.map(one).collect()
    } else {
        std::thread::scope(|scope| {
            let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || one(chunk))).collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    };
    let mut joined = Batch::default();
    for part in parts {
        let part = part?;
        joined.verdicts.extend(part.verdicts);
        joined.flags.extend(part.flags);
        joined.addresses.extend(part.addresses);
        joined.ports.extend(part.ports);
        joined.marks.extend(part.marks);
    }
    Ok(joined)
}

fn part(
    program: &Program,
    surroundings: &Surroundings,
    interfaces: &[u128],
    packets: &[u8],
    first: usize,
) -> Result<Batch, PackedError> {
    let count = packets.len() / PACKET_SIZE;
    let mut batch = Batch {
        verdicts: Vec::with_capacity(count),
        flags: Vec::with_capacity(count),
        addresses: Vec::with_capacity(16 * count),
        ports: Vec::with_capacity(count),
        marks: Vec::with_capacity(count),
    };
    let mut drawing = Drawing { random: 0, drawn: false, counters: vec![0; program.sites as usize] };
    let unread = decisive_notes(program).next().is_some();
    for (place, bytes) in packets.as_chunks::<PACKET_SIZE>().0.iter().enumerate() {
        let (packet, random) = unpack(bytes, interfaces)
            .map_err(|message| PackedError { packet: Some(first + place), message: message.to_owned() })?;
        drawing.random = u64::from(random) << 32;
        drawing.drawn = false;
        if unread {
            batch.push(&packet, &unknown(), false);
            continue;
        }
        match Machine::new(program, Flight::new(&packet, surroundings), &mut drawing).run() {
            Ok(outcome) => batch.push(&packet, &outcome, drawing.drawn),
            Err(Stop::Undecided) => {
                let outcome = draw(program, surroundings, &packet, random);
                batch.push(&packet, &outcome.0, outcome.1);
            }
            Err(Stop::Unknown(_)) => batch.push(&packet, &unknown(), drawing.drawn),
        }
    }
    Ok(batch)
}

impl Batch {
    fn push(&mut self, packet: &Packet, outcome: &Outcome, drawn: bool) {
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
        self.verdicts.push(verdict);
        self.flags.push(flags);
        let address = if packet.version == IpVersion::V4 { address << 96 } else { address };
        self.addresses.extend_from_slice(&address.to_be_bytes());
        self.ports.push(port);
        self.marks.push(outcome.mark.unwrap_or(0));
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

fn unpack(bytes: &[u8; PACKET_SIZE], interfaces: &[u128]) -> Result<(Packet, u32), &'static str> {
    let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let address = |at: usize| {
        let mut whole = [0; 16];
        whole.copy_from_slice(&bytes[at..at + 16]);
        u128::from_be_bytes(whole)
    };
    let version = match bytes[0] {
        4 => IpVersion::V4,
        6 => IpVersion::V6,
        _ => return Err("the version is neither 4 nor 6"),
    };
    let shift = if version == IpVersion::V4 { 96 } else { 0 };
    let has_ports = matches!(bytes[1], 6 | 17 | 33 | 132 | 136);
    let input_interface = match usize::from(bytes[3]).checked_sub(1) {
        None => None,
        Some(place) => Some(*interfaces.get(place).ok_or("there are fewer interfaces than its number says")?),
    };
    let packet = Packet {
        version,
        protocol: bytes[1],
        source: address(16) >> shift,
        destination: address(32) >> shift,
        source_port: Some(half(4)),
        destination_port: has_ports.then(|| half(6)),
        hook: match bytes[2] {
            0 => Hook::Prerouting,
            1 => Hook::Output,
            _ => return Err("the hook is neither 0 nor 1"),
        },
        input_interface,
        output_interface: None,
        mark: word(8),
        state: ConnectionState::New,
    };
    Ok((packet, word(12)))
}

struct Drawing {
    /// The upper half is the next number to be drawn.
    random: u64,
    drawn: bool,
    counters: Vec<u32>,
}

impl Drawing {
    /// The packet's own number first, as the kernel scales it; numbers made of it for every further draw.
    fn draw(&mut self, modulus: u32) -> u32 {
        self.drawn = true;
        let value = ((self.random >> 32) * u64::from(modulus)) >> 32;
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        u32::try_from(value).unwrap_or(0)
    }
}

impl World for Drawing {
    const STEPS: bool = false;

    #[inline]
    fn numgen(&mut self, site: Site, mode: NumgenMode, modulus: u32) -> Result<u32, Stop> {
        if mode == NumgenMode::Random {
            return Ok(self.draw(modulus));
        }
        self.drawn = true;
        let counter = &mut self.counters[site as usize];
        let value = *counter;
        *counter = (value + 1) % modulus;
        Ok(value)
    }

    fn hash(&mut self, _site: Site, _modulus: u32) -> Result<u32, Stop> {
        Err(Stop::Undecided)
    }

    fn client_port(&mut self, _value: &dyn Fn(u16) -> u32) -> Result<u16, Stop> {
        Err(Stop::Undecided)
    }

    fn undecided(
        &mut self,
        _condition: impl FnOnce() -> String,
        _reason: impl FnOnce() -> String,
        _options: usize,
    ) -> Result<usize, Stop> {
        Err(Stop::Undecided)
    }

    fn step(&mut self, _hook: Hook, _chain: ChainId, _rule: Option<usize>, _event: String) {}
}
