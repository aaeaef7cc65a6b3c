//! No bytes and no JSON make the reader panic.

use crate::dumps::bytes;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json as value};
use svcc_core::read::json;

/// Words that mean something to the reader.
const WORDS: [&str; 92] = [
    "table",
    "chain",
    "rule",
    "set",
    "map",
    "element",
    "metainfo",
    "add",
    "insert",
    "replace",
    "delete",
    "flush",
    "ruleset",
    "family",
    "name",
    "handle",
    "index",
    "expr",
    "elem",
    "val",
    "comment",
    "timeout",
    "expires",
    "flags",
    "type",
    "typeof",
    "hook",
    "prio",
    "policy",
    "dev",
    "match",
    "op",
    "left",
    "right",
    "in",
    "==",
    "vmap",
    "key",
    "data",
    "accept",
    "jump",
    "goto",
    "target",
    "mangle",
    "value",
    "dnat",
    "addr",
    "port",
    "type_flags",
    "reject",
    "counter",
    "limit",
    "stmt",
    "xt",
    "meter",
    "payload",
    "protocol",
    "field",
    "base",
    "offset",
    "len",
    "meta",
    "ct",
    "dir",
    "fib",
    "result",
    "numgen",
    "mode",
    "mod",
    "jhash",
    "seed",
    "symhash",
    "concat",
    "range",
    "prefix",
    "&",
    "|",
    "<<",
    "ip",
    "t",
    "c",
    "s",
    "nat",
    "prerouting",
    "verdict",
    "dstnat",
    "*",
    "@s",
    "10.0.0.1",
    "0x50 [invalid type]",
    "version",
    "1.0.6",
];
const DUMPS: [&str; 8] = [
    "services-1.0.6",
    "services-1.1.7",
    "filter-1.0.6",
    "filter-1.1.3",
    "newer-1.0.6",
    "iptables-1.0.6",
    "commands",
    "affinity-1.0.6",
];

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        select(&WORDS[..]).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u64..12).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::strategy::Just(Value::Null),
    ];
    leaf.prop_recursive(8, 64, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((select(&WORDS[..]), inner), 0..4)
                .prop_map(|entries| entries
                    .into_iter()
                    .map(|(key, found)| (key.to_owned(), found))
                    .collect::<Map<_, _>>())
                .prop_map(Value::from),
        ]
    })
}

/// All places of a document.
fn places(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), document)];
    while let Some((pointer, here)) = open.pop() {
        match here {
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(i, item)| (format!("{pointer}/{i}"), item)));
            }
            Value::Object(entries) => {
                let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
                open.extend(entries.iter().map(|(key, item)| (format!("{pointer}/{}", escaped(key)), item)));
            }
            _ => {}
        }
        found.push(pointer);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let _ = json(&bytes);
        let _ = json(&[b"{\"nftables\": [".as_slice(), &bytes, b"]}"].concat());
    }

    #[test]
    fn arbitrary_json_is_a_ruleset_with_notes(objects in vec(arbitrary_json(), 0..6)) {
        let document = value!({"nftables": objects}).to_string();
        match json(document.as_bytes()) {
            Ok(ruleset) => assert!(ruleset.notes.iter().all(|note| (1..=objects.len()).contains(&note.place))),
            Err(error) => panic!("{error}: {document}"),
        }
    }

    #[test]
    fn a_dump_in_which_something_else_stands_is_still_read(
        name in select(&DUMPS[..]), changes in vec((any::<Index>(), arbitrary_json()), 1..4)
    ) {
        let mut document: Value = serde_json::from_slice(&bytes(name)).expect("it is JSON");
        for (index, other) in changes {
            let places: Vec<String> = places(&document["nftables"]).into_iter().filter(|place| !place.is_empty()).collect();
            if let Some(found) = document["nftables"].pointer_mut(&places[index.index(places.len())]) {
                *found = other;
            }
        }
        json(document.to_string().as_bytes()).expect("it is a ruleset still");
    }

    #[test]
    fn a_dump_with_other_bytes_in_it_is_read_or_refused(
        name in select(&DUMPS[..]), changes in vec((any::<Index>(), any::<u8>()), 1..4), end in any::<Index>()
    ) {
        let mut document = bytes(name);
        for (index, byte) in changes {
            let place = index.index(document.len());
            document[place] = byte;
        }
        let _ = json(&document);
        let _ = json(&document[..end.index(document.len())]);
    }
}
