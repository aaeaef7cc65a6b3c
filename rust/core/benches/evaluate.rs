//! How many packets a second and core the batch evaluator takes through a ruleset of the shape that svcc compiles,
//! beside the two lookups that any balancer has to make: which Service a packet is for, and which endpoint it gets.
//!
//! `cargo bench -p svcc-core --bench evaluate [-- SERVICES...]`

use std::collections::HashMap;
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use rustc_hash::FxBuildHasher;
use svcc_core::evaluate::batch::{DNAT, PACKET_SIZE};
use svcc_core::evaluate::{Surroundings, batch, batch_one_by_one};
use svcc_core::program::Program;
use svcc_core::read;

const ENDPOINTS: u32 = 10;
const PORT: u64 = 80;
const PACKETS: usize = 200_000;
/// As many at once as one thread takes.
const CHUNK: usize = 1_000;
const ROUNDS: usize = 7;
const PASSES: u32 = 5;

/// What svcc compiles, without what IPv6 and protocols other than TCP need.
const CHAINS: &str = "
    chain filter-prerouting { type filter hook prerouting priority -110; policy accept; ct state new jump check-sources; }
    chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
    chain filter-input {
        type filter hook input priority 0; policy accept;
        ct state new jump refuse-frontends
        ct state new jump refuse-nodeports
    }
    chain filter-forward {
        type filter hook forward priority 0; policy accept;
        ct state new jump refuse-frontends
        ct state new jump refuse-cluster-ips
    }
    chain nat-input { type nat hook input priority 100; policy accept; ct status dnat jump remember; }
    chain nat-postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ct status dnat jump remember
        ct status dnat jump source-nat
    }
    chain check-sources {
        meta l4proto . ip daddr . th dport @source-ranged meta l4proto . ip daddr . th dport . ip saddr != @allowed-sources drop
    }
    chain services {
        meta l4proto . ip daddr . th dport vmap @masquerade-frontends
        fib saddr type != local meta l4proto . ip daddr . th dport vmap @outside-services
        meta l4proto . ip daddr . th dport vmap @services
        ip daddr @nodeport-addresses goto nodeports
    }
    chain nodeports { meta l4proto . th dport vmap @nodeports; }
    chain mark-always { meta mark set meta mark | 0x4000; }
    chain refuse-frontends { meta l4proto . ip daddr . th dport vmap @refused-services; }
    chain refuse-nodeports { ip daddr @nodeport-addresses meta l4proto . th dport vmap @refused-nodeports; }
    chain refuse-cluster-ips {
        ip daddr @cluster-ips goto refuse
        ip daddr @service-cidrs drop
    }
    chain refuse { reject with icmp type port-unreachable; }
    chain remember { }
    chain source-nat {
        meta mark & 0x4000 == 0x4000 meta mark set meta mark ^ 0x4000 masquerade fully-random
        ip saddr . ip daddr @hairpins masquerade fully-random
    }
    chain pick {
        meta l4proto tcp dnat ip to ip daddr . tcp dport . numgen random mod 10 map @endpoints-tcp
        meta l4proto udp dnat ip to ip daddr . udp dport . numgen random mod 10 map @endpoints-udp
    }
";

fn cluster_address(service: u32) -> u32 {
    0x0a60_0000 + service
}

fn endpoint_address(service: u32, slot: u32) -> u32 {
    0x0af0_0000 + (service * ENDPOINTS + slot) % 5_000
}

fn dotted(address: u32) -> String {
    std::net::Ipv4Addr::from(address).to_string()
}

/// Every tenth Service has a load balancer address, every twentieth of them admits only some sources.
fn ruleset(services: u32) -> String {
    let mut text = String::from("table ip svcc {\n");
    let mut set = |head: &str, declaration: &str, elements: Vec<String>| {
        let elements =
            if elements.is_empty() { String::new() } else { format!("elements = {{ {} }}", elements.join(",\n")) };
        writeln!(text, "{head} {{\ntypeof {declaration}\n{elements}\n}}").expect("writing to a string");
    };
    let frontend = |service| format!("tcp . {} . 80", dotted(cluster_address(service)));
    let balanced = |service: u32| format!("tcp . {} . 80", dotted(0xcb00_0000 + service));
    let every = |step: u32| (0..services).step_by(step as usize);
    let verdicts = "meta l4proto . ip daddr . th dport : verdict";
    let endpoints = "ip daddr . tcp dport . numgen random mod 65536 : ip daddr . tcp dport";
    let picked = |service| format!("{} : goto pick", frontend(service));
    set("map services", verdicts, every(1).map(picked).collect());
    set(
        "map outside-services",
        verdicts,
        every(10).map(|service| format!("{} : goto pick", balanced(service))).collect(),
    );
    set(
        "map masquerade-frontends",
        verdicts,
        every(10).map(|service| format!("{} : jump mark-always", balanced(service))).collect(),
    );
    set("map refused-services", verdicts, Vec::new());
    set(
        "map endpoints-tcp",
        endpoints,
        every(1)
            .flat_map(|service| (0..ENDPOINTS).map(move |slot| (service, slot)))
            .map(|(service, slot)| {
                let address = dotted(cluster_address(service));
                format!("{address} . 80 . {slot} : {} . 8080", dotted(endpoint_address(service, slot)))
            })
            .collect(),
    );
    set("map endpoints-udp", &endpoints.replace("tcp", "udp"), Vec::new());
    set(
        "map nodeports",
        "meta l4proto . th dport : verdict",
        every(50).take(2_000).map(|service| format!("tcp . {} : goto pick", 30_000 + service / 50)).collect(),
    );
    set("map refused-nodeports", "meta l4proto . th dport : verdict", Vec::new());
    set("set nodeport-addresses", "ip daddr", vec!["172.16.0.2".to_owned()]);
    set("set cluster-ips", "ip daddr", every(1).map(|service| dotted(cluster_address(service))).collect());
    set("set service-cidrs", "ip daddr\nflags interval", vec!["10.96.0.0/12".to_owned()]);
    set("set source-ranged", "meta l4proto . ip daddr . th dport", every(20).map(balanced).collect());
    set(
        "set allowed-sources",
        "meta l4proto . ip daddr . th dport . ip saddr\nflags interval",
        every(20).map(|service| format!("{} . 192.0.2.0/24", balanced(service))).collect(),
    );
    set(
        "set hairpins",
        "ip saddr . ip daddr",
        (0..100).map(|pod| format!("{0} . {0}", dotted(0x0af0_0000 + pod))).collect(),
    );
    text + CHAINS + "}\n"
}

/// Packets to the cluster addresses in a random order, packed.
fn packets(services: u32) -> Vec<u8> {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        u32::try_from(state >> 32).unwrap_or(0)
    };
    let mut packed = Vec::with_capacity(PACKETS * PACKET_SIZE);
    for _ in 0..PACKETS {
        let destination = cluster_address(random() % services);
        packed.extend([4, 6, 0, 0]);
        packed.extend((30_000 + random() % 30_000).to_be_bytes()[2..].iter().chain(&[0, 80]).chain(&[0; 4]));
        packed.extend(random().to_be_bytes());
        packed.extend([10, 240, 200, 1].iter().chain(&[0; 12]));
        packed.extend(destination.to_be_bytes().iter().chain(&[0; 12]));
    }
    packed
}

type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// The two lookups.
struct Ceiling {
    services: Map<u64, u32>,
    endpoints: Map<u128, (u32, u16)>,
}

impl Ceiling {
    fn new(services: u32) -> Self {
        let key = |service| 6 << 48 | u64::from(cluster_address(service)) << 16 | PORT;
        Self {
            services: (0..services).map(|service| (key(service), ENDPOINTS)).collect(),
            endpoints: (0..services)
                .flat_map(|service| (0..ENDPOINTS).map(move |slot| (service, slot)))
                .map(|(service, slot)| {
                    (u128::from(key(service)) << 32 | u128::from(slot), (endpoint_address(service, slot), 8080))
                })
                .collect(),
        }
    }

    fn destination(&self, packet: &[u8]) -> Option<(u32, u16)> {
        let word = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let key = u64::from(packet[1]) << 48 | u64::from(word(32)) << 16 | u64::from(word(4) & 0xffff);
        let count = *self.services.get(&key)?;
        let slot = (u64::from(word(12)) * u64::from(count)) >> 32;
        self.endpoints.get(&(u128::from(key) << 32 | u128::from(slot))).copied()
    }
}

/// How long this thread has been on a processor, so that others who want it too do not count; None but on Linux.
fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Linux counts the time on a processor in ticks of a few milliseconds: what is timed must take many of them.
fn time(mut run: impl FnMut()) -> Duration {
    let (start, before) = (Instant::now(), on_processor());
    for _ in 0..PASSES {
        run();
    }
    let counted = before.zip(on_processor()).and_then(|(before, after)| after.checked_sub(before));
    let passed = counted.filter(|counted| !counted.is_zero()).unwrap_or_else(|| start.elapsed());
    passed / PASSES
}

fn main() {
    let surroundings = Surroundings { local_v4: vec![0xac10_0002], ..Surroundings::default() };
    let mut sizes: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 30_000];
    }
    for services in sizes {
        let program = Program::new(read::text(ruleset(services).as_bytes()).expect("the ruleset is well-formed"));
        let packets = packets(services);
        let ceiling = Ceiling::new(services);
        let whole = batch(&program, &surroundings, &[], &packets).expect("the packets are well-formed");
        assert_eq!(Ok(&whole), batch_one_by_one(&program, &surroundings, &[], &packets).as_ref());
        for (place, packet) in packets.chunks(PACKET_SIZE).enumerate() {
            let address = whole.addresses[16 * place..][..4].try_into().map(u32::from_be_bytes).expect("4 bytes");
            assert_eq!(Some((address, whole.ports[place])), ceiling.destination(packet), "packet {place}");
            assert_eq!(whole.verdicts[place], DNAT, "packet {place}");
        }
        let (mut lookups, mut evaluation, mut alone) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            lookups = lookups.min(time(|| {
                let found = packets.chunks(PACKET_SIZE).filter_map(|packet| ceiling.destination(packet));
                black_box(
                    found.fold(0_u64, |sum, (address, port)| sum.wrapping_add(u64::from(address) + u64::from(port))),
                );
            }));
            evaluation = evaluation.min(time(|| {
                for chunk in packets.chunks(CHUNK * PACKET_SIZE) {
                    black_box(batch(&program, &surroundings, &[], chunk).is_ok());
                }
            }));
        }
        for _ in 0..2 {
            alone = alone.min(time(|| {
                for chunk in packets.chunks(CHUNK * PACKET_SIZE) {
                    black_box(batch_one_by_one(&program, &surroundings, &[], chunk).is_ok());
                }
            }));
        }
        let rate = |time: Duration| f64::from(u32::try_from(PACKETS).unwrap_or(0)) / time.as_secs_f64() / 1e6;
        println!(
            "{services} Services: the two lookups {:.1} million packets a second, the evaluator {:.2} million, {:.1} times \
             as long; {:.2} million if every packet is run from its beginning",
            rate(lookups),
            rate(evaluation),
            evaluation.as_secs_f64() / lookups.as_secs_f64(),
            rate(alone),
        );
    }
}
