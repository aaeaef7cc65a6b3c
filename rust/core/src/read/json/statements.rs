//! Statements of libnftables' JSON.

use super::elements::{has_limits, statements_limit};
use super::expressions::{expression, flags_together, map_data};
use super::value::{Value, bounded};
use crate::ruleset::{Comparison, Expression, NatKind, Operator, SetOperation, Statement, Verdict};

/// A statement; opaque with its JSON if it is not understood.
pub(super) fn statement(value: &Value<'_>) -> Statement {
    if let Value::Text(text) = value {
        return statement_from_text(text);
    }
    let found = value.single().and_then(|(kind, body)| understood(value, kind, body));
    found.unwrap_or_else(|| Statement::Opaque(value.compact()))
}

/// A statement that nft could not say in JSON and printed as text: `update @map { key : data }` by nft before 1.1.
pub(super) fn statement_from_text(text: &str) -> Statement {
    let mut read = crate::read::statements(text);
    match (read.pop(), read.is_empty()) {
        (Some(statement), true) => statement,
        _ => Statement::Opaque(bounded(text)),
    }
}

/// Whether a statement of an element decides nothing.
pub(super) fn only_counts(kind: &str) -> bool {
    matches!(kind, "counter" | "last")
}

/// A verdict, in a rule or as the data of an element.
pub(super) fn verdict(kind: &str, body: &Value<'_>) -> Option<Verdict> {
    let target = || if body.has_only(&["target"]) { body.text_of("target").map(Into::into) } else { None };
    Some(match kind {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        "queue" => Verdict::Queue,
        _ => return None,
    })
}

fn understood(value: &Value<'_>, kind: &str, body: &Value<'_>) -> Option<Statement> {
    if let Some(verdict) = verdict(kind, body) {
        return Some(Statement::Verdict(verdict));
    }
    match kind {
        "match" => comparison(body),
        "vmap" if body.has_only(&["key", "data"]) => {
            Some(Statement::VerdictMap { key: expression(body.get("key")?), data: map_data(body.get("data")?, 0) })
        }
        "mangle" if body.has_only(&["key", "value"]) => {
            Some(Statement::Assign { target: expression(body.get("key")?), value: flags_together(body.get("value")?) })
        }
        "dnat" => nat(NatKind::Destination, body),
        "snat" => nat(NatKind::Source, body),
        "masquerade" => nat(NatKind::Masquerade, body),
        "redirect" => nat(NatKind::Redirect, body),
        "reject" => reject(body),
        "set" => update(body, "set"),
        "map" => update(body, "map"),
        "notrack" => Some(Statement::Notrack),
        // A named object by a map: nothing in the map ends the rule.
        "counter" | "limit" | "quota" if body.get("map").is_some() => Some(Statement::Conditional(value.compact())),
        "counter" | "log" | "last" => Some(Statement::Effectless(value.compact())),
        "limit" | "quota" | "ct count" => Some(Statement::Conditional(value.compact())),
        "meter" => meter(value, body),
        // The arguments of iptables' extensions are in no version's JSON, and a comment needs none.
        "xt" if body.text_of("type") == Some("match") && body.text_of("name") == Some("comment") => {
            Some(Statement::Effectless(value.compact()))
        }
        _ => None,
    }
}

fn comparison(body: &Value<'_>) -> Option<Statement> {
    if !body.has_only(&["op", "left", "right"]) {
        return None;
    }
    let (left, right) = (body.get("left")?, body.get("right")?);
    let comparison = match body.text_of("op") {
        Some("!") => {
            let flags = Expression::Binary(Operator::And, Box::new((expression(left), flags_together(right))));
            return Some(Statement::Match { comparison: Comparison::Equal, left: flags, right: Expression::Number(0) });
        }
        None | Some("in") => Comparison::Implicit,
        Some("==") => Comparison::Equal,
        Some("!=") => Comparison::NotEqual,
        Some("<") => Comparison::Less,
        Some(">") => Comparison::Greater,
        Some("<=") => Comparison::LessOrEqual,
        Some(">=") => Comparison::GreaterOrEqual,
        Some(_) => return None,
    };
    let converted = if comparison == Comparison::Implicit { expression(right) } else { flags_together(right) };
    Some(Statement::Match { comparison, left: asked(left, right), right: converted })
}

/// The left side. A route that is compared with a truth is asked for its existence, whatever result is written.
fn asked(left: &Value<'_>, right: &Value<'_>) -> Expression {
    match expression(left) {
        Expression::Fib { flags, .. } if is_truth(right) => Expression::Fib { result: "check".into(), flags },
        found => found,
    }
}

fn is_truth(value: &Value<'_>) -> bool {
    match value.single() {
        Some(("concat", Value::List(items))) => matches!(items.as_slice(), [Value::Bool(_)]),
        Some(("prefix", body)) => matches!(body.get("addr"), Some(Value::Bool(_))),
        _ => matches!(value, Value::Bool(_)),
    }
}

fn nat(kind: NatKind, body: &Value<'_>) -> Option<Statement> {
    if *body == Value::Null {
        return Some(Statement::Nat { kind, family: None, address: None, port: None, flags: Vec::new() });
    }
    if !body.has_only(&["family", "addr", "port", "flags", "type_flags"]) {
        return None;
    }
    let kinds = body.words_of("type_flags")?;
    let mut flags: Vec<Box<str>> = body.words_of("flags")?.into_iter().map(Into::into).collect();
    if kinds.contains(&"prefix") {
        flags.retain(|flag| &**flag != "netmap"); // which is what `prefix` is called in the kernel
    }
    flags.extend(kinds.into_iter().filter(|&word| word != "concat").map(Into::into));
    Some(Statement::Nat {
        kind,
        family: body.text_of("family").map(Into::into),
        address: body.get("addr").map(expression),
        port: body.get("port").map(expression),
        flags,
    })
}

fn reject(body: &Value<'_>) -> Option<Statement> {
    if *body == Value::Null {
        return Some(Statement::Reject { kind: None, code: None });
    }
    if !body.has_only(&["type", "expr"]) {
        return None;
    }
    let code = match body.get("expr") {
        None => None,
        Some(Value::Text(word)) => Some(word.as_ref().into()),
        Some(Value::Unsigned(number)) => Some(number.to_string().into()),
        Some(_) => return None,
    };
    Some(Statement::Reject { kind: body.text_of("type").map(Into::into), code })
}

fn update(body: &Value<'_>, name_key: &str) -> Option<Statement> {
    if !body.has_only(&["op", "elem", "data", "stmt", name_key]) {
        return None;
    }
    let operation = match body.text_of("op")? {
        "add" => SetOperation::Add,
        "update" => SetOperation::Update,
        "delete" => SetOperation::Delete,
        _ => return None,
    };
    let set = body.text_of(name_key)?;
    let elem = body.get("elem")?;
    let (key, timeout, element_limits) = match elem.single() {
        Some(("elem", inner)) => (inner.get("val")?, inner.get("timeout").and_then(Value::unsigned), has_limits(inner)),
        _ => (elem, None, false),
    };
    Some(Statement::Update {
        operation,
        set: set.strip_prefix('@').unwrap_or(set).into(),
        key: expression(key),
        data: body.get("data").map(expression),
        timeout,
        limited: element_limits || statements_limit(body),
    })
}

/// A set without a name, which counts or limits by a key.
fn meter(value: &Value<'_>, body: &Value<'_>) -> Option<Statement> {
    match body.get("stmt")?.single()?.0 {
        "limit" | "quota" | "ct count" => Some(Statement::Conditional(value.compact())),
        _ => None,
    }
}
