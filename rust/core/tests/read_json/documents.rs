//! What is refused, and what gets a note.

use crate::dumps::{address, bytes, comparable, dump, expression, read, refused, said, set};
use svcc_core::read::json;
use svcc_core::ruleset::{Element, Expression};

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
