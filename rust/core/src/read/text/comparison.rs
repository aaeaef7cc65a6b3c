//! Matches, verdict maps and assignments.

use super::expression::{DEPTH, Place};
use super::lexer::{Lexer, Token};
use crate::ruleset::{Comparison, Expression, Operator, Statement};

impl Lexer<'_> {
    /// A match, a verdict map or an assignment.
    pub(super) fn comparison(&mut self) -> Option<Statement> {
        let mut left = self.expression(Place::Key, 0)?;
        let comparison = match self.peek() {
            Token::Word("vmap") => {
                self.next();
                return Some(Statement::VerdictMap { key: left, data: self.set_or_reference(true, 0)? });
            }
            Token::Word("set") => {
                self.next();
                return Some(Statement::Assign { target: left, value: self.value_list()? });
            }
            Token::Sign('!') => {
                self.next();
                let flags = any_of(self.constant_list(Place::Flags)?);
                return Some(Statement::Match {
                    comparison: Comparison::Equal,
                    left: Expression::Binary(Operator::And, Box::new((left, flags))),
                    right: Expression::Number(0),
                });
            }
            Token::Equal | Token::Word("eq") => Comparison::Equal,
            Token::NotEqual | Token::Word("ne") => Comparison::NotEqual,
            Token::Sign('<') | Token::Word("lt") => Comparison::Less,
            Token::Sign('>') | Token::Word("gt") => Comparison::Greater,
            Token::LessOrEqual | Token::Word("le") => Comparison::LessOrEqual,
            Token::GreaterOrEqual | Token::Word("ge") => Comparison::GreaterOrEqual,
            _ => Comparison::Implicit,
        };
        if comparison != Comparison::Implicit {
            self.next();
        }
        if matches!(self.peek(), Token::Sign('{' | '@')) {
            return Some(Statement::Match { comparison, left, right: self.set_or_reference(false, 0)? });
        }
        let has_flags = matches!(&left, Expression::Payload { field, .. } if &**field == "flags");
        let asks_existence = matches!(self.peek(), Token::Word("exists" | "missing"));
        let right = self.constant_list(if has_flags { Place::Flags } else { Place::Constant })?;
        if let Expression::Fib { result, .. } = &mut left
            && asks_existence
        {
            *result = "check".into();
        }
        if has_flags && self.take_sign('/') {
            // `tcp flags A / MASK` is how nft 1.0 prints `tcp flags & MASK == A`.
            let mask = any_of(self.constant_list(Place::Flags)?);
            let comparison = if comparison == Comparison::Implicit { Comparison::Equal } else { comparison };
            let left = Expression::Binary(Operator::And, Box::new((left, mask)));
            return Some(Statement::Match { comparison, left, right: any_of(right) });
        }
        Some(Statement::Match { comparison, left, right })
    }

    /// `a` or `a,b,c`
    fn constant_list(&mut self, place: Place) -> Option<Expression> {
        let first = self.concatenation(place, 0)?;
        self.list(first, place)
    }

    fn value_list(&mut self) -> Option<Expression> {
        let first = self.expression(Place::Value, 0)?;
        self.list(first, Place::Constant)
    }

    fn list(&mut self, first: Expression, place: Place) -> Option<Expression> {
        if self.peek() != Token::Sign(',') {
            return Some(first);
        }
        let mut parts = vec![first];
        while self.take_sign(',') {
            parts.push(self.concatenation(place, 0)?);
        }
        Some(Expression::List(parts))
    }
}

/// `a,b,c` as `a | b | c`; a list that would be too deep stays one.
fn any_of(expression: Expression) -> Expression {
    match expression {
        Expression::List(parts) if parts.len() < DEPTH => parts
            .into_iter()
            .reduce(|left, right| Expression::Binary(Operator::Or, Box::new((left, right))))
            .unwrap_or(Expression::Number(0)),
        other => other,
    }
}
