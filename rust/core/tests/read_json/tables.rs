//! Tables, chains and sets; the same in listings by several versions of nft.

use crate::dumps::{VERSIONS, address, chain, comparable, dump, read, said, set, table};
use svcc_core::ruleset::{
    ChainType, DataType, Element, ElementData, Expression, Hook, KeyType, Ruleset, TableFamily, Verdict,
};

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
fn a_dormant_table_is_dormant_where_the_dump_says_so() {
    for version in VERSIONS {
        let ruleset = dump(&format!("filter-{version}"));
        let dormant: Vec<bool> = ruleset.tables.iter().map(|table| table.dormant).collect();
        assert_eq!(dormant, [false, false, version != "1.0.6"], "{version}");
    }
    assert!(said(&dump("filter-1.0.6"), "taken for owner, but it may be dormant"));
}

#[test]
fn an_owned_table_is_not_dormant() {
    let ruleset = read(r#"{"table": {"family": "ip", "name": "t", "flags": ["owner", "persist"]}}"#);
    assert!(!ruleset.tables[0].dormant);
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
