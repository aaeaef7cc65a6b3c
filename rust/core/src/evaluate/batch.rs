//! Many packets at once, one outcome each: where the kernel would draw a number, the packet brings it along.

use super::packed::unpack;
use super::packet::Surroundings;
use super::runner::{Final, Runner};
use crate::program::{IpVersion, Program};
use std::num::NonZeroUsize;

pub use super::packed::PACKET_SIZE;

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

/// So many packets are run before another thread may write down what is new on its way.
const BLOCK: usize = 256;

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
    shared(program, surroundings, interfaces, packets, true)
}

/// The same, every packet run on its own from its beginning: what [`batch`] must be equal to, several times slower.
///
/// # Errors
/// The same.
pub fn batch_one_by_one(
    program: &Program,
    surroundings: &Surroundings,
    interfaces: &[u128],
    packets: &[u8],
) -> Result<Batch, PackedError> {
    shared(program, surroundings, interfaces, packets, false)
}

fn shared(
    program: &Program,
    surroundings: &Surroundings,
    interfaces: &[u128],
    packets: &[u8],
    by_trails: bool,
) -> Result<Batch, PackedError> {
    if !packets.len().is_multiple_of(PACKET_SIZE) {
        let message = format!("{} bytes are no whole number of packets of {PACKET_SIZE} bytes", packets.len());
        return Err(PackedError { packet: None, message });
    }
    let count = packets.len() / PACKET_SIZE;
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = if program.counts { 1 } else { cores.min(count / 1024 + 1) };
    let share = count.div_ceil(threads).max(1);
    let one =
        |(place, packets): (usize, &[u8])| part(program, surroundings, interfaces, packets, place * share, by_trails);
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
    by_trails: bool,
) -> Result<Batch, PackedError> {
    let count = packets.len() / PACKET_SIZE;
    let mut batch = Batch {
        verdicts: Vec::with_capacity(count),
        flags: Vec::with_capacity(count),
        addresses: Vec::with_capacity(16 * count),
        ports: Vec::with_capacity(count),
        marks: Vec::with_capacity(count),
    };
    let mut runner = Runner::new(program, surroundings, by_trails);
    for (place, bytes) in packets.as_chunks::<PACKET_SIZE>().0.iter().enumerate() {
        let (packet, random) = unpack(bytes, interfaces)
            .map_err(|message| PackedError { packet: Some(first + place), message: message.to_owned() })?;
        batch.push(packet.version, &runner.run(&packet, random));
        if place % BLOCK == BLOCK - 1 {
            runner.pause();
        }
    }
    Ok(batch)
}

impl Batch {
    #[inline]
    fn push(&mut self, version: IpVersion, found: &Final) {
        self.verdicts.push(found.verdict);
        self.flags.push(found.flags);
        let address = if version == IpVersion::V4 { found.address << 96 } else { found.address };
        self.addresses.extend_from_slice(&address.to_be_bytes());
        self.ports.push(found.port);
        self.marks.push(found.mark);
    }
}
