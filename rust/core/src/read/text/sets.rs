//! The blocks of sets and maps.

use super::Reader;
use super::blocks::Inside;
use super::expression::Place;
use super::lexer::Token;
use super::tables::OpenSet;
use crate::read::ReadError;
use crate::ruleset::{DataType, Expression, KeyType};

impl<'a> Reader<'a> {
    /// A set or map in a table, at its first word.
    pub(super) fn set(&mut self, place: usize, kind: &'a str) -> Result<(), ReadError> {
        self.lexer.next();
        let Some(name) = self.lexer.name() else { return self.unknown_block(place) };
        if let Some(table) = self.tables.at(place) {
            table.set(name);
        }
        if self.lexer.take_sign('{') { self.set_block(place, Inside { kind, name }) } else { Ok(()) }
    }

    /// The block of a set or map, after `{`.
    pub(super) fn set_block(&mut self, place: usize, inside: Inside<'a>) -> Result<(), ReadError> {
        self.lexer.take_handle();
        self.lexer.take_count();
        if self.lexer.take(Token::Newline) {
            let handle = self.lexer.take_handle();
            self.with_set(place, inside.name, |open| open.set.handle = handle.or(open.set.handle));
        }
        loop {
            match self.lexer.peek() {
                Token::Sign('}') => {
                    self.lexer.next();
                    // nft 1.1.6 and later tell how many elements there are even where they leave them out.
                    let count = self.lexer.take_count();
                    self.with_set(place, inside.name, |open| {
                        open.set.elements_unknown |=
                            open.set.elements.is_empty() && count.is_some_and(|count| count > 0);
                    });
                    return Ok(());
                }
                Token::End => return Err(self.ends_early(place, Some(inside))),
                Token::Newline | Token::Sign(';') => {
                    self.lexer.next();
                }
                _ => self.set_line(place, inside)?,
            }
        }
    }

    fn with_set(&mut self, place: usize, name: &str, change: impl FnOnce(&mut OpenSet)) {
        if let Some(open) = self.tables.at(place).and_then(|table| table.set(name)) {
            change(open);
        }
    }

    fn set_line(&mut self, place: usize, inside: Inside<'a>) -> Result<(), ReadError> {
        let name = inside.name;
        let start = self.lexer.start();
        let Some(word) = self.lexer.word() else { return self.unknown_block(place) };
        match word {
            "type" | "typeof" => {
                let (key, data) = self.set_types(word == "typeof");
                self.with_set(place, name, |open| (open.set.key, open.set.data) = (key, data));
            }
            "flags" => {
                while let Some(flag) = self.lexer.word() {
                    self.with_set(place, name, |open| match flag {
                        "interval" => open.set.interval = true,
                        "dynamic" => open.set.dynamic = true,
                        "timeout" => open.set.timeout = true,
                        _ => {}
                    });
                    self.lexer.take_sign(',');
                }
            }
            "timeout" => {
                if let Some(seconds) = self.lexer.duration() {
                    self.with_set(place, name, |open| {
                        open.set.timeout = true;
                        open.set.default_timeout = seconds;
                    });
                }
            }
            "elements" => {
                self.lexer.take_sign('=');
                let is_map = inside.kind == "map";
                let elements =
                    if self.lexer.take_sign('{') { self.lexer.named_elements(is_map) } else { Some(Vec::new()) };
                let Some(elements) = elements else { return Err(self.ends_early(place, Some(inside))) };
                self.with_set(place, name, |open| open.add(elements));
            }
            "comment" => {
                if let Token::Quoted(comment) = self.lexer.next() {
                    self.with_set(place, name, |open| open.set.comment = Some(comment.to_owned()));
                }
            }
            "limit" | "quota" | "ct" => {
                self.skip_line(place)?;
                self.with_set(place, name, |open| open.limited = true);
            }
            "size" | "gc-interval" | "policy" | "auto-merge" | "counter" | "last" => self.skip_line(place)?,
            _ => {
                self.lexer.rewind(start);
                self.unknown_block(place)?;
            }
        }
        Ok(())
    }

    /// `ipv4_addr . inet_service : verdict`, up to the end of the line.
    fn set_types(&mut self, of_expressions: bool) -> (Vec<KeyType>, Option<DataType>) {
        let key = self.types(of_expressions);
        let data = self.lexer.take_sign(':').then(|| {
            self.lexer.take_word("interval");
            let start = self.lexer.start();
            match self.lexer.peek() {
                Token::Word("verdict") => {
                    self.lexer.next();
                    DataType::Verdict
                }
                Token::Word(object @ ("counter" | "quota" | "limit" | "synproxy" | "secmark" | "tunnel")) => {
                    self.lexer.next();
                    DataType::Object(object.to_owned())
                }
                Token::Word("ct") => {
                    self.lexer.next();
                    if let Some("helper" | "timeout" | "expectation") = self.lexer.word() {
                        return DataType::Object(self.lexer.since(start).to_owned());
                    }
                    self.lexer.rewind(start);
                    DataType::Value(self.types(of_expressions))
                }
                _ => DataType::Value(self.types(of_expressions)),
            }
        });
        (key, data)
    }

    fn types(&mut self, of_expressions: bool) -> Vec<KeyType> {
        let start = self.lexer.start();
        if of_expressions {
            let parts = match self.lexer.concatenation(Place::Key, 0) {
                Some(Expression::Concatenation(parts)) => parts,
                Some(part) => vec![part],
                None => Vec::new(),
            };
            if !parts.is_empty() && matches!(self.lexer.peek(), Token::Newline | Token::Sign(';' | ':' | '}')) {
                return parts.into_iter().map(KeyType::TypeOf).collect();
            }
            self.lexer.rewind(start);
            while !matches!(self.lexer.peek(), Token::Newline | Token::End | Token::Sign(';' | ':' | '{' | '}')) {
                self.lexer.next();
            }
            return vec![KeyType::TypeOf(Expression::Opaque(self.lexer.since(start).into()))];
        }
        let mut types = Vec::new();
        while let Some(word) = self.lexer.word() {
            types.push(KeyType::Named(word.to_owned()));
            // `integer,16` has a length.
            if self.lexer.take_sign(',') {
                self.lexer.number::<u64>();
            }
            if !self.lexer.take_sign('.') {
                break;
            }
        }
        types
    }
}
