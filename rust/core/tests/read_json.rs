//! Listings by several versions of nft mean the same, and what a version leaves out is told.

use std::fs;
use std::net::IpAddr;
use svcc_core::read::{ReadError, json};
use svcc_core::ruleset::{
    Chain, ChainType, Comparison, DataType, Element, ElementData, Expression, HashMode, Hook, KeyType, NatKind,
    NumgenMode, Operator, Rule, Ruleset, Set, SetOperation, Statement, Table, TableFamily, Verdict,
};

const VERSIONS: [&str; 3] = ["1.0.6", "1.1.3", "1.1.7"];

fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/data/dumps/{name}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read(path).expect("the dump is in the repository")
}

fn dump(name: &str) -> Ruleset {
    json(&bytes(name)).expect("the dump is a ruleset")
}

fn read(objects: &str) -> Ruleset {
    json(format!(r#"{{"nftables": [{objects}]}}"#).as_bytes()).expect("it is a ruleset")
}

fn refused(document: &str) -> ReadError {
    json(document.as_bytes()).expect_err("it is no ruleset")
}

fn table<'r>(ruleset: &'r Ruleset, name: &str) -> &'r Table {
    ruleset.tables.iter().find(|table| table.name == name).expect("the table is there")
}

fn chain<'r>(ruleset: &'r Ruleset, name: &str) -> &'r Chain {
    ruleset.tables.iter().flat_map(|table| &table.chains).find(|chain| chain.name == name).expect("the chain is there")
}

fn set<'r>(ruleset: &'r Ruleset, name: &str) -> &'r Set {
    ruleset.tables.iter().flat_map(|table| &table.sets).find(|set| set.name == name).expect("the set is there")
}

/// The statements of the rule of table `filter` with this handle.
fn filter(ruleset: &Ruleset, handle: u64) -> &[Statement] {
    let rules = &table(ruleset, "filter").chains[0].rules;
    &rules.iter().find(|rule| rule.handle == Some(handle)).expect("the rule is there").statements
}

/// The one statement of a rule with these statements in JSON.
fn statement(written: &str) -> Statement {
    let ruleset = read(&format!(r#"{{"rule": {{"family": "ip", "table": "t", "chain": "c", "expr": [{written}]}}}}"#));
    let [statement] = ruleset.tables[0].chains[0].rules[0].statements.as_slice() else { panic!("not one statement") };
    statement.clone()
}

/// An expression as the left side of a match.
fn expression(written: &str) -> Expression {
    match statement(&format!(r#"{{"match": {{"op": "==", "left": {written}, "right": 1}}}}"#)) {
        Statement::Match { left, .. } => left,
        other => panic!("{other:?}"),
    }
}

fn address(text: &str) -> Expression {
    Expression::Address(text.parse::<IpAddr>().expect("it is an address"))
}

fn said(ruleset: &Ruleset, words: &str) -> bool {
    ruleset.notes.iter().any(|note| note.message.contains(words))
}

/// Without what versions are known to leave out, and in an order of elements that does not depend on their hashes.
fn comparable(mut ruleset: Ruleset) -> Ruleset {
    ruleset.nft_version = None;
    ruleset.notes.clear();
    for table in &mut ruleset.tables {
        table.comment = None;
        for chain in &mut table.chains {
            chain.comment = None;
            chain.base.iter_mut().for_each(|base| base.devices.clear());
            for statement in chain.rules.iter_mut().flat_map(|rule| &mut rule.statements) {
                if matches!(statement, Statement::Opaque(words) if words.starts_with("update @affinity")) {
                    *statement = map_update();
                }
            }
        }
        for set in &mut table.sets {
            set.key = Vec::new(); // typeof since 1.1.2
            set.dynamic = false;
            set.elements.sort_by_key(|element| format!("{element:?}"));
        }
    }
    ruleset
}

fn map_update() -> Statement {
    Statement::Update {
        operation: SetOperation::Update,
        set: "affinity".into(),
        key: Expression::Concatenation(vec![Expression::payload("ip", "saddr"), Expression::payload("ip", "daddr")]),
        data: Some(address("10.0.0.1")),
        limited: false,
    }
}

#[test]
fn listings_of_three_versions_are_the_same_ruleset() {
    for name in ["services", "filter"] {
        let newest = comparable(dump(&format!("{name}-1.1.7")));
        assert!(newest.tables.iter().flat_map(|table| &table.chains).any(|chain| !chain.rules.is_empty()));
        for version in VERSIONS {
            assert_eq!(comparable(dump(&format!("{name}-{version}"))), newest, "{name} by {version}");
        }
    }
}

#[test]
fn nothing_in_the_ruleset_of_a_service_is_opaque() {
    for version in &VERSIONS[1..] {
        for name in ["services", "affinity"] {
            let ruleset = dump(&format!("{name}-{version}"));
            assert!(!format!("{ruleset:?}").contains("Opaque"), "{name} by {version}");
            assert_eq!(ruleset.notes, []);
        }
    }
}

#[test]
fn a_table_says_its_family_and_its_comment_and_an_old_version_loses_the_comment() {
    let newest = dump("filter-1.1.7");
    let families: Vec<TableFamily> = newest.tables.iter().map(|table| table.family).collect();
    assert_eq!(families, [TableFamily::Inet, TableFamily::Netdev, TableFamily::Ip]);
    assert_eq!(table(&newest, "filter").comment.as_deref(), Some("of the firewall"));
    assert_eq!(chain(&newest, "input").comment.as_deref(), Some("what arrives"));
    assert_eq!(table(&dump("filter-1.0.6"), "filter").comment, None);
}

#[test]
fn a_base_chain_has_hook_priority_and_policy() {
    let ruleset = dump("filter-1.1.7");
    let base = chain(&ruleset, "input").base.clone().expect("it is a base chain");
    assert_eq!(
        (base.chain_type, base.hook, base.priority, base.policy_drop),
        (ChainType::Filter, Hook::Input, 10, true)
    );
    assert_eq!(chain(&ruleset, "empty").base, None);
}

#[test]
fn priorities_may_be_names() {
    let priority = |written: &str, family: &str| {
        let ruleset = read(&format!(
            r#"{{"chain": {{"family": "{family}", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": {written}}}}}"#
        ));
        (ruleset.tables[0].chains[0].base.as_ref().expect("base").priority, said(&ruleset, "priority"))
    };
    assert_eq!(priority(r#""dstnat""#, "ip"), (-100, false));
    assert_eq!(priority(r#""filter + 10""#, "inet"), (10, false));
    assert_eq!(priority(r#""srcnat-5""#, "ip6"), (95, false));
    assert_eq!(priority(r#""dstnat""#, "bridge"), (-300, false));
    assert_eq!(priority("-7", "ip"), (-7, false));
    assert_eq!(priority(r#""soon""#, "ip"), (0, true));
    assert_eq!(priority("99999999999", "ip"), (0, true));
}

#[test]
fn a_chain_of_a_device_names_it_and_a_version_that_does_not_is_told() {
    let device = |ruleset: &Ruleset| chain(ruleset, "ingress").base.clone().expect("it is a base chain").devices;
    let (newest, oldest) = (dump("filter-1.1.7"), dump("filter-1.0.6"));
    assert_eq!(device(&newest), ["lo"]);
    assert!(device(&oldest).is_empty());
    assert!(said(&oldest, "chain ingress of table netdev edge: its devices are missing"));
    assert!(!said(&newest, "devices"));
}

#[test]
fn a_dormant_table_is_dormant_in_all_three_spellings() {
    for version in VERSIONS {
        let ruleset = dump(&format!("filter-{version}"));
        let dormant: Vec<bool> = ruleset.tables.iter().map(|table| table.dormant).collect();
        assert_eq!(dormant, [false, false, true], "{version}");
    }
    assert!(said(&dump("filter-1.0.6"), "taken for dormant, but it may be owner"));
}

#[test]
fn an_owned_table_is_not_dormant() {
    let ruleset = read(r#"{"table": {"family": "ip", "name": "t", "flags": ["owner", "persist"]}}"#);
    assert!(!ruleset.tables[0].dormant);
}

#[test]
fn versions_before_1_0_1_are_refused() {
    let error = json(&bytes("everything-else-0.9.8")).expect_err("it is too old");
    assert!(error.message.contains("nft 0.9.8") && error.message.contains("0.0.0.0"), "{error}");
    assert!(json(br#"{"nftables": [{"metainfo": {"version": "1.0.1"}}]}"#).is_ok());
}

#[test]
fn versions_before_1_1_0_get_a_note_wherever_they_say_their_number() {
    let ruleset = dump("services-1.0.6");
    assert_eq!(ruleset.nft_version.as_deref(), Some("1.0.6"));
    assert!(said(&ruleset, "before 1.1.0 its JSON lacks"));
    let last = read(r#"{"table": {"family": "ip", "name": "t"}}, {"metainfo": {"version": "1.0.9"}}"#);
    assert_eq!(last.notes.iter().map(|note| note.place).collect::<Vec<_>>(), [2]);
    assert_eq!(read(r#"{"metainfo": {"version": "1.1.0"}}"#).notes, []);
}

#[test]
fn a_listing_without_a_version_gets_a_note_and_commands_do_not() {
    assert!(said(&read(r#"{"table": {"family": "ip", "name": "t"}}"#), "does not say which version"));
    assert_eq!(read(r#"{"add": {"table": {"family": "ip", "name": "t"}}}"#).notes, []);
}

#[test]
fn handles_of_nothing_are_told_of_old_versions_only() {
    assert!(said(&dump("newer-1.0.6"), "table ip newer: 1 of its handles"), "the rule for a tunnel is missing");
    assert!(!said(&dump("newer-1.1.7"), "handles"));
    for name in ["services", "filter"] {
        assert!(!said(&dump(&format!("{name}-1.0.6")), "handles"), "{name}: every handle is accounted for");
    }
}

#[test]
fn concatenated_data_has_as_many_types_in_a_string_as_in_a_list() {
    let named = |name: &str| KeyType::Named(name.to_owned());
    for version in VERSIONS {
        let ruleset = dump(&format!("services-{version}"));
        let endpoints = set(&ruleset, "endpoints");
        assert_eq!(endpoints.key, [named("ipv4_addr"), named("inet_proto"), named("inet_service")]);
        assert_eq!(endpoints.data, Some(DataType::Value(vec![named("ipv4_addr"), named("inet_service")])));
        assert_eq!(set(&ruleset, "services").data, Some(DataType::Verdict));
        assert_eq!(set(&ruleset, "clients").data, None);
    }
}

#[test]
fn the_types_of_expressions_are_kept_as_expressions() {
    let of_mark = vec![KeyType::TypeOf(Expression::payload("ip", "daddr"))];
    assert_eq!(set(&dump("services-1.1.7"), "marks").key, of_mark);
    assert_eq!(set(&dump("services-1.0.6"), "marks").key, [KeyType::Named("ipv4_addr".to_owned())]);
}

#[test]
fn a_set_that_rules_add_to_is_dynamic_even_if_its_flag_is_not_printed() {
    for version in VERSIONS {
        let ruleset = dump(&format!("services-{version}"));
        assert!(set(&ruleset, "clients").dynamic && set(&ruleset, "clients").timeout, "{version}");
        assert!(!set(&ruleset, "endpoints").dynamic);
        assert!(set(&ruleset, "ranges").interval && !set(&ruleset, "services").interval);
    }
}

#[test]
fn elements_keep_comments_times_and_limits() {
    for version in VERSIONS {
        let ruleset = dump(&format!("services-{version}"));
        let element = |set_name: &str, key: &str| -> Element {
            let found = set(&ruleset, set_name).elements.iter().find(|element| element.key == address(key));
            found.expect("the element is there").clone()
        };
        assert_eq!(element("counted", "10.0.0.3").comment.as_deref(), Some("hi"));
        assert!(!element("counted", "10.0.0.1").limited, "counters do not count");
        assert!(element("limited", "10.0.0.1").limited);
        assert!(element("remembered", "10.0.0.2").expires.is_some_and(|seconds| (3500..=3600).contains(&seconds)));
        assert_eq!(element("remembered", "10.0.0.3").expires, None);
        let comments: Vec<_> = set(&ruleset, "services").elements.iter().filter_map(|e| e.comment.as_deref()).collect();
        assert_eq!(comments, ["ns2/svc2:p80"]);
    }
}

#[test]
fn an_element_about_to_go_has_zero_seconds() {
    let ruleset = read(
        r#"{"set": {"family": "ip", "table": "t", "name": "s", "type": "ipv4_addr",
            "elem": [{"elem": {"val": "10.0.0.1", "timeout": 60, "expires": 0}}]}}"#,
    );
    assert_eq!(ruleset.tables[0].sets[0].elements[0].expires, Some(0));
}

#[test]
fn elements_are_prefixes_ranges_concatenations_and_everything_else() {
    let prefix = |text: &str, length| Expression::Prefix(Box::new(address(text)), length);
    let range = |first, last| Expression::Range(Box::new((first, last)));
    for version in VERSIONS {
        let ruleset = dump(&format!("services-{version}"));
        let verdicts: Vec<_> =
            set(&ruleset, "sources").elements.iter().map(|e| (e.key.clone(), e.data.clone())).collect();
        let leads = |verdict| Some(ElementData::Verdict(verdict));
        let expected = [
            (prefix("10.0.0.0", 8), leads(Verdict::Accept)),
            (range(address("192.168.0.1"), address("192.168.0.9")), leads(Verdict::Drop)),
            (Expression::CatchAll, leads(Verdict::Continue)),
        ];
        for pair in &expected {
            assert!(verdicts.contains(pair), "{version}: {pair:?}");
        }
        let ports = range(Expression::Number(80), Expression::Number(90));
        assert_eq!(
            set(&ruleset, "ranges").elements[0].key,
            Expression::Concatenation(vec![prefix("10.0.0.0", 8), Expression::symbol("tcp"), ports])
        );
        assert_eq!(set(&ruleset, "interfaces").elements[0].key, Expression::symbol("eth*"));
    }
}

#[test]
fn a_list_in_a_set_is_flags_and_in_a_map_it_is_key_and_data() {
    let elements = |kind: &str, more: &str| {
        let ruleset = read(&format!(
            r#"{{"{kind}": {{"family": "ip", "table": "t", "name": "s", "type": "tcp_flag"{more}, "elem": [["syn", "ack"]]}}}}"#
        ));
        ruleset.tables[0].sets[0].elements[0].clone()
    };
    let words = vec![Expression::symbol("syn"), Expression::symbol("ack")];
    assert_eq!(elements("set", "").key, Expression::List(words.clone()));
    assert_eq!(elements("map", r#", "map": "mark""#).data, Some(ElementData::Value(words[1].clone())));
}

#[test]
fn generators_keep_modulus_offset_and_seed() {
    let payload = Expression::payload("ip", "saddr");
    for version in VERSIONS {
        let ruleset = dump(&format!("services-{version}"));
        let keys: Vec<&Expression> = chain(&ruleset, "endpoint-2")
            .rules
            .iter()
            .filter_map(|rule| match rule.statements.as_slice() {
                [Statement::VerdictMap { key, data: Expression::Set(elements) }] if elements.len() == 1 => Some(key),
                _ => None,
            })
            .collect();
        let both = Expression::Concatenation(vec![payload.clone(), Expression::payload("tcp", "sport")]);
        let jhash = |key: Expression, seed| HashMode::Jhash { key: Box::new(key), seed };
        assert_eq!(
            keys,
            [
                &Expression::Hash { mode: jhash(both, Some(0x1234)), modulus: 8, offset: 100 },
                &Expression::Hash { mode: jhash(payload.clone(), None), modulus: 8, offset: 0 },
                &Expression::Hash { mode: HashMode::Symmetric, modulus: 2, offset: 0 },
                // printed as -1
                &Expression::Numgen { mode: NumgenMode::Incremental, modulus: u32::MAX, offset: 0 },
            ]
        );
    }
}

#[test]
fn a_route_that_is_asked_for_its_existence_is_a_check_in_every_form() {
    for (name, flags) in [("services", vec!["saddr", "iif"]), ("newer", vec!["saddr", "iif"])] {
        for version in VERSIONS {
            let ruleset = dump(&format!("{name}-{version}"));
            let asked: Vec<&Statement> = chain(&ruleset, "prerouting")
                .rules
                .iter()
                .map(|rule| &rule.statements[0])
                .filter(|statement| matches!(statement, Statement::Match { left: Expression::Fib { result, .. }, .. } if &**result == "check"))
                .collect();
            let check = |found| Statement::Match {
                comparison: Comparison::Equal,
                left: fib("check", &flags),
                right: Expression::Number(found),
            };
            // 1.1.7 prints one-item concatenations of what 1.0.6 loaded.
            let asked: Vec<Statement> = asked.into_iter().cloned().collect();
            assert_eq!(asked, [check(1), check(0)], "{name} by {version}");
        }
    }
}

fn fib(result: &str, flags: &[&str]) -> Expression {
    Expression::Fib { result: result.into(), flags: flags.iter().map(|&flag| flag.into()).collect() }
}

#[test]
fn a_type_of_address_is_no_check() {
    let ruleset = dump("services-1.1.7");
    let statements = &chain(&ruleset, "prerouting").rules[1].statements;
    let local = Expression::symbol("local");
    assert_eq!(
        statements[0],
        Statement::Match { comparison: Comparison::Equal, left: fib("type", &["daddr"]), right: local }
    );
    assert_eq!(statements[2], Statement::Verdict(Verdict::Accept));
}

#[test]
fn a_number_whose_type_was_lost_is_a_number() {
    for version in VERSIONS {
        let ruleset = dump(&format!("newer-{version}"));
        let key = Expression::Ct { key: "proto-dst".into(), direction: Some("original".into()), family: None };
        let expected = Statement::Match { comparison: Comparison::Equal, left: key, right: Expression::Number(80) };
        let rules = &chain(&ruleset, "prerouting").rules;
        assert!(rules.iter().any(|rule| rule.statements.contains(&expected)), "{version}");
    }
}

#[test]
fn a_look_into_a_tunnel_is_opaque() {
    let ruleset = dump("newer-1.1.7");
    let Statement::Match { left: Expression::Opaque(words), .. } =
        &chain(&ruleset, "prerouting").rules[0].statements[1]
    else {
        panic!("it is understood?")
    };
    assert!(words.contains("vxlan"));
}

#[test]
fn a_key_of_a_connection_has_direction_and_family() {
    let ruleset = dump("filter-1.1.7");
    let Statement::Match { left, .. } = &filter(&ruleset, 9)[0] else { panic!("no match") };
    let (direction, family) = (Some("original".into()), Some("ip".into()));
    assert_eq!(*left, Expression::Ct { key: "daddr".into(), direction, family });
}

#[test]
fn any_of_some_flags_is_a_list_and_all_of_them_a_number_of_bits() {
    let words = vec![Expression::symbol("established"), Expression::symbol("related")];
    for version in VERSIONS {
        let ruleset = dump(&format!("filter-{version}"));
        let Statement::Match { comparison: Comparison::Implicit, right, .. } = &filter(&ruleset, 5)[0] else {
            panic!("no match in {version}")
        };
        assert_eq!(*right, Expression::List(words.clone()));
        let flags = || Expression::payload("tcp", "flags");
        let or = |left: &str, right: &str| {
            let operands = (Expression::symbol(left), Expression::symbol(right));
            Expression::Binary(Operator::Or, Box::new(operands))
        };
        // 1.0.6 prints the mask as a list.
        assert_eq!(
            filter(&ruleset, 10)[0],
            Statement::Match {
                comparison: Comparison::Equal,
                left: Expression::Binary(Operator::And, Box::new((flags(), or("syn", "ack")))),
                right: Expression::symbol("syn"),
            }
        );
    }
}

#[test]
fn several_operands_are_taken_from_left_to_right() {
    let or = |left, right| Expression::Binary(Operator::Or, Box::new((left, right)));
    let [fin, syn, rst] = ["fin", "syn", "rst"].map(Expression::symbol);
    assert_eq!(expression(r#"{"|": ["fin", "syn", "rst"]}"#), or(or(fin, syn), rst));
    assert!(matches!(expression(r#"{"<<": [1, 2]}"#), Expression::Binary(Operator::ShiftLeft, _)));
    assert!(matches!(expression(r#"{"|": ["fin"]}"#), Expression::Opaque(_)));
}

#[test]
fn a_comparison_that_has_no_name_here_is_opaque() {
    assert!(matches!(&filter(&dump("filter-1.1.7"), 14)[0], Statement::Opaque(words) if words.contains(r#""op":"!""#)));
}

#[test]
fn an_anonymous_set_of_one_is_that_one() {
    let ruleset = dump("filter-1.1.7");
    let right = |handle| match &filter(&ruleset, handle)[0] {
        Statement::Match { right, .. } => right.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(right(15), Expression::Prefix(Box::new(address("172.30.0.0")), 16));
    let others = Expression::Prefix(Box::new(address("203.0.113.0")), 25);
    assert_eq!(right(17), Expression::Set(vec![Element::new(address("10.0.0.4"), None), Element::new(others, None)]));
}

#[test]
fn strings_are_addresses_names_of_sets_numbers_and_words() {
    assert_eq!(expression(r#""fd00::1""#), address("fd00::1"));
    assert_eq!(expression(r#""@names""#), Expression::SetReference("names".into()));
    assert_eq!(expression(r#""0x1ffffffffffffffff""#), Expression::Number(0x1_ffff_ffff_ffff_ffff));
    assert_eq!(expression(r#""0x""#), Expression::symbol("0x"));
    assert_eq!(expression(r#""eth0""#), Expression::symbol("eth0"));
    assert_eq!(expression("true"), Expression::Number(1));
    assert!(matches!(expression("-4"), Expression::Opaque(_)));
    assert!(matches!(expression("1.5"), Expression::Opaque(_)));
}

#[test]
fn payloads_have_names_or_bits() {
    let ruleset = dump("filter-1.1.7");
    let Statement::Match { left, .. } = &filter(&ruleset, 20)[0] else { panic!("no match") };
    assert_eq!(*left, Expression::RawPayload { base: "nh".into(), offset: 72, length: 8 });
    assert!(matches!(expression(r#"{"tcp option": {"name": "maxseg"}}"#), Expression::Opaque(_)));
    assert_eq!(expression(r#"{"meta": {"key": "l4proto"}}"#), Expression::Meta("l4proto".into()));
}

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
    let words = "update @affinity { ip saddr . ip daddr : 10.0.0.1 }";
    assert_eq!(chain(&ruleset, "endpoint-2").rules[0].statements, [Statement::Opaque(words.into())]);
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

#[test]
fn unknown_objects_and_keys_get_a_note() {
    let ruleset = read(
        r#"{"metainfo": {"version": "1.1.7"}}, {"dream": {"family": "ip", "table": "t"}}, 7, {"a": 1, "b": 2},
           {"set": {"family": "ip", "table": "t", "name": "s", "type": "ipv4_addr", "mood": "good"}}"#,
    );
    let places: Vec<usize> = ruleset.notes.iter().map(|note| note.place).collect();
    assert_eq!(places, [2, 3, 4, 5]);
    assert!(said(&ruleset, r#"set s of table ip t: its key "mood" is unknown"#));
}

#[test]
fn named_counters_and_limits_are_no_notes() {
    assert_eq!(dump("filter-1.1.7").notes, []);
}

#[test]
fn no_order_of_the_objects_matters() {
    let listed: serde_json::Value = serde_json::from_slice(&bytes("services-1.0.6")).expect("it is JSON");
    let mut objects = listed["nftables"].as_array().expect("it is an array").clone();
    objects.reverse();
    objects.sort_by_key(|object| object.get("rule").is_none()); // rules first, in the order of their handles
    objects.sort_by_key(|object| object["rule"]["handle"].as_u64());
    let written: Vec<String> = objects.iter().map(ToString::to_string).collect();
    let mut found = comparable(read(&written.join(", ")));
    let mut expected = comparable(dump("services-1.0.6"));
    for ruleset in [&mut found, &mut expected] {
        for table in &mut ruleset.tables {
            table.chains.sort_by_key(|chain| chain.handle);
            table.sets.sort_by_key(|set| set.handle);
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn what_nobody_declares_is_told() {
    let ruleset = read(
        r#"{"metainfo": {"version": "1.1.7"}}, {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": []}},
           {"element": {"family": "ip", "table": "t", "name": "s", "elem": ["10.0.0.1"]}}"#,
    );
    assert!(said(&ruleset, "chain c is not declared") && said(&ruleset, "set s is not declared"));
    assert_eq!(set(&ruleset, "s").elements, [Element::new(address("10.0.0.1"), None)]);
}

#[test]
fn only_what_is_no_listing_is_an_error() {
    assert_eq!(refused("").message, "the document is empty");
    assert_eq!(refused("\n\ntable ip t {\n}").line, 3);
    assert!(refused("table ip t {\n}").message.contains("nft's text"));
    assert!(refused("Error: no").message.contains("it starts with \"Error: no\""));
    assert!(refused("{}").message.contains("no array \"nftables\""));
    assert!(refused(r#"{"kind": "List", "items": []}"#).message.contains("no array \"nftables\""));
    assert!(refused(r#"{"nftables": {}}"#).message.contains("is not an array"));
    assert!(refused(r#"{"nftables": []} {"nftables": []}"#).message.contains("after the array"));
    assert!(json(br#"{"nftables": []}"#).is_ok());
}

#[test]
fn a_document_that_was_cut_off_says_where() {
    let whole = String::from_utf8(bytes("services-1.1.7")).expect("it is text");
    let end = whole.find(r#"{"set"#).expect("there is a set") + 20;
    let error = refused(&whole[..end]);
    assert_eq!(error.line, 1);
    let place = format!("ends in the middle of object 8 of the ruleset, after 7 objects, at byte {end}");
    assert!(error.message.contains(&place), "{error}");
    for end in 1..400 {
        let error = refused(&whole[..end]);
        assert!(error.message.contains("cut off"), "{end}: {error}");
    }
}

#[test]
fn broken_json_says_where() {
    let error = refused("{\"nftables\": [\n{\"table\": oops}]}");
    assert_eq!(error.line, 2);
    assert!(error.message.contains("broken in object 1 of the ruleset, after 0 objects, at byte 25"), "{error}");
}

#[test]
fn what_is_nested_too_deeply_is_refused_or_opaque() {
    let nested = |levels: usize| {
        let left = format!("{}1{}", r#"{"&": [1, "#.repeat(levels), "]}".repeat(levels));
        format!(
            r#"{{"nftables": [{{"rule": {{"family": "ip", "table": "t", "chain": "c", "expr": [{{"match": {{"left": {left}, "right": 1}}}}]}}}}]}}"#
        )
    };
    assert!(refused(&nested(100)).message.contains("recursion limit"));
    let ruleset = json(nested(50).as_bytes()).expect("serde_json takes it");
    assert!(format!("{ruleset:?}").contains("Opaque"));
    let wide = format!(r#"{{"|": [{}1]}}"#, "1, ".repeat(100_000));
    assert!(matches!(expression(&wide), Expression::Opaque(_)));
}
