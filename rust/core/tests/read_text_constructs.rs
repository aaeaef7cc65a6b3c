//! What single constructs become, and which text is refused.

use svcc_core::read::{statements, text};
use svcc_core::ruleset::{
    Comparison, ElementData, Expression, NatKind, Operator, Rule, Ruleset, Set, SetOperation, Statement, Verdict,
};

fn ruleset(document: &str) -> Ruleset {
    text(document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn rules(body: &str) -> Vec<Rule> {
    ruleset(&format!("table ip t {{\n chain c {{\n{body}\n }}\n}}\n")).tables.remove(0).chains.remove(0).rules
}

fn one(body: &str) -> Statement {
    let mut found = statements(body);
    assert_eq!(found.len(), 1, "{body}: {found:?}");
    found.remove(0)
}

fn number(number: u128) -> Expression {
    Expression::Number(number)
}

fn binary(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Binary(operator, Box::new((left, right)))
}

fn matches(left: Expression, comparison: Comparison, right: Expression) -> Statement {
    Statement::Match { comparison, left, right }
}

fn words(statement: Statement) -> String {
    let Statement::Opaque(words) = statement else { panic!("{statement:?} is understood") };
    words.into()
}

#[test]
fn what_is_written_between_the_sides_is_kept() {
    let left = || Expression::payload("ip", "daddr");
    let right = || Expression::Address("1.2.3.4".parse().expect("an address"));
    assert_eq!(one("ip daddr 1.2.3.4"), matches(left(), Comparison::Implicit, right()));
    for (sign, comparison) in [
        ("==", Comparison::Equal),
        ("eq", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<", Comparison::Less),
        (">=", Comparison::GreaterOrEqual),
    ] {
        assert_eq!(one(&format!("ip daddr {sign} 1.2.3.4")), matches(left(), comparison, right()));
    }
}

#[test]
fn the_forms_of_flags_are_one() {
    let flags = Expression::payload("tcp", "flags");
    let mask = binary(Operator::Or, Expression::symbol("syn"), Expression::symbol("ack"));
    let masked = binary(Operator::And, flags.clone(), mask.clone());
    let expected = matches(masked.clone(), Comparison::Equal, Expression::symbol("syn"));
    for body in ["tcp flags & (syn|ack) == syn", "tcp flags syn / syn,ack", "tcp flags and (syn or ack) eq syn"] {
        assert_eq!(one(body), expected, "{body}");
    }
    let not = matches(masked.clone(), Comparison::NotEqual, Expression::symbol("syn"));
    assert_eq!(one("tcp flags != syn / syn,ack"), not);
    assert_eq!(one("tcp flags ! syn,ack"), matches(masked, Comparison::Equal, number(0)));
    assert_eq!(one("tcp flags syn"), matches(flags, Comparison::Implicit, Expression::symbol("syn")));
}

#[test]
fn operators_bind_as_in_nft() {
    let mark = || Expression::Meta("mark".into());
    let anded = binary(Operator::And, mark(), number(0xffff_0000));
    let expected = Statement::Assign { target: mark(), value: binary(Operator::Or, anded, number(1)) };
    for body in [
        "meta mark set meta mark & 0xffff0000 | 0x1",
        "mark set mark and 0xffff0000 or 0x1",
        "meta mark set (meta mark & 4294901760) | 1",
    ] {
        assert_eq!(one(body), expected, "{body}");
    }
    let shifted = binary(Operator::ShiftLeft, mark(), number(2));
    let expected = binary(Operator::Xor, number(1), binary(Operator::And, shifted, number(3)));
    assert_eq!(one("mark set 1 ^ mark << 2 & 3"), Statement::Assign { target: mark(), value: expected });
}

#[test]
fn routes_that_exist_or_not_are_a_check() {
    let fib = || Expression::Fib { result: "check".into(), flags: vec!["saddr".into(), "iif".into()] };
    for body in ["fib saddr . iif oif exists", "fib saddr . iif check exists"] {
        assert_eq!(one(body), matches(fib(), Comparison::Implicit, number(1)));
    }
    assert_eq!(one("fib saddr . iif oif missing").to_string(), "fib saddr . iif oif missing");
    let interface = Expression::Fib { result: "oif".into(), flags: vec!["saddr".into()] };
    assert_eq!(one("fib saddr oif 0"), matches(interface, Comparison::Implicit, number(0)));
}

#[test]
fn addresses_and_ports_of_translation_are_told_apart() {
    let cases = [
        ("dnat to 10.0.0.1:80", None, Some("10.0.0.1"), Some("80")),
        ("dnat to [fd00::1]:80", None, Some("fd00::1"), Some("80")),
        ("dnat ip6 to fd00::1", Some("ip6"), Some("fd00::1"), None),
        ("dnat to :80", None, None, Some("80")),
        ("dnat to 1.2.3.4-1.2.3.9:1000-2000", None, Some("1.2.3.4-1.2.3.9"), Some("1000-2000")),
        ("dnat ip to ip saddr map @m", Some("ip"), Some("ip saddr map @m"), None),
        ("dnat to ip saddr map @m", None, Some("ip saddr map @m"), None),
        (
            "dnat ip addr . port to numgen random mod 2 map { 0 : 10.0.0.1 . 80 }",
            Some("ip"),
            Some("numgen random mod 2 map { 0 : 10.0.0.1 . 80 }"),
            None,
        ),
        ("dnat ip to tcp dport map { 1 : 1.1.1.1 }:80", Some("ip"), Some("tcp dport map { 1 : 1.1.1.1 }"), Some("80")),
    ];
    for (body, expected_family, expected_address, expected_port) in cases {
        let Statement::Nat { kind: NatKind::Destination, family, address, port, flags } = one(body) else {
            panic!("{body}")
        };
        let text = |value: Option<Expression>| value.map(|value| value.to_string());
        assert_eq!(family.as_deref(), expected_family, "{body}");
        assert_eq!(text(address).as_deref(), expected_address, "{body}");
        assert_eq!(text(port).as_deref(), expected_port, "{body}");
        assert!(flags.is_empty());
    }
    let expected = Statement::Nat {
        kind: NatKind::Masquerade,
        family: None,
        address: None,
        port: Some(Expression::Range(Box::new((number(1024), number(65535))))),
        flags: vec!["random".into(), "persistent".into()],
    };
    assert_eq!(one("masquerade to :1024-65535 random,persistent"), expected);
}

#[test]
fn what_is_not_understood_takes_the_rest_of_its_rule_along() {
    let found = rules("tcp dport 22 frobnicate { a; b } accept comment \"why\" # handle 7\ntcp dport 23 drop");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].statements.len(), 2);
    assert_eq!(words(found[0].statements[1].clone()), "frobnicate { a; b } accept");
    assert_eq!((found[0].comment.as_deref(), found[0].handle), (Some("why"), Some(7)));
    assert_eq!(found[1].statements.len(), 2);
}

#[test]
fn statements_that_need_modules_of_the_kernel_are_read() {
    for body in ["queue", "queue num 1-3 bypass", "queue to 1-3 bypass,fanout", "queue flags bypass,fanout to 1-3"] {
        assert_eq!(one(body), Statement::Verdict(Verdict::Queue), "{body}");
    }
    assert_eq!(one("queue to symhash mod 2 offset 1"), Statement::Verdict(Verdict::Queue));
    let target = Expression::payload("tcp", "option maxseg size");
    let expected = Statement::Assign { target, value: Expression::Opaque("rt mtu".into()) };
    assert_eq!(one("tcp option maxseg size set rt mtu"), expected);
    for body in ["flow add @ft", "tproxy ip to 127.0.0.1:80", "dup to 1.2.3.4 device \"lo\"", "synproxy mss 1460"] {
        assert_eq!(words(one(body)), body);
    }
}

#[test]
fn old_meters_are_elements_that_rules_add() {
    let body = "meter m size 100 { ip saddr timeout 1m limit rate 1/second } accept";
    let expected = Statement::Update {
        operation: SetOperation::Add,
        set: "m".into(),
        key: Expression::payload("ip", "saddr"),
        data: None,
        timeout: Some(60),
        limited: true,
    };
    assert_eq!(statements(body), [expected, Statement::Verdict(Verdict::Accept)]);
}

#[test]
fn anonymous_chains_and_unknown_matches_stay_as_words() {
    let found =
        rules("jump {\n accept\n drop\n}\nip saddr 1.1.1.1 xt match \"comment\" xt target \"MASQUERADE\" # handle 3");
    assert_eq!(words(found[0].statements[0].clone()), "jump {\n accept\n drop\n}");
    assert_eq!(found[1].statements[1], Statement::Effectless("xt match \"comment\"".into()));
    assert_eq!(words(found[1].statements[2].clone()), "xt target \"MASQUERADE\"");
    assert_eq!(found[1].handle, Some(3));
}

#[test]
fn comments_hold_quotation_marks() {
    for (line, expected) in [
        ("accept comment \"a \"b\" c\"", "a \"b\" c"),
        ("accept comment \"a \\\"b\\\" c\" # handle 4", "a \\\"b\\\" c"),
        ("comment \"first\" accept", "first"),
        ("accept comment \"C:\\\"", "C:\\"),
        ("accept comment \"# no { comment } ; here\"", "# no { comment } ; here"),
    ] {
        let found = rules(&format!("drop\n{line}\ndrop"));
        assert_eq!(found.len(), 3, "{line}");
        assert_eq!(found[1].comment.as_deref(), Some(expected), "{line}");
        assert_eq!(found[1].statements, [Statement::Verdict(Verdict::Accept)], "{line}");
    }
}

fn set(lines: &str) -> Set {
    ruleset(&format!("table ip t {{\n map s {{\n{lines}\n }}\n}}\n")).tables.remove(0).sets.remove(0)
}

#[test]
fn elements_tell_how_long_they_stay_and_whether_they_are_limited() {
    let found = set("type ipv4_addr : verdict\nflags timeout\ntimeout 1h\nelements = {\n\
        1.1.1.1 timeout 30s expires 24s812ms counter packets 0 bytes 0 comment \"x\" : jump a/b-c,\n\
        2.2.2.2 expires 812ms : drop, 3.3.3.3 limit rate 1/second burst 5 packets : accept, * : continue }");
    let expires: Vec<_> = found.elements.iter().map(|element| element.expires).collect();
    assert_eq!(expires, [Some(24), Some(0), Some(3600), Some(3600)]);
    let limited: Vec<_> = found.elements.iter().map(|element| element.limited).collect();
    assert_eq!(limited, [false, false, true, false]);
    assert_eq!(found.elements[0].data, Some(ElementData::Verdict(Verdict::Jump("a/b-c".into()))));
    assert_eq!(found.elements[3].key, Expression::CatchAll);
}

#[test]
fn a_set_with_a_limit_limits_its_elements_and_what_rules_add() {
    let found = ruleset(
        "table ip t {\nset s { type ipv4_addr; flags dynamic; limit rate 1/second; elements = { 1.1.1.1 }\n}\n\
         chain c {\nupdate @s { ip saddr }\nupdate @other { ip saddr }\n}\n}",
    );
    assert!(found.tables[0].sets[0].elements[0].limited);
    let limited: Vec<bool> = found.tables[0].chains[0]
        .rules
        .iter()
        .map(|rule| matches!(rule.statements[0], Statement::Update { limited: true, .. }))
        .collect();
    assert_eq!(limited, [true, false]);
}

#[test]
fn blocks_add_up_and_commands_are_carried_out() {
    let found = ruleset(
        "define PORTS = { 80, 443 }\n\
         table ip t { set s { type inet_service; elements = { 22 }\n}\n}\n\
         table ip t {\n set s { type inet_service; flags interval; elements = { $PORTS, 90 }\n}\n chain c { tcp dport 1; tcp dport 2\n } }\n\
         add rule ip t c tcp dport \\\n 3 accept; insert rule t c tcp dport 0\n\
         add element ip t s { 100 }\ndelete element ip t s { 443 }\n\
         add table inet gone\nadd chain inet gone c { type filter hook input priority filter - 5; policy drop; }\ndelete table inet gone\n\
         destroy table ip never",
    );
    assert_eq!(found.notes, []);
    assert_eq!(found.tables.len(), 1);
    let keys: Vec<String> = found.tables[0].sets[0].elements.iter().map(ToString::to_string).collect();
    assert_eq!(keys, ["22", "80", "90", "100"]);
    assert!(found.tables[0].sets[0].interval);
    let printed: Vec<String> = found.tables[0].chains[0].rules.iter().map(ToString::to_string).collect();
    assert_eq!(printed, ["tcp dport 0", "tcp dport 1", "tcp dport 2", "tcp dport 3 accept"]);
}

#[test]
fn flushing_takes_rules_or_elements_or_tables_away() {
    let declared = "table ip t { set s { type mark; elements = { 1 }\n}\nchain c { accept\n}\n}\ntable ip6 u { }\n";
    let after = |command: &str| ruleset(&format!("{declared}{command}"));
    assert!(after("flush table ip t").tables[0].chains[0].rules.is_empty());
    assert_eq!(after("flush table ip t").tables[0].sets[0].elements.len(), 1);
    assert!(after("flush set ip t s").tables[0].sets[0].elements.is_empty());
    assert!(after("flush chain t c").tables[0].chains[0].rules.is_empty());
    assert_eq!(after("flush ruleset ip6").tables.len(), 1);
    assert!(after("flush ruleset").tables.is_empty());
    assert_eq!(after("delete chain ip t missing").notes.len(), 1);
    assert!(after("delete chain ip t c").tables[0].chains.is_empty());
}

#[test]
fn unknown_blocks_are_noted_and_known_objects_are_not() {
    let found = ruleset(
        "table inet f {\n flowtable ft {\n hook ingress priority 0\n devices = { lo }\n }\n ct helper h { type \"ftp\" protocol tcp; }\n\
         gadget g {\n x { y }\n }\n chain c {\n accept\n }\n}",
    );
    assert_eq!(found.tables[0].chains[0].rules.len(), 1);
    let messages: Vec<_> = found.notes.iter().map(|note| (note.place, note.message.as_str())).collect();
    assert_eq!(messages, [(7, "`gadget g` in table inet f is not understood and left out; it may do something")]);
}

#[test]
fn text_that_is_broken_is_refused_with_its_line() {
    for (document, line, message) in [
        ("table ip t {\n chain c {\n accept\n", 4, "the listing ends inside chain c of table ip t"),
        ("table ip t {\n set s {\n type mark\n elements = { 1,\n", 5, "the listing ends inside set s of table ip t"),
        ("table inet t {\n", 2, "the listing ends inside table inet t"),
        ("table ip t {\n chain c {\n jump { accept\n }\n}\n", 6, "the listing ends inside table ip t"),
        ("table ip t {\n chain c {\n jump { accept\n", 4, "the listing ends inside chain c of table ip t"),
        ("table ip t { }\n}\n", 2, "a brace is closed that was never opened"),
        ("{\"nftables\": []}", 1, "this looks like JSON, not like nft text"),
        ("\nhello world", 2, "nothing of nft begins with `hello`"),
        ("*nat\n:PREROUTING ACCEPT [0:0]\n", 1, "this is no nft text"),
        (
            "table ip t { }\ninclude \"/etc/x.nft\"\n",
            2,
            "the script includes another file, which is not read; list the ruleset instead",
        ),
    ] {
        let error = text(document.as_bytes()).expect_err(document);
        assert_eq!((error.line, error.message.as_str()), (line, message));
    }
}

#[test]
fn empty_text_is_an_empty_ruleset() {
    for document in ["", "\n\n", "# nothing\n", "\u{feff}\n", "flush ruleset\n"] {
        assert_eq!(text(document.as_bytes()), Ok(Ruleset::default()), "{document:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_tolerated_in_comments() {
    let found = text(b"table ip t {\n chain c {\n accept comment \"\xff\xfe\"\n }\n}\n").expect("a ruleset");
    assert_eq!(found.tables[0].chains[0].rules[0].comment.as_deref(), Some("\u{fffd}\u{fffd}"));
}

#[test]
fn what_lies_too_deep_is_not_followed() {
    let deep = format!("meta mark {}1", "( ".repeat(100_000));
    assert!(matches!(statements(&deep)[..], [Statement::Opaque(_)]));
    let long = format!("meta mark set 1{}", " | 1".repeat(100_000));
    assert!(matches!(statements(&long)[..], [Statement::Opaque(_)]));
    let sets = format!("ip saddr {}", "{ ".repeat(100_000));
    assert!(matches!(statements(&sets)[..], [Statement::Opaque(_)]));
    assert!(text(format!("table ip t {{ chain c {{ {} }} }}", "jump { ".repeat(100_000)).as_bytes()).is_err());
}

#[test]
fn elements_that_were_left_out_are_told_where_nft_counts_them() {
    let counted =
        "table ip t {\n set s {\n type ipv4_addr\n size 100\t# count 2\n }\n set e {\n type ipv4_addr\n }\n}\n";
    let unknown: Vec<bool> = ruleset(counted).tables[0].sets.iter().map(|set| set.elements_unknown).collect();
    assert_eq!(unknown, [true, false]);
}

#[test]
fn a_rule_without_statements_is_known_by_its_handle() {
    let found =
        ruleset("table ip t { # handle 1\n\tchain c { # handle 2\n\t\t # handle 3\n\t\taccept # handle 4\n\t}\n}\n");
    assert_eq!(found.tables[0].chains[0].handle, Some(2));
    let handles: Vec<_> = found.tables[0].chains[0].rules.iter().map(|rule| rule.handle).collect();
    assert_eq!(handles, [Some(3), Some(4)]);
    assert!(found.tables[0].chains[0].rules[0].statements.is_empty());
}
