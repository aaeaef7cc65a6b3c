//! Whatever bytes come, reading ends; and whatever was read is printed so that it reads back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use svcc_core::read::{statements, text};
use svcc_core::ruleset::{
    Comparison, Element, ElementData, Expression, HashMode, NatKind, NumgenMode, Operator, Rule, SetOperation,
    Statement, Verdict,
};

const LISTINGS: [&str; 3] = [
    include_str!("../../../tests/data/listings/constructs-1.1.7-handles.nft"),
    include_str!("../../../tests/data/listings/firewalls-1.0.6-handles.nft"),
    include_str!("../../../tests/golden/affinity/ruleset.nft"),
];

fn word() -> BoxedStrategy<Box<str>> {
    prop_oneof![
        "[a-z_][a-z0-9_./-]{0,8}",
        "[a-f]{1,4}:[0-9a-f]{1,4}",
        Just("00:11:22:aa:bb:cc".to_owned()),
        "[a-z]{1,4}\\*",
        // Words of nft, which must not be taken for what they mean.
        prop_oneof![
            Just("ip"),
            Just("tcp"),
            Just("mark"),
            Just("meta"),
            Just("ct"),
            Just("exists"),
            Just("missing"),
            Just("map"),
            Just("vmap"),
            Just("set"),
            Just("or"),
            Just("and"),
            Just("eq"),
            Just("accept"),
            Just("jump"),
            Just("comment"),
            Just("counter"),
            Just("limit"),
            Just("timeout"),
            Just("th"),
            Just("fib"),
            Just("iifname"),
            Just("random"),
            Just("to"),
            Just("rt"),
            Just("osf"),
            Just("numgen"),
            Just("1h"),
            Just("10.0.0.1"),
            Just("80"),
            Just("*"),
            Just("{"),
            Just("a b"),
            Just("# x"),
        ]
        .prop_map(str::to_owned),
    ]
    .prop_map(String::into_boxed_str)
    .boxed()
}

fn name() -> BoxedStrategy<Box<str>> {
    "[a-zA-Z0-9_][a-zA-Z0-9_./:-]{0,12}".prop_map(String::into_boxed_str).boxed()
}

fn set_name() -> BoxedStrategy<Box<str>> {
    "[a-zA-Z0-9_][a-zA-Z0-9_./-]{0,12}".prop_map(String::into_boxed_str).boxed()
}

fn address() -> BoxedStrategy<Expression> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Expression::Address(IpAddr::V4(Ipv4Addr::from_bits(bits)))),
        any::<u128>().prop_map(|bits| Expression::Address(IpAddr::V6(Ipv6Addr::from_bits(bits)))),
        (0..0xffff_ffff_ffff_u128).prop_map(|bits| Expression::Address(IpAddr::V6(Ipv6Addr::from_bits(bits)))),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<Expression> {
    prop_oneof![any::<u128>(), 0..70_000_u128].prop_map(Expression::Number).boxed()
}

fn single() -> BoxedStrategy<Expression> {
    prop_oneof![number(), address(), word().prop_map(Expression::Symbol)].boxed()
}

fn constant() -> BoxedStrategy<Expression> {
    prop_oneof![
        4 => single(),
        1 => (single(), any::<u8>()).prop_map(|(value, length)| Expression::Prefix(Box::new(value), length)),
        1 => (single(), single()).prop_map(|ends| Expression::Range(Box::new(ends))),
    ]
    .boxed()
}

fn constants() -> BoxedStrategy<Expression> {
    prop_oneof![3 => constant(), 1 => vec(constant(), 2..4).prop_map(Expression::Concatenation)].boxed()
}

fn payload() -> BoxedStrategy<Expression> {
    prop_oneof![
        Just(("ip", "saddr")),
        Just(("ip6", "daddr")),
        Just(("tcp", "dport")),
        Just(("th", "sport")),
        Just(("icmp", "type")),
        Just(("ip", "dscp")),
        Just(("arp", "saddr ip")),
        Just(("tcp", "option maxseg size")),
        Just(("tcp", "option sack-perm")),
        Just(("rt0", "addr[1]")),
    ]
    .prop_map(|(protocol, field)| Expression::payload(protocol, field))
    .boxed()
}

fn asked() -> BoxedStrategy<Expression> {
    let conntrack = prop_oneof![
        Just(("state", None, None)),
        Just(("mark", None, None)),
        Just(("saddr", Some("original"), Some("ip"))),
        Just(("proto-dst", Some("reply"), None)),
        Just(("helper", None, None)),
    ]
    .prop_map(|(key, direction, family)| Expression::Ct {
        key: key.into(),
        direction: direction.map(Into::into),
        family: family.map(Into::into),
    });
    let meta = prop_oneof![Just("mark"), Just("iifname"), Just("l4proto"), Just("skuid"), Just("priority")];
    let fib = prop_oneof![Just("type"), Just("oif"), Just("check")]
        .prop_map(|result| Expression::Fib { result: result.into(), flags: vec!["saddr".into(), "iif".into()] });
    let numgen = (any::<bool>(), any::<u32>(), any::<u32>()).prop_map(|(is_random, modulus, offset)| {
        let mode = if is_random { NumgenMode::Random } else { NumgenMode::Incremental };
        Expression::Numgen { mode, modulus, offset }
    });
    let jhash = (vec(payload(), 1..3), any::<u32>(), option::of(any::<u32>()), any::<u32>()).prop_map(
        |(mut parts, modulus, seed, offset)| {
            let key = if parts.len() == 1 { parts.remove(0) } else { Expression::Concatenation(parts) };
            Expression::Hash { mode: HashMode::Jhash { key: Box::new(key), seed }, modulus, offset }
        },
    );
    let symhash = (any::<u32>(), any::<u32>()).prop_map(|(modulus, offset)| Expression::Hash {
        mode: HashMode::Symmetric,
        modulus,
        offset,
    });
    let raw = (0..2000_u32, 1..129_u32).prop_map(|(offset, length)| Expression::RawPayload {
        base: "th".into(),
        offset,
        length,
    });
    prop_oneof![
        4 => payload(),
        2 => meta.prop_map(|key| Expression::Meta(key.into())),
        2 => conntrack,
        1 => fib, 1 => numgen, 1 => jhash, 1 => symhash, 1 => raw,
        1 => Just(Expression::Socket("transparent".into())),
        1 => Just(Expression::Opaque("rt classid".into())),
    ]
    .boxed()
}

fn operator() -> BoxedStrategy<Operator> {
    prop_oneof![
        Just(Operator::And),
        Just(Operator::Or),
        Just(Operator::Xor),
        Just(Operator::ShiftLeft),
        Just(Operator::ShiftRight),
    ]
    .boxed()
}

/// Something asked of the packet, and operators with it.
fn masked() -> BoxedStrategy<Expression> {
    let right = prop_oneof![single(), asked()].prop_recursive(3, 8, 2, |inner| {
        (operator(), inner.clone(), inner)
            .prop_map(|(operator, left, right)| Expression::Binary(operator, Box::new((left, right))))
    });
    prop_oneof![
        3 => asked(),
        1 => (vec((operator(), right), 1..4), asked()).prop_map(|(steps, first)| {
            steps.into_iter().fold(first, |left, (operator, right)| Expression::Binary(operator, Box::new((left, right))))
        }),
    ].boxed()
}

fn key() -> BoxedStrategy<Expression> {
    prop_oneof![3 => masked(), 1 => vec(masked(), 2..4).prop_map(Expression::Concatenation)].boxed()
}

fn verdict() -> BoxedStrategy<Verdict> {
    prop_oneof![
        Just(Verdict::Accept),
        Just(Verdict::Drop),
        Just(Verdict::Continue),
        Just(Verdict::Return),
        name().prop_map(Verdict::Jump),
        name().prop_map(Verdict::Goto),
        Just(Verdict::Queue),
    ]
    .boxed()
}

fn element(data: impl Strategy<Value = Option<ElementData>> + 'static) -> BoxedStrategy<Element> {
    let comment = option::of("[a-z {};,#:]{0,12}".prop_map(String::into_boxed_str));
    let key = prop_oneof![5 => constants(), 1 => Just(Expression::CatchAll)];
    (key, data, comment, any::<bool>(), option::of(any::<u64>()))
        .prop_map(|(key, data, comment, limited, expires)| Element { key, data, comment, limited, expires })
        .boxed()
}

fn verdicts() -> BoxedStrategy<Expression> {
    let elements = vec(element(verdict().prop_map(|verdict| Some(ElementData::Verdict(verdict)))), 0..4);
    prop_oneof![elements.prop_map(Expression::Set), set_name().prop_map(Expression::SetReference)].boxed()
}

fn values() -> BoxedStrategy<Expression> {
    let elements = vec(element(constants().prop_map(|value| Some(ElementData::Value(value)))), 0..4);
    prop_oneof![elements.prop_map(Expression::Set), set_name().prop_map(Expression::SetReference)].boxed()
}

fn value() -> BoxedStrategy<Expression> {
    prop_oneof![
        3 => constant(),
        2 => masked(),
        1 => (key(), values()).prop_map(|sides| Expression::Map(Box::new(sides))),
    ]
    .boxed()
}

fn right() -> BoxedStrategy<Expression> {
    prop_oneof![
        4 => constants(),
        1 => vec(constant(), 2..4).prop_map(Expression::List),
        1 => vec(element(Just(None)), 0..4).prop_map(Expression::Set),
        1 => set_name().prop_map(Expression::SetReference),
    ]
    .boxed()
}

fn comparison() -> BoxedStrategy<Comparison> {
    prop_oneof![
        Just(Comparison::Implicit),
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::Greater),
        Just(Comparison::LessOrEqual),
        Just(Comparison::GreaterOrEqual),
    ]
    .boxed()
}

fn nat() -> BoxedStrategy<Statement> {
    let address = prop_oneof![
        address(),
        (any::<u32>(), any::<u32>()).prop_map(|(from, to)| {
            let address = |bits| Expression::Address(IpAddr::V4(Ipv4Addr::from_bits(bits)));
            Expression::Range(Box::new((address(from), address(to))))
        }),
        (key(), values()).prop_map(|sides| Expression::Map(Box::new(sides))),
    ];
    let port = prop_oneof![number(), (number(), number()).prop_map(|ends| Expression::Range(Box::new(ends)))];
    let flags =
        prop_oneof![Just(vec![]), Just(vec!["random".into()]), Just(vec!["random".into(), "persistent".into()])];
    (any::<bool>(), option::of(Just("ip".into())), option::of(address), option::of(port), flags)
        .prop_map(|(is_source, family, address, port, flags)| {
            if address.is_none() {
                let kind = if is_source { NatKind::Masquerade } else { NatKind::Redirect };
                return Statement::Nat { kind, family: None, address, port, flags };
            }
            let kind = if is_source { NatKind::Source } else { NatKind::Destination };
            Statement::Nat { kind, family, address, port, flags }
        })
        .boxed()
}

fn statement() -> BoxedStrategy<Statement> {
    let operation = prop_oneof![Just(SetOperation::Add), Just(SetOperation::Update), Just(SetOperation::Delete)];
    let update = (operation, set_name(), key(), option::of(value()), option::of(1..100_000_u64), any::<bool>())
        .prop_map(|(operation, set, key, data, timeout, limited)| Statement::Update {
            operation,
            set,
            key,
            data,
            timeout,
            limited,
        });
    let reject = prop_oneof![
        Just((None, None)),
        Just((Some("tcp reset"), None)),
        Just((Some("icmpx"), Some("port-unreachable"))),
        Just((Some("icmp"), Some("3"))),
    ]
    .prop_map(|(kind, code): (Option<&str>, Option<&str>)| Statement::Reject {
        kind: kind.map(Into::into),
        code: code.map(Into::into),
    });
    prop_oneof![
        5 => (comparison(), key(), right())
            .prop_map(|(comparison, left, right)| Statement::Match { comparison, left, right }),
        1 => (key(), verdicts()).prop_map(|(key, data)| Statement::VerdictMap { key, data }),
        1 => verdict().prop_map(Statement::Verdict),
        2 => (asked(), value()).prop_map(|(target, value)| Statement::Assign { target, value }),
        1 => nat(),
        1 => update,
        1 => reject,
        1 => Just(Statement::Notrack),
        1 => Just(Statement::Effectless("counter".into())),
        1 => Just(Statement::Effectless("log prefix \"a { b\" level info".into())),
        1 => Just(Statement::Conditional("limit rate 10/second burst 5 packets".into())),
    ]
    .boxed()
}

fn rule() -> BoxedStrategy<Rule> {
    let comment = option::of("[a-zA-Z {};,#:]{0,12}");
    (vec(statement(), 1..5), comment, any::<bool>())
        .prop_map(|(mut statements, comment, ends_opaque)| {
            if ends_opaque {
                statements.push(Statement::Opaque("frobnicate { a; b } \"}\"".into()));
            }
            Rule { handle: None, comment, statements }
        })
        .boxed()
}

/// Flags before a slash are a mask, and `missing` after a route is a check: the forms that reading makes of others.
fn is_canonical(statement: &Statement) -> bool {
    !matches!(statement, Statement::Match { left: Expression::Fib { result, .. }, right: Expression::Number(0 | 1), .. } if &**result != "check")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_rule_reads_back_as_it_was_printed(rule in rule()) {
        let printed = rule.to_string();
        let document = format!("table ip t {{\n chain c {{\n drop\n {printed}\n drop\n }}\n}}\n");
        let again = text(document.as_bytes());
        prop_assert!(again.is_ok(), "{printed}: {again:?}");
        let again = again.unwrap_or_default();
        let rules = &again.tables[0].chains[0].rules;
        prop_assert_eq!(rules.len(), 3, "{}", printed);
        if rule.statements.iter().all(is_canonical) {
            prop_assert_eq!(&rules[1], &rule, "{}", printed);
        }
        prop_assert_eq!(statements(&printed), &*rules[1].statements);
    }

    #[test]
    fn any_bytes_are_read_or_refused(document in vec(any::<u8>(), 0..300)) {
        let _ = text(&document);
    }

    #[test]
    fn any_words_of_nft_are_read_or_refused(
        words in vec(prop_oneof![
            Just("{"), Just("}"), Just("table ip t {"), Just("chain c {"), Just("set s {"), Just("map m {"),
            Just("elements = {"), Just("\n"), Just(";"), Just(","), Just("ip saddr"), Just("tcp flags"), Just("/"),
            Just("-"), Just("1.2.3.4"), Just("fd00::1"), Just("80"), Just("."), Just(":"), Just("vmap"), Just("map"),
            Just("@s"), Just("dnat to"), Just("["), Just("]"), Just("("), Just(")"), Just("&"), Just("|"), Just("\""),
            Just("comment \"a"), Just("# xt_x"), Just("# handle 4"), Just("jump"), Just("numgen random mod 2"),
            Just("jhash"), Just("seed"), Just("typeof"), Just("type"), Just("delete"), Just("add"), Just("rule"),
            Just("element"), Just("ip t"), Just("s"), Just("c"), Just("flush"), Just("ruleset"), Just("define x ="),
            Just("$x"), Just("\\\n"), Just("insert"), Just("index 3"), Just("limit rate 1/second"), Just("\u{e9}"),
        ], 0..40)
    ) {
        let document = words.join(" ");
        let _ = text(document.as_bytes());
        let _ = statements(&document);
    }

    #[test]
    fn a_listing_with_some_bytes_changed_is_read_or_refused(
        which in 0..LISTINGS.len(),
        changes in vec((any::<usize>(), 0..20_usize, "[ -~\n\t\u{e9}]{0,4}"), 1..6),
    ) {
        let mut document = LISTINGS[which].as_bytes().to_vec();
        for (place, length, new) in changes {
            let from = place % document.len();
            let to = (from + length).min(document.len());
            document.splice(from..to, new.bytes());
        }
        if let Ok(ruleset) = text(&document) {
            // And printing does not fail either.
            let rules = ruleset.tables.iter().flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
            prop_assert!(rules.map(|rule| rule.to_string().len()).sum::<usize>() < 10 * document.len());
        }
    }
}
