//! Random rulesets about few addresses and ports, lest packets miss what rules ask for.

use proptest::prelude::*;
use std::fmt::Write;

/// The last 32 bits of addresses; those of IPv6 begin with fd00.
pub(crate) const ADDRESSES: [u32; 7] =
    [0x0a00_0001, 0x0a00_0002, 0x0a00_0003, 0x0a00_0101, 0x0a00_0102, 0x0a00_0201, 0xc000_0201];
pub(crate) const PORTS: [u16; 5] = [80, 81, 443, 1_024, 40_000];

const BASES: [&str; 10] = [
    "type filter hook prerouting priority -300; policy accept;",
    "type filter hook prerouting priority -150; policy accept;",
    "type nat hook prerouting priority -100; policy accept;",
    "type filter hook input priority 0; policy accept;",
    "type nat hook input priority 100; policy accept;",
    "type filter hook forward priority 0; policy drop;",
    "type filter hook forward priority 10; policy accept;",
    "type nat hook output priority -100; policy accept;",
    "type filter hook output priority 0; policy accept;",
    "type nat hook postrouting priority 100; policy accept;",
];
const MATCHES: [&str; 38] = [
    "",
    "",
    "",
    "tcp dport 80",
    "udp dport != 81",
    "th sport 1024-40000",
    "meta l4proto tcp",
    "IP daddr A1",
    "IP daddr != A2",
    "IP saddr A0/NARROW",
    "IP saddr & MASK == A0",
    "IP daddr @addresses",
    "IP daddr != @addresses",
    "IP saddr @ranges",
    "IP saddr . IP daddr @pairs",
    "meta l4proto . IP daddr . th dport @frontends",
    "meta l4proto . IP daddr . th dport != @frontends",
    "meta l4proto . IP saddr . th sport @frontends",
    "meta l4proto . IP daddr . th dport . IP saddr @sources",
    "fib saddr type local",
    "fib saddr type != local",
    "fib daddr type local",
    "meta pkttype host",
    "meta mark & 0x4000 == 0x4000",
    "meta mark 0",
    "ct state new",
    "ct status dnat",
    "ct status snat",
    "ct original IP daddr A1",
    "ct mark 5",
    "iifname \"eth0\"",
    "iifname != \"lo\"",
    "oifname \"lo\"",
    "tcp flags syn",
    "numgen random mod 2 == 0",
    "jhash IP saddr . th sport mod 3 seed 0x7 == 1",
    "IP dscp 1",
    "limit rate 1/second",
];
const ACTIONS: [&str; 38] = [
    "accept",
    "drop",
    "return",
    "jump one",
    "jump two",
    "goto two",
    "jump three",
    "meta mark set meta mark | 0x4000",
    "meta mark set 1",
    "meta mark set jhash IP saddr mod 4 seed 0x1",
    "ct mark set 5",
    "meta l4proto . IP daddr . th dport vmap @verdicts",
    "meta l4proto . IP daddr . th dport vmap @others",
    "meta l4proto . th dport vmap @ports",
    "IP daddr vmap @by-address",
    "IP saddr vmap @by-range",
    "numgen random mod 3 vmap { 0 : jump one, 1 : goto two, 2 : continue }",
    "jhash IP saddr mod 2 seed 0x5 vmap { 0 : jump one, 1 : drop }",
    "symhash mod 2 vmap { 0 : jump one, 1 : drop }",
    "dnat IP to A4",
    "dnat IP to A1",
    "meta l4proto tcp dnat IP to :81",
    "meta l4proto tcp dnat IP to A5:8080",
    "meta l4proto { tcp, udp } dnat IP to IP daddr map @values",
    "meta l4proto tcp dnat IP to IP daddr . tcp dport . numgen random mod 3 map @endpoints",
    "meta l4proto tcp dnat IP to IP daddr . tcp dport . jhash IP saddr mod 3 seed 0x1 map @endpoints",
    "meta l4proto tcp dnat IP to numgen random mod 2 map { 0 : A4 . 80, 1 : A5 . 8080 }",
    "snat IP to A6",
    "masquerade",
    "meta l4proto tcp redirect to :81",
    "reject",
    "meta l4proto tcp reject with tcp reset",
    "add @seen { IP saddr }",
    "delete @seen { IP daddr }",
    "IP saddr @seen drop",
    "IP daddr @seen accept",
    "notrack",
    "counter",
];
const VERDICTS: [&str; 6] = ["accept", "drop", "jump three", "goto two", "continue", "return"];

fn rule() -> impl Strategy<Value = String> {
    let pick = |words: &'static [&'static str]| prop::sample::select(words.to_vec());
    (pick(&MATCHES), pick(&MATCHES[..8]), pick(&ACTIONS))
        .prop_map(|(one, other, action)| format!("{one} {other} {action}"))
}

fn elements(keys: Vec<String>, data: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let element = (prop::sample::select(keys), prop::sample::select(data.to_vec()));
    prop::collection::btree_map(element.clone().prop_map(|(key, _)| key), element.prop_map(|(_, data)| data), 0..most)
        .prop_map(|chosen| {
            let listed =
                chosen.iter().map(|(key, data)| if data.is_empty() { key.clone() } else { format!("{key} : {data}") });
            let listed: Vec<String> = listed.collect();
            if listed.is_empty() { String::new() } else { format!("elements = {{ {} }};", listed.join(", ")) }
        })
}

/// All combinations of parts.
fn keys(parts: &[&[&str]]) -> Vec<String> {
    parts.iter().fold(vec![String::new()], |keys, words| {
        let one = |key: &String, word: &str| if key.is_empty() { word.to_owned() } else { format!("{key} . {word}") };
        keys.iter().flat_map(|key| words.iter().map(move |word| one(key, word))).collect()
    })
}

fn sets() -> impl Strategy<Value = String> {
    let frontends = keys(&[&["tcp", "udp"], &["A1", "A2", "A3"], &["80", "81", "443"]]);
    let slots = keys(&[&["A1", "A2"], &["80", "81"], &["0", "1", "2"]]);
    let chosen = (
        elements(frontends.clone(), &[""], 8),
        elements(frontends.clone(), &VERDICTS, 8),
        elements(frontends, &VERDICTS, 3),
        elements(keys(&[&["tcp", "udp"], &["80", "81", "443"]]), &VERDICTS, 4),
        elements(keys(&[&["A0", "A1", "A4", "A5"]]), &[""], 4),
        elements(keys(&[&["A0", "A1", "A2", "A4", "*"]]), &VERDICTS, 4),
        elements(keys(&[&["A0", "A1", "A4", "A6"], &["A1", "A4", "A5"]]), &[""], 6),
        elements(slots, &["A4 . 80", "A5 . 8080", "A1 . 80", "A2 . 443"], 12),
        elements(keys(&[&["A1", "A2", "A3"]]), &["A4", "A1", "A5"], 3),
        elements(keys(&[&["tcp"], &["A1", "A2"], &["80"], &["A0/NARROW", "A3/NARROW"]]), &[""], 3),
    );
    chosen.prop_map(|sets| {
        let frontend = "meta l4proto . IP daddr . th dport";
        let mut text = String::new();
        let declared = [
            ("set frontends", frontend, "", &sets.0),
            ("map verdicts", "meta l4proto . IP daddr . th dport : verdict", "", &sets.1),
            ("map others", "meta l4proto . IP daddr . th dport : verdict", "", &sets.2),
            ("map ports", "meta l4proto . th dport : verdict", "", &sets.3),
            ("set addresses", "IP daddr", "", &sets.4),
            ("map by-address", "IP daddr : verdict", "", &sets.5),
            ("set pairs", "IP saddr . IP daddr", "", &sets.6),
            ("map endpoints", "IP daddr . tcp dport . numgen random mod 65536 : IP daddr . tcp dport", "", &sets.7),
            ("map values", "IP daddr : IP daddr", "", &sets.8),
            ("set sources", "meta l4proto . IP daddr . th dport . IP saddr", "flags interval;", &sets.9),
        ];
        for (head, key, flags, elements) in declared {
            writeln!(text, "{head} {{ typeof {key}; {flags} {elements} }}").unwrap();
        }
        text.push_str("set ranges { typeof IP saddr; flags interval; elements = { A0-A1, A3/NARROW }; }\n");
        text.push_str("map by-range { typeof IP saddr : verdict; flags interval; elements = { A0-A1 : jump three, A3/NARROW : drop }; }\n");
        text.push_str("set seen { typeof IP saddr; flags dynamic; size 100; }\n");
        text
    })
}

fn table(family: &'static str, version: &'static str) -> impl Strategy<Value = String> {
    let rules = prop::collection::vec(prop::collection::vec(rule(), 0..4), BASES.len() + 3);
    (sets(), rules).prop_map(move |(sets, rules)| {
        let mut text = format!("table {family} t {{\n{sets}");
        for (place, rules) in rules.iter().enumerate() {
            let name = ["one", "two", "three"].get(place.wrapping_sub(BASES.len())).copied();
            let head = BASES.get(place).copied().unwrap_or("");
            let name = name.map_or_else(|| format!("base{place}"), str::to_owned);
            // Chains must not call each other in circles: each only those behind it.
            let allowed = |rule: &&String| match &*name {
                "one" => !rule.contains(" one"),
                "two" => {
                    !["jump", "goto", "vmap"].iter().any(|word| rule.contains(word)) || rule.contains("jump three")
                }
                "three" => !["jump", "goto", "vmap"].iter().any(|word| rule.contains(word)),
                _ => true,
            };
            let rules: Vec<&str> = rules.iter().filter(allowed).map(String::as_str).collect();
            writeln!(text, "chain {name} {{ {head}\n{}\n}}", rules.join("\n")).unwrap();
        }
        let text = text + "}\n";
        let v6 = version == "ip6";
        let mut text = text.replace("NARROW", if v6 { "120" } else { "24" });
        text = text.replace("MASK", if v6 { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00" } else { "255.255.255.0" });
        for (place, address) in ADDRESSES.iter().enumerate() {
            let v4 = std::net::Ipv4Addr::from(*address);
            let [high, low] = [address >> 16, address & 0xffff];
            // A socket's address is written in brackets.
            if v6 {
                text = text.replace(&format!("A{place}:"), &format!("[fd00::{high:x}:{low:x}]:"));
            }
            let written = if v6 { format!("fd00::{high:x}:{low:x}") } else { v4.to_string() };
            text = text.replace(&format!("A{place}"), &written);
        }
        text.replace("IP ", &format!("{version} "))
    })
}

/// A ruleset of one table, or of two.
pub(crate) fn ruleset() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => table("ip", "ip"),
        2 => table("ip6", "ip6"),
        2 => table("inet", "ip"),
        1 => table("inet", "ip6"),
        1 => (table("ip", "ip"), table("ip6", "ip6")).prop_map(|(one, other)| one + &other),
        1 => (table("ip", "ip"), table("inet", "ip")).prop_map(|(one, other)| one + &other),
    ]
}
