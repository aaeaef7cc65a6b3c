//! Expressions.

use crate::dumps::{VERSIONS, address, chain, dump, expression, fib, filter};
use svcc_core::ruleset::{Comparison, Element, Expression, HashMode, NumgenMode, Operator, Statement, Verdict};

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
