//! Statements.

use crate::dumps::{VERSIONS, address, chain, dump, filter, map_update, statement, table};
use svcc_core::ruleset::{Expression, NatKind, Rule, Statement, Verdict};

#[test]
fn limits_are_conditions_and_logs_and_counters_are_nothing() {
    let ruleset = dump("filter-1.1.7");
    let is_conditional = |handle: u64| matches!(filter(&ruleset, handle)[0], Statement::Conditional(_));
    let rules = &table(&ruleset, "filter").chains[0].rules;
    let handles: Vec<u64> =
        rules.iter().filter_map(|rule| rule.handle).filter(|&handle| is_conditional(handle)).collect();
    let first = |word: &str| {
        let found = rules.iter().find(|rule| {
            let Some(Statement::Conditional(words) | Statement::Effectless(words)) = rule.statements.first() else {
                return false;
            };
            words.contains(word)
        });
        found.and_then(|rule| rule.handle).expect("the rule is there")
    };
    // A counter by a map ends the rule where the map has nothing.
    let expected = ["limit", r#""val":100"#, "ct count", r#"{"counter":{"map""#, "gigabyte"].map(first);
    assert_eq!(handles, expected);
    assert!(matches!(&filter(&ruleset, expected[0])[1], Statement::Effectless(words) if words.contains("x: ")));
    assert!(!is_conditional(first(r#"{"counter":"hits"}"#)));
}

#[test]
fn updates_of_sets_say_whether_they_can_stop_the_rule() {
    let limited = |statement: &Statement| match statement {
        Statement::Update { set, limited, .. } => (set.to_string(), *limited),
        other => panic!("{other:?}"),
    };
    let ruleset = dump("services-1.1.7");
    let rules = &chain(&ruleset, "endpoint-2").rules;
    assert_eq!(rules[0].statements, [map_update()]);
    assert_eq!(limited(&rules[1].statements[0]), ("limited".to_owned(), true));
    assert_eq!(limited(&chain(&ruleset, "endpoint-1").rules[0].statements[0]), ("clients".to_owned(), false));
    let counting = statement(
        r#"{"set": {"op": "add", "elem": {"elem": {"val": 1, "timeout": 30}}, "set": "@s", "stmt": [{"counter": null}]}}"#,
    );
    assert_eq!(limited(&counting), ("s".to_owned(), false));
}

#[test]
fn an_update_of_a_map_in_text_is_not_lost() {
    let ruleset = dump("services-1.0.6");
    assert_eq!(chain(&ruleset, "endpoint-2").rules[0].statements, [map_update()]);
}

#[test]
fn a_meter_that_limits_is_a_condition() {
    let meter = r#"{"meter": {"key": 1, "stmt": {"limit": {"rate": 3, "per": "minute"}}, "size": 9, "name": "ssh"}}"#;
    assert!(matches!(statement(meter), Statement::Conditional(_)));
}

#[test]
fn translations_have_addresses_ports_and_flags_in_a_word_or_a_list() {
    for version in VERSIONS {
        let ruleset = dump(&format!("services-{version}"));
        let flags = |name: &str, rule: usize| match chain(&ruleset, name).rules[rule].statements.last() {
            Some(Statement::Nat { kind, flags, .. }) => {
                (*kind, flags.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
            other => panic!("{other:?}"),
        };
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(flags("postrouting", 3), (NatKind::Masquerade, words(&["fully-random"])));
        assert_eq!(flags("postrouting", 2), (NatKind::Source, words(&["prefix"])));
        assert_eq!(flags("prerouting", 4), (NatKind::Destination, words(&["random", "persistent"])));
        assert_eq!(flags("prerouting", 5), (NatKind::Redirect, words(&[])));
        let Statement::Nat { address: Some(to), port: Some(port), .. } =
            &chain(&ruleset, "endpoint-1").rules[1].statements[1]
        else {
            panic!("no address and port")
        };
        assert_eq!((to, port), (&address("10.180.0.1"), &Expression::Number(80)));
    }
}

#[test]
fn rejections_have_a_kind_and_a_code() {
    let reject = |written: &str| match statement(written) {
        Statement::Reject { kind, code } => (kind.map(String::from), code.map(String::from)),
        other => panic!("{other:?}"),
    };
    assert_eq!(reject(r#"{"reject": null}"#), (None, None));
    assert_eq!(reject(r#"{"reject": {"type": "tcp reset"}}"#), (Some("tcp reset".to_owned()), None));
    // nft -n
    assert_eq!(reject(r#"{"reject": {"type": "icmpx", "expr": 1}}"#), (Some("icmpx".to_owned()), Some("1".to_owned())));
}

#[test]
fn verdicts_are_verdicts_and_a_jump_to_nowhere_is_opaque() {
    assert_eq!(statement(r#"{"jump": {"target": "a"}}"#), Statement::Verdict(Verdict::Jump("a".into())));
    assert_eq!(statement(r#"{"queue": {"num": 1}}"#), Statement::Verdict(Verdict::Queue));
    assert!(matches!(statement(r#"{"jump": null}"#), Statement::Opaque(_)));
    assert_eq!(statement(r#"{"notrack": null}"#), Statement::Notrack);
}

#[test]
fn the_rules_of_iptables_are_opaque_but_for_their_comments() {
    let ruleset = dump("iptables-1.0.6");
    assert!(ruleset.tables[0].managed_by_iptables);
    assert!(matches!(chain(&ruleset, "PREROUTING").rules[0].statements[0], Statement::Effectless(_)));
    let rules = &chain(&ruleset, "KUBE-SVC").rules;
    assert!(rules[0].statements.iter().all(|statement| matches!(statement, Statement::Opaque(_))));
    assert!(!dump("services-1.0.6").tables[0].managed_by_iptables);
}

#[test]
fn a_rule_may_be_empty() {
    let ruleset = dump("iptables-1.0.6");
    assert_eq!(chain(&ruleset, "KUBE-SVC").rules[1], Rule { handle: Some(5), ..Rule::default() });
}

#[test]
fn the_comment_of_a_rule_is_kept() {
    let ruleset = dump("filter-1.1.7");
    let comments: Vec<_> = chain(&ruleset, "input").rules.iter().filter_map(|rule| rule.comment.as_deref()).collect();
    assert_eq!(comments, [r"unique local \ addresses"]);
}

#[test]
fn what_is_unknown_stays_with_its_words_and_long_words_are_cut() {
    let opaque = |written: &str| match statement(written) {
        Statement::Opaque(words) => words,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        &*opaque(r#"{"telepathy": {"to": "b", "from": ["a", 1, true, null]}}"#),
        r#"{"telepathy":{"to":"b","from":["a",1,true,null]}}"#
    );
    assert_eq!(&*opaque(r#"{"accept": null, "drop": null}"#), r#"{"accept":null,"drop":null}"#);
    assert!(matches!(statement(r#"{"dnat": {"addr": "10.0.0.1", "sometimes": 1}}"#), Statement::Opaque(_)));
    let cut = opaque(&format!(r#"{{"telepathy": "{}"}}"#, "ü".repeat(10_000)));
    assert!(cut.len() < 300 && cut.ends_with("ü…"), "{cut}");
}
