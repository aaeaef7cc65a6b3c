//! A batch, in which packets follow the trails of those before them, against the same packets run one by one.

mod rulesets;

use proptest::prelude::*;
use rulesets::{ADDRESSES, PORTS, ruleset};
use std::fs;
use std::path::{Path, PathBuf};
use svcc_core::evaluate::batch::PACKET_SIZE;
use svcc_core::evaluate::{Surroundings, batch, batch_one_by_one};
use svcc_core::program::{Program, interface_number};
use svcc_core::read;

/// What differs between packets; addresses as places in [`ADDRESSES`], ports in [`PORTS`].
#[derive(Clone, Debug)]
struct Sent {
    v6: bool,
    protocol: u8,
    output: bool,
    interface: u8,
    mark: u32,
    random: u32,
    source: usize,
    destination: usize,
    source_port: usize,
    destination_port: usize,
}

fn sent() -> impl Strategy<Value = Sent> {
    let circumstances = (
        any::<bool>(),
        prop::sample::select(vec![6_u8, 6, 6, 17, 17, 1, 58]),
        prop::sample::select(vec![false, false, false, true]),
        0..3_u8,
        prop::sample::select(vec![0_u32, 0, 0, 0x4000]),
        any::<u32>(),
    );
    let ends = (0..ADDRESSES.len(), 0..ADDRESSES.len(), 0..PORTS.len(), 0..PORTS.len());
    (circumstances, ends).prop_map(|((v6, protocol, output, interface, mark, random), ends)| {
        let (source, destination, source_port, destination_port) = ends;
        Sent { v6, protocol, output, interface, mark, random, source, destination, source_port, destination_port }
    })
}

fn pack(packets: &[Sent]) -> Vec<u8> {
    let mut packed = Vec::new();
    for packet in packets {
        packed.extend([if packet.v6 { 6 } else { 4 }, packet.protocol, u8::from(packet.output), packet.interface]);
        packed.extend(PORTS[packet.source_port].to_be_bytes());
        packed.extend(PORTS[packet.destination_port].to_be_bytes());
        packed.extend(packet.mark.to_be_bytes());
        packed.extend(packet.random.to_be_bytes());
        for place in [packet.source, packet.destination] {
            let address = ADDRESSES[place];
            let low = u128::from(address);
            let bytes = if packet.v6 { 0xfd00 << 112 | low } else { low << 96 };
            packed.extend(bytes.to_be_bytes());
        }
    }
    packed
}

fn surroundings() -> Surroundings {
    let local = 0x0a00_0002;
    Surroundings { local_v4: vec![local], local_v6: vec![0xfd00 << 112 | local], ..Surroundings::default() }
}

/// Cold, warm, and warm in another order.
fn compare(program: &Program, packets: &[u8]) {
    let interfaces = [interface_number("eth0").unwrap(), interface_number("lo").unwrap()];
    let surroundings = surroundings();
    let expected = batch_one_by_one(program, &surroundings, &interfaces, packets).unwrap();
    for _ in 0..2 {
        let found = batch(program, &surroundings, &interfaces, packets).unwrap();
        for (place, packet) in packets.chunks(PACKET_SIZE).enumerate() {
            let of = |batch: &svcc_core::evaluate::Batch| {
                let address = batch.addresses[16 * place..][..16].to_vec();
                (batch.verdicts[place], batch.flags[place], address, batch.ports[place], batch.marks[place])
            };
            assert_eq!(of(&found), of(&expected), "packet {place}: {packet:?}");
        }
        assert_eq!(found, expected);
    }
    // Elsewhere other addresses are the node's own.
    let elsewhere = Surroundings { local_v4: vec![0x0a00_0001, 0x0a00_0101], ..Surroundings::default() };
    let expected = batch_one_by_one(program, &elsewhere, &interfaces, packets).unwrap();
    assert_eq!(batch(program, &elsewhere, &interfaces, packets).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn on_the_trails_of_others_packets_end_where_they_do_alone(
        text in ruleset(), packets in prop::collection::vec(sent(), 1..60)
    ) {
        let ruleset = read::text(text.as_bytes()).unwrap();
        prop_assert!(ruleset.notes.iter().all(|note| !note.decisive), "{:?}", ruleset.notes);
        compare(&Program::new(ruleset), &pack(&packets));
    }
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every constant of a dump that looks like an address of IPv4, and packets between them.
fn packets_for(document: &str) -> Vec<u8> {
    let mut addresses: Vec<u32> = document
        .split(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
        .filter_map(|word| word.parse::<std::net::Ipv4Addr>().ok())
        .map(u32::from)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(60);
    addresses.extend([0x0a00_0001, 0xc633_6401]);
    let mut packed = Vec::new();
    let mut state = 1_u64;
    for _ in 0..300 {
        let mut below = |modulus: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            usize::try_from(state >> 33).unwrap() % modulus
        };
        let ports = [80_u16, 443, 53, 30_080, 30_443, 8_080];
        packed.extend([4, [6, 6, 17][below(3)], u8::from(below(4) == 0), u8::try_from(below(2)).unwrap()]);
        packed.extend(40_000_u16.to_be_bytes());
        packed.extend(ports[below(ports.len())].to_be_bytes());
        packed.extend([0; 4]);
        packed.extend(u32::try_from(below(1 << 31)).unwrap().wrapping_mul(2).to_be_bytes());
        for _ in 0..2 {
            let address = u128::from(addresses[below(addresses.len())]);
            packed.extend((address << 96).to_be_bytes());
        }
    }
    packed
}

#[test]
fn on_recorded_dumps_packets_end_where_they_do_alone() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let mut files = Vec::new();
    for directory in ["dumps", "listings", "kube-proxy"] {
        files_below(&data.join(directory), &mut files);
    }
    files.sort();
    let mut compared = 0;
    for file in files {
        let Ok(document) = fs::read_to_string(&file) else { continue };
        let ruleset = match file.extension().and_then(std::ffi::OsStr::to_str) {
            Some("json") => read::json(document.as_bytes()),
            Some("nft" | "txt") => read::text(document.as_bytes()),
            _ => continue,
        };
        let Ok(ruleset) = ruleset else { continue };
        compare(&Program::new(ruleset), &packets_for(&document));
        compared += 1;
    }
    assert!(compared > 20, "only {compared} dumps were read");
}
