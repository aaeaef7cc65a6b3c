//! Packets that come after others, and find what these left in sets.

use svcc_core::evaluate::{
    Changes, ConnectionState, DestinationNat, Packet, Surroundings, Verdict, outcomes, outcomes_after, ways,
};
use svcc_core::program::{IpVersion, Program};
use svcc_core::read;
use svcc_core::ruleset::Hook;

/// Clients stay with the first of two endpoints that they get; those of the second are forgotten by their next packet.
const RULES: &str = "table ip t {
    map clients {
        type ipv4_addr : inet_service
        flags dynamic,timeout
    }
    chain c {
        type nat hook prerouting priority dstnat; policy accept;
        dnat ip to 10.244.1.1 : ip saddr map @clients
        numgen random mod 2 vmap { 0 : goto first, 1 : goto second }
    }
    chain first {
        update @clients { ip saddr timeout 1h : tcp dport }
        dnat ip to 10.244.1.1:1001
    }
    chain second {
        delete @clients { ip saddr : tcp dport }
        dnat ip to 10.244.1.1:1002
    }
}
";

fn program() -> Program {
    Program::new(read::text(RULES.as_bytes()).unwrap())
}

fn packet(source: u128) -> Packet {
    Packet {
        version: IpVersion::V4,
        protocol: 6,
        source,
        destination: 0x0a60_0001,
        source_port: Some(40_000),
        destination_port: Some(80),
        hook: Hook::Prerouting,
        input_interface: None,
        output_interface: None,
        mark: 0,
        state: ConnectionState::New,
    }
}

fn ports(program: &Program, before: &Changes, source: u128) -> Vec<(Option<u16>, (u128, u128))> {
    let chances = outcomes_after(program, &Surroundings::default(), before, &packet(source), false);
    let mut found: Vec<_> = chances
        .into_iter()
        .map(|chance| match chance.outcome.destination {
            DestinationNat::Address(_, port) => {
                assert_eq!(chance.outcome.verdict, Verdict::Accept);
                (port, (chance.probability.numerator, chance.probability.denominator))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn every_way_of_a_packet_has_what_it_changed() {
    let program = program();
    let found = ways(&program, &Surroundings::default(), &packet(7));
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, changes)| !changes.is_empty()));
    assert_ne!(found[0].1, found[1].1);
}

#[test]
fn a_packet_finds_what_one_before_it_wrote_under_its_own_key_only() {
    let program = program();
    let found = ways(&program, &Surroundings::default(), &packet(7));
    // The port of the record is the one the client's packet was sent to.
    assert_eq!(ports(&program, &found[0].1, 7), [(Some(80), (1, 1))]);
    let drawn = [(Some(1001), (1, 2)), (Some(1002), (1, 2))];
    assert_eq!(ports(&program, &found[0].1, 8), drawn);
    assert_eq!(ports(&program, &found[1].1, 7), drawn);
}

#[test]
fn the_last_of_several_packets_counts() {
    let program = program();
    let found = ways(&program, &Surroundings::default(), &packet(7));
    let mut both = found[0].1.clone();
    both.add(&found[1].1);
    assert_eq!(ports(&program, &both, 7).len(), 2);
    both.add(&found[0].1);
    assert_eq!(ports(&program, &both, 7).len(), 1);
}

#[test]
fn nothing_changed_is_as_if_no_packet_came_before() {
    let program = program();
    let alone = outcomes(&program, &Surroundings::default(), &packet(7), false);
    let after = outcomes_after(&program, &Surroundings::default(), &Changes::default(), &packet(7), false);
    let all = |chances: Vec<svcc_core::evaluate::Chance>| {
        chances.into_iter().map(|chance| (chance.outcome, chance.probability)).collect::<Vec<_>>()
    };
    assert_eq!(all(alone), all(after));
}
