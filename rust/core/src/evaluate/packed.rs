//! Packets as bytes.

use super::packet::{ConnectionState, Packet};
use crate::program::IpVersion;
use crate::ruleset::Hook;

/// The bytes of a packed packet, all in network byte order: version (4 or 6), protocol, hook (0 prerouting, 1 output),
/// input interface (0 not given, else its place in a list, from 1), source port, destination port, mark (4 bytes),
/// random number (4 bytes), source (16 bytes, of IPv4 the first four), destination (16 bytes).
pub const PACKET_SIZE: usize = 48;

/// The packet of these bytes and its random number.
pub(super) fn unpack(bytes: &[u8; PACKET_SIZE], interfaces: &[u128]) -> Result<(Packet, u32), &'static str> {
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
