//! Expressions of libnftables' JSON.

use super::elements::elements;
use super::value::Value;
use crate::ruleset::{Expression, HashMode, NumgenMode, Operator};
use std::net::IpAddr;

/// How deep expressions are nested at most; what is deeper is opaque, so that whoever walks them may recurse.
const DEEPEST: usize = 40;

/// What 1.0.6 prints after the numbers of expressions whose type it lost.
const TYPE_LOST: &str = " [invalid type]";

/// An expression in any place of a rule.
pub(super) fn expression(value: &Value<'_>) -> Expression {
    nested(value, 0)
}

/// An expression that is `depth` expressions deep.
pub(super) fn nested(value: &Value<'_>, depth: usize) -> Expression {
    understood(value, depth).unwrap_or_else(|| Expression::Opaque(value.compact()))
}

/// An expression where a list is written for what other versions write as `|`.
pub(super) fn flags_together(value: &Value<'_>) -> Expression {
    mask(value, 0)
}

fn mask(value: &Value<'_>, depth: usize) -> Expression {
    match value {
        Value::List(items) => folded(Operator::Or, items, depth).unwrap_or_else(|| Expression::Opaque(value.compact())),
        _ => nested(value, depth),
    }
}

fn understood(value: &Value<'_>, depth: usize) -> Option<Expression> {
    if depth >= DEEPEST {
        return None;
    }
    match value {
        Value::Bool(truth) => Some(Expression::Number(u128::from(*truth))),
        Value::Unsigned(number) => Some(Expression::Number(u128::from(*number))),
        Value::Text(text) => Some(constant(text)),
        Value::List(items) => Some(Expression::List(all(items, depth))),
        Value::Object(_) => {
            let (kind, body) = value.single()?;
            object(kind, body, depth)
        }
        Value::Null | Value::Negative(_) | Value::Float(_) => None,
    }
}

fn all(items: &[Value<'_>], depth: usize) -> Vec<Expression> {
    items.iter().map(|item| nested(item, depth + 1)).collect()
}

fn constant(text: &str) -> Expression {
    if let Some(name) = text.strip_prefix('@') {
        return Expression::SetReference(name.into());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Expression::Address(address);
    }
    // Numbers of more than 64 bits are strings of hexadecimal digits.
    let digits = text.strip_suffix(TYPE_LOST).unwrap_or(text).strip_prefix("0x");
    match digits.filter(|digits| !digits.starts_with('+')).map(|digits| u128::from_str_radix(digits, 16)) {
        Some(Ok(number)) => Expression::Number(number),
        _ => Expression::Symbol(text.into()),
    }
}

fn object(kind: &str, body: &Value<'_>, depth: usize) -> Option<Expression> {
    match kind {
        "payload" => payload(body),
        "meta" => key_of(body).map(Expression::Meta),
        "socket" => key_of(body).map(Expression::Socket),
        "ct" => ct(body),
        "fib" => fib(body),
        "numgen" => numgen(body),
        "jhash" | "symhash" => hash(kind, body, depth),
        "map" if body.has_only(&["key", "data"]) => {
            let (key, data) = (body.get("key")?, body.get("data")?);
            Some(Expression::Map(Box::new((nested(key, depth + 1), map_data(data, depth + 1)))))
        }
        "concat" => match body.items() {
            [] => None,
            [only] => Some(nested(only, depth + 1)), // 1.1.7 prints what older versions wrote as `exists` so
            items => Some(Expression::Concatenation(all(items, depth))),
        },
        "set" => Some(Expression::Set(elements(body, Some(false), depth + 1))),
        "range" => {
            let [first, last] = body.items() else { return None };
            Some(Expression::Range(Box::new((nested(first, depth + 1), nested(last, depth + 1)))))
        }
        "prefix" if body.has_only(&["addr", "len"]) => match body.get("addr")? {
            Value::Bool(truth) => Some(Expression::Number(u128::from(*truth))), // 1.0.6, of `exists` by 1.1.7
            address => {
                let length = u8::try_from(body.get("len")?.unsigned()?).ok()?;
                Some(Expression::Prefix(Box::new(nested(address, depth + 1)), length))
            }
        },
        _ => folded(operator(kind)?, body.items(), depth),
    }
}

/// What stands after `map` or `vmap`: the name of a map, or one without a name.
pub(super) fn map_data(value: &Value<'_>, depth: usize) -> Expression {
    match value.single() {
        Some(("set", body)) if depth < DEEPEST => Expression::Set(elements(body, Some(true), depth + 1)),
        _ => nested(value, depth),
    }
}

fn operator(symbol: &str) -> Option<Operator> {
    Some(match symbol {
        "&" => Operator::And,
        "|" => Operator::Or,
        "^" => Operator::Xor,
        "<<" => Operator::ShiftLeft,
        ">>" => Operator::ShiftRight,
        _ => return None,
    })
}

/// `a | b | c` as `(a | b) | c`.
fn folded(operator: Operator, operands: &[Value<'_>], depth: usize) -> Option<Expression> {
    let (first, rest) = operands.split_first()?;
    let deepest = depth + rest.len();
    if rest.is_empty() || deepest >= DEEPEST {
        return None;
    }
    Some(rest.iter().zip(1..).fold(mask(first, deepest), |left, (operand, place)| {
        let right = mask(operand, deepest + 1 - place);
        Expression::Binary(operator, Box::new((left, right)))
    }))
}

fn payload(body: &Value<'_>) -> Option<Expression> {
    if body.has_only(&["protocol", "field"]) {
        return Some(Expression::payload(body.text_of("protocol")?, body.text_of("field")?));
    }
    if body.has_only(&["base", "offset", "len"]) {
        let (offset, length) = (body.get("offset")?.word()?, body.get("len")?.word()?);
        return Some(Expression::RawPayload { base: body.text_of("base")?.into(), offset, length });
    }
    None
}

fn key_of(body: &Value<'_>) -> Option<Box<str>> {
    if body.has_only(&["key"]) { body.text_of("key").map(Into::into) } else { None }
}

fn ct(body: &Value<'_>) -> Option<Expression> {
    if !body.has_only(&["key", "dir", "family"]) {
        return None;
    }
    let key = body.text_of("key")?;
    let (family, key) = match key.split_once(' ') {
        Some((family, key)) => (Some(family), key),
        None => (body.text_of("family"), key),
    };
    let direction = body.text_of("dir").map(Into::into);
    Some(Expression::Ct { key: key.into(), direction, family: family.map(Into::into) })
}

fn fib(body: &Value<'_>) -> Option<Expression> {
    if !body.has_only(&["result", "flags"]) {
        return None;
    }
    let flags = body.words_of("flags")?.into_iter().map(Into::into).collect();
    Some(Expression::Fib { result: body.text_of("result")?.into(), flags })
}

/// A number of a generator; absent where it is 0.
fn offset(body: &Value<'_>) -> Option<u32> {
    body.get("offset").map_or(Some(0), Value::word)
}

fn numgen(body: &Value<'_>) -> Option<Expression> {
    if !body.has_only(&["mode", "mod", "offset"]) {
        return None;
    }
    let mode = match body.text_of("mode")? {
        "inc" => NumgenMode::Incremental,
        "random" => NumgenMode::Random,
        _ => return None,
    };
    Some(Expression::Numgen { mode, modulus: body.get("mod")?.word()?, offset: offset(body)? })
}

fn hash(kind: &str, body: &Value<'_>, depth: usize) -> Option<Expression> {
    let mode = if kind == "symhash" && body.has_only(&["mod", "offset"]) {
        HashMode::Symmetric
    } else if kind == "jhash" && body.has_only(&["mod", "seed", "offset", "expr"]) {
        let seed = match body.get("seed") {
            Some(seed) => Some(seed.word()?),
            None => None,
        };
        HashMode::Jhash { key: Box::new(nested(body.get("expr")?, depth + 1)), seed }
    } else {
        return None;
    };
    Some(Expression::Hash { mode, modulus: body.get("mod")?.word()?, offset: offset(body)? })
}
