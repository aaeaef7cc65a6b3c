//! Rules and their parts as nft prints them.
//!
//! What [`crate::read::text`] read is printed so that it reads back as the same value. What a value does not hold is
//! not printed: handles, the numbers of counters, and the words of a limit within an element, for which `limit` stands.

mod expression;

use super::expression::{Expression, NumgenMode, Operator};
use super::statement::{Comparison, NatKind, SetOperation, Statement, Verdict};
use super::{ChainType, Hook, Rule, TableFamily};
use expression::{Style, constant, joined, style_of, styled, styles_of};
use std::fmt::{Display, Formatter, Result, Write};
use std::net::IpAddr;

impl Display for Verdict {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Accept => formatter.write_str("accept"),
            Self::Drop => formatter.write_str("drop"),
            Self::Continue => formatter.write_str("continue"),
            Self::Return => formatter.write_str("return"),
            Self::Jump(chain) => write!(formatter, "jump {chain}"),
            Self::Goto(chain) => write!(formatter, "goto {chain}"),
            Self::Queue => formatter.write_str("queue"),
        }
    }
}

fn matched(formatter: &mut Formatter<'_>, comparison: Comparison, left: &Expression, right: &Expression) -> Result {
    if let (Expression::Fib { result, flags }, Expression::Number(number @ (0 | 1))) = (left, right)
        && &**result == "check"
    {
        let found = if *number == 1 { "exists" } else { "missing" };
        return write!(formatter, "fib {} oif {comparison}{found}", flags.join(" . "));
    }
    write!(formatter, "{left} {comparison}")?;
    constant(formatter, right, &styles_of(left))
}

/// A value to be set or translated to.
fn value(formatter: &mut Formatter<'_>, expression: &Expression, target: Style) -> Result {
    let style = match target {
        Style::Plain => Style::Value,
        // A mark may be computed of things that are no marks.
        Style::Mark if !matches!(expression, Expression::Number(_)) => Style::Value,
        other => other,
    };
    styled(formatter, expression, style, 0)
}

fn nat(formatter: &mut Formatter<'_>, statement: &Statement) -> Result {
    let Statement::Nat { kind, family, address, port, flags } = statement else { return Ok(()) };
    write!(formatter, "{kind}")?;
    if let Some(family) = family {
        write!(formatter, " {family}")?;
    }
    let (before, after): (Vec<&str>, Vec<&str>) =
        flags.iter().map(|flag| &**flag).partition(|flag| matches!(*flag, "prefix" | "interval"));
    for flag in before {
        write!(formatter, " {flag}")?;
    }
    if address.is_some() || port.is_some() {
        formatter.write_str(" to ")?;
    }
    if let Some(address) = address {
        let first = match address {
            Expression::Range(ends) => &ends.0,
            Expression::Prefix(value, _) => value,
            other => other,
        };
        let in_brackets = port.is_some() && matches!(first, Expression::Address(IpAddr::V6(_)));
        let style = if matches!(first, Expression::Symbol(_)) { Style::Quoted } else { Style::Value };
        formatter.write_str(if in_brackets { "[" } else { "" })?;
        styled(formatter, address, style, 0)?;
        formatter.write_str(if in_brackets { "]" } else { "" })?;
    }
    if let Some(port) = port {
        formatter.write_char(':')?;
        value(formatter, port, Style::Plain)?;
    }
    if after.is_empty() { Ok(()) } else { write!(formatter, " {}", after.join(",")) }
}

impl Display for Statement {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Match { comparison, left, right } => matched(formatter, *comparison, left, right),
            Self::VerdictMap { key, data } => {
                write!(formatter, "{key} vmap ")?;
                constant(formatter, data, &styles_of(key))
            }
            Self::Verdict(verdict) => write!(formatter, "{verdict}"),
            Self::Assign { target, value: new } => {
                write!(formatter, "{target} set ")?;
                value(formatter, new, style_of(target))
            }
            Self::Nat { .. } => nat(formatter, self),
            Self::Reject { kind, code } => {
                formatter.write_str("reject")?;
                if let Some(kind) = kind {
                    write!(formatter, " with {kind}")?;
                }
                code.as_ref().map_or(Ok(()), |code| write!(formatter, " {code}"))
            }
            Self::Update { operation, set, key, data, timeout, limited } => {
                write!(formatter, "{operation} @{set} {{ ")?;
                value(formatter, key, Style::Plain)?;
                if let Some(seconds) = timeout {
                    write!(formatter, " timeout {seconds}s")?;
                }
                formatter.write_str(if *limited { " limit" } else { "" })?;
                if let Some(data) = data {
                    formatter.write_str(" : ")?;
                    value(formatter, data, Style::Plain)?;
                }
                formatter.write_str(" }")
            }
            Self::Notrack => formatter.write_str("notrack"),
            Self::Effectless(words) | Self::Conditional(words) | Self::Opaque(words) => formatter.write_str(words),
        }
    }
}

impl Display for Rule {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        joined(formatter, &self.statements, " ", |formatter, _, statement| write!(formatter, "{statement}"))?;
        let Some(comment) = &self.comment else { return Ok(()) };
        let blank = if self.statements.is_empty() { "" } else { " " };
        write!(formatter, "{blank}comment \"{comment}\"")
    }
}

macro_rules! words {
    ($($type:ident { $($variant:ident => $word:literal),* $(,)? })*) => {$(
        impl Display for $type {
            fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
                formatter.write_str(match self { $(Self::$variant => $word),* })
            }
        }
    )*};
}

words! {
    TableFamily {
        Ip => "ip", Ip6 => "ip6", Inet => "inet", Arp => "arp", Bridge => "bridge", Netdev => "netdev",
    }
    Hook {
        Ingress => "ingress", Prerouting => "prerouting", Input => "input", Forward => "forward", Output => "output",
        Postrouting => "postrouting", Egress => "egress",
    }
    ChainType { Filter => "filter", Nat => "nat", Route => "route" }
    // With the blank that follows what is written.
    Comparison {
        Implicit => "", Equal => "== ", NotEqual => "!= ", Less => "< ", Greater => "> ", LessOrEqual => "<= ",
        GreaterOrEqual => ">= ",
    }
    Operator { And => "&", Or => "|", Xor => "^", ShiftLeft => "<<", ShiftRight => ">>" }
    NatKind { Destination => "dnat", Source => "snat", Masquerade => "masquerade", Redirect => "redirect" }
    SetOperation { Add => "add", Update => "update", Delete => "delete" }
    NumgenMode { Incremental => "inc", Random => "random" }
}
