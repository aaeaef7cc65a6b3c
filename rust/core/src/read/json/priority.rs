//! Priorities of base chains by number and by name.

use super::value::Value;
use crate::ruleset::TableFamily;

/// A priority: a number, a name of nft(8), or a name with something added.
pub(super) fn priority(value: &Value<'_>, family: TableFamily) -> Option<i32> {
    match value {
        Value::Unsigned(number) => i32::try_from(*number).ok(),
        Value::Negative(number) => i32::try_from(*number).ok(),
        Value::Text(text) => written(text, family),
        _ => None,
    }
}

fn written(text: &str, family: TableFamily) -> Option<i32> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let end = text.find(['+', '-', ' ']).unwrap_or(text.len());
    let (name, added) = text.split_at(end);
    let added: String = added.chars().filter(|character| *character != ' ').collect();
    let added = if added.is_empty() { 0 } else { added.parse().ok()? };
    named(name, family)?.checked_add(added)
}

fn named(name: &str, family: TableFamily) -> Option<i32> {
    Some(match (family, name) {
        (TableFamily::Bridge, "dstnat") => -300,
        (TableFamily::Bridge, "filter") => -200,
        (TableFamily::Bridge, "out") => 100,
        (TableFamily::Bridge, "srcnat") => 300,
        (_, "filter") => 0,
        (TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet, _) => match name {
            "raw" => -300,
            "mangle" => -150,
            "dstnat" => -100,
            "security" => 50,
            "srcnat" => 100,
            _ => return None,
        },
        _ => return None,
    })
}
