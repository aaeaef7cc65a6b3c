//! Commands in JSON are carried out in their order.

use crate::dumps::dump;
use svcc_core::read::json;
use svcc_core::ruleset::{Chain, DataType, Expression, KeyType, Ruleset, Set, Statement, Verdict};

fn run(commands: &str) -> Ruleset {
    let ruleset = json(format!(r#"{{"nftables": [{commands}]}}"#).as_bytes()).expect("it is a script");
    assert_eq!(ruleset.notes, []);
    ruleset
}

fn rule(command: &str, place: &str, verdict: &str) -> String {
    format!(
        r#"{{"{command}": {{"rule": {{"family": "ip", "table": "t", "chain": "c"{place}, "expr": [{{"{verdict}": null}}]}}}}}}"#
    )
}

const CHAIN: &str = r#"{"add": {"table": {"family": "ip", "name": "t"}}}, {"add": {"chain": {"family": "ip", "table": "t", "name": "c"}}}"#;
const SET: &str = r#"{"create": {"set": {"family": "ip", "table": "t", "name": "s", "type": "inet_service", "timeout": 60, "elem": [80]}}}"#;

fn verdicts(ruleset: &Ruleset) -> Vec<&Verdict> {
    let statements = ruleset.tables[0].chains[0].rules.iter().flat_map(|rule| &rule.statements);
    statements.map(|statement| if let Statement::Verdict(verdict) = statement { verdict } else { panic!() }).collect()
}

fn ports(ruleset: &Ruleset) -> Vec<&Expression> {
    ruleset.tables[0].sets[0].elements.iter().map(|element| &element.key).collect()
}

#[test]
fn rules_are_added_inserted_and_put_beside_others() {
    let script = [
        CHAIN.to_owned(),
        rule("add", "", "accept"),
        rule("insert", "", "drop"),
        rule("add", r#", "index": 0"#, "continue"),
        rule("insert", r#", "index": 2"#, "return"),
    ];
    let ruleset = run(&script.join(", "));
    assert_eq!(verdicts(&ruleset), [&Verdict::Drop, &Verdict::Continue, &Verdict::Return, &Verdict::Accept]);
}

#[test]
fn rules_are_replaced_and_deleted_by_their_handles() {
    let listed = r#"{"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 7, "expr": [{"accept": null}]}}"#;
    let version = r#"{"metainfo": {"version": "1.1.7"}}"#;
    let replaced = run(&[version, CHAIN, listed, &rule("replace", r#", "handle": 7"#, "drop")].join(", "));
    assert_eq!(verdicts(&replaced), [&Verdict::Drop]);
    assert_eq!(replaced.tables[0].chains[0].rules[0].handle, Some(7));
    let deleted = run(&[version, CHAIN, listed, &rule("delete", r#", "handle": 7"#, "drop")].join(", "));
    assert_eq!(verdicts(&deleted), [] as [&Verdict; 0]);
}

#[test]
fn a_flush_of_a_table_takes_rules_and_one_of_a_set_elements() {
    let table = r#"{"flush": {"table": {"family": "ip", "name": "t"}}}"#;
    let flushed = run(&[CHAIN, SET, &rule("add", "", "accept"), table].join(", "));
    assert_eq!(verdicts(&flushed), [] as [&Verdict; 0]);
    assert_eq!(ports(&flushed), [&Expression::Number(80)]);
    let set = r#"{"flush": {"set": {"family": "ip", "table": "t", "name": "s"}}}"#;
    let chain = r#"{"flush": {"chain": {"family": "ip", "table": "t", "name": "c"}}}"#;
    let flushed = run(&[CHAIN, SET, &rule("add", "", "accept"), set].join(", "));
    assert_eq!((ports(&flushed).len(), verdicts(&flushed).len()), (0, 1));
    let flushed = run(&[CHAIN, &rule("add", "", "accept"), chain, &rule("add", "", "drop")].join(", "));
    assert_eq!(verdicts(&flushed), [&Verdict::Drop]);
}

#[test]
fn a_flush_of_the_ruleset_takes_everything_or_one_family() {
    assert_eq!(run(&[CHAIN, r#"{"flush": {"ruleset": null}}"#].join(", ")).tables, []);
    let other = r#"{"add": {"table": {"family": "ip6", "name": "t"}}}"#;
    let flushed = run(&[CHAIN, other, r#"{"flush": {"ruleset": {"family": "ip"}}}"#].join(", "));
    assert_eq!(flushed.tables.len(), 1);
}

#[test]
fn tables_chains_and_sets_are_deleted() {
    let delete = |kind: &str, name: &str| {
        format!(r#"{{"delete": {{"{kind}": {{"family": "ip", "table": "t", "name": "{name}"}}}}}}"#)
    };
    let ruleset = run(&[CHAIN, SET, &delete("chain", "c"), &delete("set", "s")].join(", "));
    assert!(ruleset.tables[0].chains.is_empty() && ruleset.tables[0].sets.is_empty());
    let gone = r#"{"delete": {"table": {"family": "ip", "name": "t"}}}"#;
    assert_eq!(run(&[CHAIN, gone].join(", ")).tables, []);
}

#[test]
fn elements_are_added_and_deleted_and_get_the_time_of_their_set() {
    let elements = |command: &str, listed: &str| {
        format!(r#"{{"{command}": {{"element": {{"family": "ip", "table": "t", "name": "s", "elem": {listed}}}}}}}"#)
    };
    let ports_and_time = r#"[443, {"elem": {"val": 22, "timeout": 5}}]"#;
    let ruleset = run(&[CHAIN, SET, &elements("add", ports_and_time), &elements("delete", "[80]")].join(", "));
    assert_eq!(ports(&ruleset), [&Expression::Number(443), &Expression::Number(22)]);
    let times: Vec<Option<u64>> = ruleset.tables[0].sets[0].elements.iter().map(|element| element.expires).collect();
    assert_eq!(times, [Some(60), Some(5)]);
}

#[test]
fn a_command_that_is_not_understood_gets_a_note() {
    for command in
        [r#"{"add": {"dream": {"family": "ip", "table": "t"}}}"#, r#"{"add": 1}"#, r#"{"flush": {"rule": {}}}"#]
    {
        let ruleset = json(format!(r#"{{"nftables": [{CHAIN}, {command}]}}"#).as_bytes()).expect("it is a script");
        assert_eq!(ruleset.notes.iter().map(|note| note.place).collect::<Vec<_>>(), [3], "{command}");
    }
}

fn is_match_of(statement: &Statement, asked: &Expression) -> bool {
    matches!(statement, Statement::Match { left, .. } if left == asked)
}

/// What a script and a listing of its effect have in common.
fn essence(ruleset: Ruleset) -> Vec<(Vec<Chain>, Vec<Set>)> {
    let part = |mut table: svcc_core::ruleset::Table| {
        for chain in &mut table.chains {
            chain.handle = None;
            for rule in &mut chain.rules {
                rule.handle = None;
                // nft leaves it out of listings where a field of the protocol follows.
                rule.statements.retain(|statement| !is_match_of(statement, &Expression::Meta("l4proto".into())));
            }
        }
        for set in &mut table.sets {
            set.handle = None;
            set.key = Vec::new();
            set.data =
                set.data.take().map(|data| if data == DataType::Verdict { data } else { DataType::Value(Vec::new()) });
            set.elements.sort_by_key(|element| format!("{element:?}"));
        }
        table.chains.sort_by(|left, right| left.name.cmp(&right.name));
        table.sets.sort_by(|left, right| left.name.cmp(&right.name));
        (table.chains, table.sets)
    };
    ruleset.tables.into_iter().map(part).collect()
}

#[test]
fn the_script_of_the_compiler_is_the_ruleset_that_the_kernel_lists() {
    let commands = dump("commands");
    assert_eq!(commands.notes, []);
    assert!(commands.tables[0].sets.iter().flat_map(|set| &set.key).all(|part| matches!(part, KeyType::TypeOf(_))));
    for version in ["1.1.3", "1.1.7"] {
        let (script, listed) = (essence(commands.clone()), essence(dump(&format!("affinity-{version}"))));
        assert_eq!(script.len(), listed.len());
        for (script, listed) in script.iter().zip(&listed) {
            for (left, right) in script.0.iter().zip(&listed.0) {
                assert_eq!(left, right, "{version}");
            }
            assert_eq!(script, listed, "{version}");
        }
    }
}
