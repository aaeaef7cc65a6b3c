//! Expressions and elements as nft prints them.

use super::super::expression::{Element, ElementData, Expression, HashMode, Operator};
use std::fmt::{Display, Formatter, Result, Write};

/// How constants are printed that have more than one form.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Style {
    Plain,
    /// Words in quotation marks.
    Quoted,
    /// Numbers with eight hexadecimal digits.
    Mark,
    /// Where words may be the beginning of an expression.
    Value,
}

/// Words that are no constants where constants stand.
const RESERVED: &[&str] = &[
    "and", "ct", "eq", "exists", "exthdr", "fib", "ge", "gt", "jhash", "le", "lshift", "lt", "map", "meta", "missing",
    "ne", "numgen", "or", "osf", "rshift", "set", "socket", "symhash", "vmap", "xor",
];

/// Words that begin an expression where expressions stand.
const EXPRESSIONS: &[&str] = &[
    "ah",
    "arp",
    "cgroup",
    "comp",
    "cpu",
    "day",
    "dccp",
    "dst",
    "esp",
    "ether",
    "frag",
    "gre",
    "hbh",
    "hour",
    "ibriport",
    "ibrname",
    "icmp",
    "icmpv6",
    "igmp",
    "iif",
    "iifgroup",
    "iifname",
    "iiftype",
    "ip",
    "ip6",
    "ipsec",
    "mark",
    "mh",
    "nftrace",
    "obriport",
    "obrname",
    "oif",
    "oifgroup",
    "oifname",
    "oiftype",
    "pkttype",
    "rt",
    "rt0",
    "rt2",
    "rtclassid",
    "sctp",
    "skgid",
    "skuid",
    "srh",
    "tcp",
    "th",
    "time",
    "udp",
    "udplite",
    "vlan",
];

/// Words that are verdicts where the data of elements stand.
const VERDICTS: &[&str] = &["accept", "continue", "drop", "goto", "jump", "queue", "return"];

fn is_word(text: &str) -> bool {
    text.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/'))
}

/// A MAC address or a class id.
fn has_colons(text: &str) -> bool {
    let groups = text.split(':').count();
    let longest = if groups == 2 { 4 } else { 2 };
    (groups == 2 || groups == 6)
        && text
            .split(':')
            .all(|group| (1..=longest).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

pub(super) fn symbol(formatter: &mut Formatter<'_>, text: &str, style: Style) -> Result {
    let is_bare = match style {
        Style::Quoted => false,
        Style::Value | Style::Mark => is_word(text) && !RESERVED.contains(&text) && !EXPRESSIONS.contains(&text),
        Style::Plain => is_word(text) && !RESERVED.contains(&text),
    };
    if is_bare || (style != Style::Quoted && has_colons(text)) {
        formatter.write_str(text)
    } else {
        write!(formatter, "\"{text}\"")
    }
}

pub(super) fn joined<T>(
    formatter: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    mut each: impl FnMut(&mut Formatter<'_>, usize, &T) -> Result,
) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            formatter.write_str(separator)?;
        }
        each(formatter, index, item)?;
    }
    Ok(())
}

/// How binding an operator is.
fn level(operator: Operator) -> u8 {
    match operator {
        Operator::Or => 0,
        Operator::Xor => 1,
        Operator::And => 2,
        Operator::ShiftLeft | Operator::ShiftRight => 3,
    }
}

/// The style of constants that are compared with an expression.
pub(super) fn style_of(left: &Expression) -> Style {
    match left {
        Expression::Meta(key) | Expression::Ct { key, .. } => match &**key {
            "mark" => Style::Mark,
            "iif" | "oif" | "iifgroup" | "oifgroup" | "day" | "hour" | "time" | "helper" => Style::Quoted,
            key if key.ends_with("name") => Style::Quoted,
            _ => Style::Plain,
        },
        Expression::Binary(_, sides) => style_of(&sides.0),
        Expression::Fib { result, .. } if result.starts_with("oif") => Style::Quoted,
        _ => Style::Plain,
    }
}

/// The styles of the parts of constants that are compared with an expression.
pub(super) fn styles_of(left: &Expression) -> Vec<Style> {
    match left {
        Expression::Concatenation(parts) => parts.iter().map(style_of).collect(),
        other => vec![style_of(other)],
    }
}

fn style_at(styles: &[Style], index: usize) -> Style {
    styles.get(index).copied().unwrap_or(Style::Plain)
}

/// A constant, or whatever stands in its place.
pub(super) fn constant(formatter: &mut Formatter<'_>, expression: &Expression, styles: &[Style]) -> Result {
    match expression {
        Expression::Concatenation(parts) => joined(formatter, parts, " . ", |formatter, index, part| {
            styled(formatter, part, style_at(styles, index), 0)
        }),
        Expression::Set(elements) => set(formatter, elements, styles),
        Expression::List(parts) => {
            joined(formatter, parts, ",", |formatter, _, part| constant(formatter, part, styles))
        }
        other => styled(formatter, other, style_at(styles, 0), 0),
    }
}

fn set(formatter: &mut Formatter<'_>, elements: &[Element], styles: &[Style]) -> Result {
    formatter.write_str("{ ")?;
    joined(formatter, elements, ", ", |formatter, _, element| element_with(formatter, element, styles))?;
    formatter.write_str(if elements.is_empty() { "}" } else { " }" })
}

fn element_with(formatter: &mut Formatter<'_>, element: &Element, styles: &[Style]) -> Result {
    constant(formatter, &element.key, styles)?;
    if element.limited {
        formatter.write_str(" limit")?;
    }
    if let Some(seconds) = element.expires {
        write!(formatter, " expires {seconds}s")?;
    }
    if let Some(comment) = &element.comment {
        write!(formatter, " comment \"{comment}\"")?;
    }
    match &element.data {
        None => Ok(()),
        Some(ElementData::Verdict(verdict)) => write!(formatter, " : {verdict}"),
        Some(ElementData::Value(value)) => {
            let first = match value {
                Expression::Concatenation(parts) => parts.first().unwrap_or(value),
                other => other,
            };
            let is_verdict = matches!(first, Expression::Symbol(word) if VERDICTS.contains(&&**word));
            formatter.write_str(" : ")?;
            constant(formatter, value, if is_verdict { &[Style::Quoted] } else { &[] })
        }
    }
}

/// An expression; in parentheses if it is an operator that binds less than `minimum`.
pub(super) fn styled(formatter: &mut Formatter<'_>, expression: &Expression, style: Style, minimum: u8) -> Result {
    match expression {
        Expression::Number(number) if style == Style::Mark => write!(formatter, "{number:#010x}"),
        Expression::Number(number) => write!(formatter, "{number}"),
        Expression::Address(address) => write!(formatter, "{address}"),
        Expression::Symbol(text) => symbol(formatter, text, style),
        Expression::Prefix(value, length) => {
            styled(formatter, value, bound(value, style), 0)?;
            write!(formatter, "/{length}")
        }
        Expression::Range(ends) => {
            styled(formatter, &ends.0, bound(&ends.0, style), 0)?;
            formatter.write_char('-')?;
            styled(formatter, &ends.1, bound(&ends.1, style), 0)
        }
        Expression::Concatenation(parts) => {
            joined(formatter, parts, " . ", |formatter, _, part| styled(formatter, part, style, 0))
        }
        Expression::Set(elements) => set(formatter, elements, &[style]),
        Expression::List(parts) => {
            joined(formatter, parts, ",", |formatter, _, part| styled(formatter, part, style, 0))
        }
        Expression::SetReference(name) => write!(formatter, "@{name}"),
        Expression::CatchAll => formatter.write_char('*'),
        Expression::Binary(operator, sides) => {
            let level = level(*operator);
            if level < minimum {
                formatter.write_char('(')?;
            }
            // Expressions may stand on either side.
            let style = match style {
                Style::Plain if style_of(&sides.0) == Style::Plain => Style::Value,
                Style::Plain => style_of(&sides.0),
                other => other,
            };
            styled(formatter, &sides.0, style, level)?;
            write!(formatter, " {operator} ")?;
            let is_mark = style_of(&sides.0) == Style::Mark && matches!(sides.1, Expression::Number(_));
            styled(formatter, &sides.1, if is_mark { Style::Mark } else { style }, level + 1)?;
            if level < minimum {
                formatter.write_char(')')?;
            }
            Ok(())
        }
        Expression::Map(sides) => {
            styled(formatter, &sides.0, style, 0)?;
            formatter.write_str(" map ")?;
            constant(formatter, &sides.1, &styles_of(&sides.0))
        }
        Expression::Opaque(words) => formatter.write_str(words),
        asked => of_packet(formatter, asked),
    }
}

/// Words at the ends of ranges and before prefixes would run into the sign.
fn bound(end: &Expression, style: Style) -> Style {
    if matches!(end, Expression::Symbol(_)) { Style::Quoted } else { style }
}

/// What is asked of a packet, without operators.
fn of_packet(formatter: &mut Formatter<'_>, expression: &Expression) -> Result {
    match expression {
        Expression::Payload { protocol, field } => write!(formatter, "{protocol} {field}"),
        Expression::RawPayload { base, offset, length } => write!(formatter, "@{base},{offset},{length}"),
        Expression::Meta(key) => {
            let stands_alone = matches!(&**key, "iif" | "oif" | "iifname" | "oifname" | "iifgroup" | "oifgroup");
            write!(formatter, "{}{key}", if stands_alone { "" } else { "meta " })
        }
        Expression::Ct { key, direction, family } => {
            formatter.write_str("ct ")?;
            for word in [direction, family].into_iter().flatten() {
                write!(formatter, "{word} ")?;
            }
            formatter.write_str(key)
        }
        Expression::Fib { result, flags } => write!(formatter, "fib {} {result}", flags.join(" . ")),
        Expression::Socket(key) => write!(formatter, "socket {key}"),
        Expression::Numgen { mode, modulus, offset } => {
            write!(formatter, "numgen {mode} mod {modulus}{}", Offset(*offset))
        }
        Expression::Hash { mode: HashMode::Symmetric, modulus, offset } => {
            write!(formatter, "symhash mod {modulus}{}", Offset(*offset))
        }
        Expression::Hash { mode: HashMode::Jhash { key, seed }, modulus, offset } => {
            write!(formatter, "jhash {key} mod {modulus}")?;
            if let Some(seed) = seed {
                write!(formatter, " seed {seed:#x}")?;
            }
            write!(formatter, "{}", Offset(*offset))
        }
        other => styled(formatter, other, Style::Plain, 0),
    }
}

struct Offset(u32);

impl Display for Offset {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if self.0 == 0 { Ok(()) } else { write!(formatter, " offset {}", self.0) }
    }
}

impl Display for Expression {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        styled(formatter, self, Style::Plain, 0)
    }
}

impl Display for Element {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        element_with(formatter, self, &[])
    }
}
