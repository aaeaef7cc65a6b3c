//! What the objects for tables, chains and sets declare. Whatever is odd is told by a sentence.

use super::priority::priority;
use super::statements::statement;
use super::value::Value;
use crate::ruleset::{Base, ChainType, DataType, Expression, Hook, KeyType, Rule, Set, TableFamily};

/// Sentences about one object.
#[derive(Default)]
pub(super) struct Oddities {
    /// Sentences, and whether what they are about may decide about any packet.
    pub(super) sentences: Vec<(String, bool)>,
}

impl Oddities {
    pub(super) fn push(&mut self, sentence: String) {
        self.sentences.push((sentence, false));
    }

    fn decisive(&mut self, sentence: String) {
        self.sentences.push((sentence, true));
    }
}

/// The family of a table.
pub(super) fn family(word: &str) -> Option<TableFamily> {
    Some(match word {
        "ip" => TableFamily::Ip,
        "ip6" => TableFamily::Ip6,
        "inet" => TableFamily::Inet,
        "arp" => TableFamily::Arp,
        "bridge" => TableFamily::Bridge,
        "netdev" => TableFamily::Netdev,
        _ => return None,
    })
}

/// Whether a table is dormant. Before 1.1.0 the name of the table stands for whatever flag it has: it may be dormant, or
/// owned by a program.
pub(super) fn is_dormant(object: &Value<'_>, odd: &mut Oddities) -> Option<bool> {
    let name = object.text_of("name");
    let mut dormant = Some(false);
    for flag in object.get("flags").map_or(&[][..], Value::items) {
        match flag.text() {
            Some("dormant") => dormant = Some(true),
            Some("owner" | "persist") => {}
            word if word.is_some() && word == name => {
                dormant = None;
                odd.push("its flag is printed as its name: it may be dormant, or owned by a program".to_owned());
            }
            _ => odd.push(format!("its flag {} is unknown", flag.compact())),
        }
    }
    dormant
}

/// What makes a chain a base chain, if it is one.
pub(super) fn base(object: &Value<'_>, family: TableFamily, odd: &mut Oddities) -> Option<Base> {
    let hook_name = object.get("hook")?;
    let hook = match hook_name.text() {
        Some("ingress") => Hook::Ingress,
        Some("prerouting") => Hook::Prerouting,
        Some("input") => Hook::Input,
        Some("forward") => Hook::Forward,
        Some("output") => Hook::Output,
        Some("postrouting") => Hook::Postrouting,
        Some("egress") => Hook::Egress,
        _ => {
            odd.decisive(format!("its hook {} is unknown, so it counts as no base chain", hook_name.compact()));
            return None;
        }
    };
    let chain_type = match object.text_of("type") {
        Some("filter") => ChainType::Filter,
        Some("nat") => ChainType::Nat,
        Some("route") => ChainType::Route,
        _ => {
            odd.decisive("its type is unknown, so it counts as no base chain".to_owned());
            return None;
        }
    };
    let priority = object.get("prio").and_then(|value| priority(value, family)).unwrap_or_else(|| {
        odd.decisive("its priority is unknown and taken for 0".to_owned());
        0
    });
    let policy_drop = match object.text_of("policy") {
        None | Some("accept") => false,
        Some("drop") => true,
        Some(policy) => {
            odd.decisive(format!("its policy {policy} is unknown and taken for accept"));
            false
        }
    };
    let devices: Vec<String> =
        ["dev", "devices"].iter().filter_map(|key| object.words_of(key)).flatten().map(str::to_owned).collect();
    if devices.is_empty() && matches!(hook, Hook::Ingress | Hook::Egress) {
        odd.push("its devices are missing".to_owned());
    }
    Some(Base { chain_type, hook, priority, policy_drop, devices })
}

/// A rule.
pub(super) fn rule(object: &Value<'_>) -> Rule {
    Rule {
        handle: object.get("handle").and_then(Value::unsigned),
        comment: object.text_of("comment").map(Into::into),
        // An empty rule has no such key.
        statements: object.get("expr").map_or(&[][..], Value::items).iter().map(statement).collect(),
    }
}

/// A set or map without its elements.
pub(super) fn set(object: &Value<'_>, is_map: bool, odd: &mut Oddities) -> Set {
    let flags = object.words_of("flags").unwrap_or_else(|| {
        odd.push("its flags are no words".to_owned());
        Vec::new()
    });
    Set {
        name: object.text_of("name").unwrap_or_default().to_owned(),
        handle: object.get("handle").and_then(Value::unsigned),
        comment: object.text_of("comment").map(Into::into),
        key: types(object.get("type"), odd),
        data: is_map.then(|| data_type(object.get("map"), odd)),
        interval: flags.contains(&"interval"),
        dynamic: flags.contains(&"dynamic"),
        timeout: flags.contains(&"timeout") || object.get("timeout").is_some(),
        default_timeout: object.get("timeout").and_then(Value::unsigned),
        elements_unknown: false,
        elements: Vec::new(),
    }
}

fn types(value: Option<&Value<'_>>, odd: &mut Oddities) -> Vec<KeyType> {
    let Some(value) = value else {
        odd.push("its type is missing".to_owned());
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in value.items() {
        match (item.text(), item.single()) {
            // 1.0.6 prints the types of concatenated data as one string.
            (Some(text), _) => found.extend(text.split(" . ").map(|name| KeyType::Named(name.to_owned()))),
            (None, Some(("typeof", of))) => match super::expressions::expression(of) {
                Expression::Concatenation(parts) => found.extend(parts.into_iter().map(KeyType::TypeOf)),
                part => found.push(KeyType::TypeOf(part)),
            },
            _ => {
                odd.push(format!("its type {} is unknown", item.compact()));
                found.push(KeyType::TypeOf(Expression::Opaque(item.compact())));
            }
        }
    }
    found
}

fn data_type(value: Option<&Value<'_>>, odd: &mut Oddities) -> DataType {
    match value.and_then(Value::text) {
        Some("verdict") => DataType::Verdict,
        Some(
            kind @ ("counter" | "quota" | "limit" | "ct helper" | "ct timeout" | "ct expectation" | "secmark"
            | "synproxy" | "tunnel"),
        ) => DataType::Object(kind.to_owned()),
        _ => DataType::Value(types(value, odd)),
    }
}
