//! The dumps, and what is in them.

use std::fs;
use std::net::IpAddr;
use svcc_core::read::{ReadError, json};
use svcc_core::ruleset::{Chain, Expression, Ruleset, Set, SetOperation, Statement, Table};

pub(crate) const VERSIONS: [&str; 3] = ["1.0.6", "1.1.3", "1.1.7"];

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/data/dumps/{name}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read(path).expect("the dump is in the repository")
}

pub(crate) fn dump(name: &str) -> Ruleset {
    json(&bytes(name)).expect("the dump is a ruleset")
}

pub(crate) fn read(objects: &str) -> Ruleset {
    json(format!(r#"{{"nftables": [{objects}]}}"#).as_bytes()).expect("it is a ruleset")
}

pub(crate) fn refused(document: &str) -> ReadError {
    json(document.as_bytes()).expect_err("it is no ruleset")
}

pub(crate) fn table<'r>(ruleset: &'r Ruleset, name: &str) -> &'r Table {
    ruleset.tables.iter().find(|table| table.name == name).expect("the table is there")
}

pub(crate) fn chain<'r>(ruleset: &'r Ruleset, name: &str) -> &'r Chain {
    ruleset.tables.iter().flat_map(|table| &table.chains).find(|chain| chain.name == name).expect("the chain is there")
}

pub(crate) fn set<'r>(ruleset: &'r Ruleset, name: &str) -> &'r Set {
    ruleset.tables.iter().flat_map(|table| &table.sets).find(|set| set.name == name).expect("the set is there")
}

/// The statements of the rule of table `filter` with this handle.
pub(crate) fn filter(ruleset: &Ruleset, handle: u64) -> &[Statement] {
    let rules = &table(ruleset, "filter").chains[0].rules;
    &rules.iter().find(|rule| rule.handle == Some(handle)).expect("the rule is there").statements
}

/// The one statement of a rule with these statements in JSON.
pub(crate) fn statement(written: &str) -> Statement {
    let ruleset = read(&format!(r#"{{"rule": {{"family": "ip", "table": "t", "chain": "c", "expr": [{written}]}}}}"#));
    let [statement] = ruleset.tables[0].chains[0].rules[0].statements.as_slice() else { panic!("not one statement") };
    statement.clone()
}

/// An expression as the left side of a match.
pub(crate) fn expression(written: &str) -> Expression {
    match statement(&format!(r#"{{"match": {{"op": "==", "left": {written}, "right": 1}}}}"#)) {
        Statement::Match { left, .. } => left,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn address(text: &str) -> Expression {
    Expression::Address(text.parse::<IpAddr>().expect("it is an address"))
}

pub(crate) fn said(ruleset: &Ruleset, words: &str) -> bool {
    ruleset.notes.iter().any(|note| note.message.contains(words))
}

/// Without what versions are known to leave out, and in an order of elements that does not depend on their hashes.
pub(crate) fn comparable(mut ruleset: Ruleset) -> Ruleset {
    ruleset.nft_version = None;
    ruleset.notes.clear();
    for table in &mut ruleset.tables {
        table.comment = None;
        table.dormant = None; // nft 1.0.6 has no word for it
        for chain in &mut table.chains {
            chain.comment = None;
            chain.base.iter_mut().for_each(|base| base.devices.clear());
        }
        for set in &mut table.sets {
            set.key = Vec::new(); // typeof since 1.1.2
            set.dynamic = false;
            set.elements.sort_by_key(|element| format!("{element:?}"));
        }
    }
    ruleset
}

pub(crate) fn map_update() -> Statement {
    Statement::Update {
        operation: SetOperation::Update,
        set: "affinity".into(),
        key: Expression::Concatenation(vec![Expression::payload("ip", "saddr"), Expression::payload("ip", "daddr")]),
        data: Some(address("10.0.0.1")),
        timeout: None,
        limited: false,
    }
}

pub(crate) fn fib(result: &str, flags: &[&str]) -> Expression {
    Expression::Fib { result: result.into(), flags: flags.iter().map(|&flag| flag.into()).collect() }
}
