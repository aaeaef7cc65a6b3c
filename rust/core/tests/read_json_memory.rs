//! The memory that reading takes is in proportion to the document. (One test, so that the process is its own.)

use std::fmt::Write;
use std::fs;
use svcc_core::read::json;

/// The most memory that the process ever had, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("it runs on Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux says so");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<usize>().expect("it is a number") * 1024
}

/// Rules of chains for endpoints, in the form of nft 1.1.
fn rules(count: usize) -> String {
    let mut document = r#"{"nftables": [{"metainfo": {"version": "1.1.7"}}"#.to_owned();
    for number in 0..count {
        let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
        let chain = format!("endpoint-{number}");
        write!(
            document,
            r#", {{"chain": {{"family": "ip", "table": "t", "name": "{chain}", "handle": {number}}}}}, {{"rule": {{"family": "ip", "table": "t", "chain": "{chain}", "handle": {number}, "expr": [{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "ip", "field": "saddr"}}}}, "right": "{address}"}}}}, {{"jump": {{"target": "mark-for-masquerade"}}}}]}}}}, {{"rule": {{"family": "ip", "table": "t", "chain": "{chain}", "handle": {number}, "expr": [{{"match": {{"op": "==", "left": {{"meta": {{"key": "l4proto"}}}}, "right": "tcp"}}}}, {{"dnat": {{"addr": "{address}", "port": 80}}}}]}}}}"#
        )
        .expect("a string takes everything");
    }
    document + "]}"
}

/// One map of as many elements.
fn elements(count: usize) -> String {
    let mut document = r#"{"nftables": [{"map": {"family": "ip", "table": "t", "name": "m", "type": ["ipv4_addr", "inet_proto", "inet_service"], "map": "verdict", "elem": [0"#.to_owned();
    for number in 0..count {
        let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
        write!(document, r#", [{{"concat": ["{address}", "tcp", 80]}}, {{"goto": {{"target": "service-{number}"}}}}]"#)
            .expect("a string takes everything");
    }
    document + "]}}]}"
}

/// The shortest elements that there are.
fn numbers(count: usize) -> String {
    let zeros = "0,".repeat(count);
    format!(
        r#"{{"nftables": [{{"set": {{"family": "ip", "table": "t", "name": "s", "type": "mark", "elem": [{zeros}0]}}}}]}}"#
    )
}

#[test]
fn memory_grows_with_the_document_and_no_faster() {
    for (document, most) in [(rules(25_000), 4), (elements(100_000), 12), (numbers(1_000_000), 200)] {
        let before = peak();
        let ruleset = json(document.as_bytes()).expect("it is a ruleset");
        let grown = peak().saturating_sub(before);
        assert!(grown < most * document.len(), "{grown} bytes of {}", document.len());
        drop(ruleset);
    }
}
