//! Elements of sets and maps.

use super::expressions::nested;
use super::statements::{only_counts, verdict};
use super::value::Value;
use crate::ruleset::{Element, ElementData, Expression};

/// The elements of a set or map. Whether it is a map is None where that is not known yet.
pub(super) fn elements(listed: &Value<'_>, is_map: Option<bool>, depth: usize) -> Vec<Element> {
    listed.items().iter().map(|value| element(value, is_map, depth)).collect()
}

/// One element.
pub(super) fn element(value: &Value<'_>, is_map: Option<bool>, depth: usize) -> Element {
    // A list in a set is one of flags, and in a map it is key and data.
    match value {
        Value::List(pair) if is_map != Some(false) && pair.len() == 2 => {
            let mut found = keyed(&pair[0], depth);
            found.data = Some(data(&pair[1], depth));
            found
        }
        _ => keyed(value, depth),
    }
}

fn data(value: &Value<'_>, depth: usize) -> ElementData {
    match value.single().and_then(|(kind, body)| verdict(kind, body)) {
        Some(verdict) => ElementData::Verdict(verdict),
        None => ElementData::Value(nested(value, depth)),
    }
}

fn keyed(value: &Value<'_>, depth: usize) -> Element {
    let Some(("elem", body)) = value.single() else { return Element::new(key(value, depth), None) };
    let Some(inner) = body.get("val") else {
        return Element::new(Expression::Opaque(value.compact()), None);
    };
    Element {
        key: key(inner, depth),
        data: None,
        comment: body.text_of("comment").map(Into::into),
        limited: has_limits(body),
        expires: expires(body),
    }
}

fn key(value: &Value<'_>, depth: usize) -> Expression {
    match value {
        Value::Text(text) if text == "*" => Expression::CatchAll,
        _ => nested(value, depth),
    }
}

/// In seconds. A listing without counters may leave out how much is left, and print how much it was.
fn expires(body: &Value<'_>) -> Option<u64> {
    body.get("expires").or_else(|| body.get("timeout")).and_then(Value::unsigned)
}

/// Whether an element has statements that can stop a rule; those that nobody knows can.
pub(super) fn has_limits(body: &Value<'_>) -> bool {
    body.keys().any(|key| match key {
        "val" | "comment" | "timeout" | "expires" => false,
        "stmt" => statements_limit(body),
        _ => !only_counts(key),
    })
}

/// The same of the list `stmt` of a set's update.
pub(super) fn statements_limit(body: &Value<'_>) -> bool {
    let listed = body.get("stmt").map_or(&[][..], Value::items);
    listed.iter().any(|statement| !statement.single().is_some_and(|(kind, _)| only_counts(kind)))
}
