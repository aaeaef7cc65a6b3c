//! Elements of sets and maps.

use super::expression::{DEPTH, Place};
use super::lexer::{Lexer, Token};
use super::words;
use crate::ruleset::{Element, ElementData, Expression, Verdict};

/// What stands beside the key of an element.
#[derive(Default)]
pub(super) struct Options<'a> {
    pub(super) comment: Option<&'a str>,
    pub(super) limited: bool,
    pub(super) timeout: Option<u64>,
    pub(super) expires: Option<u64>,
}

impl<'a> Lexer<'a> {
    /// The elements after `{`; None if one of them is not understood.
    pub(super) fn elements(&mut self, is_map: bool, depth: usize) -> Option<Vec<Element>> {
        self.all_elements(is_map, false, depth)
    }

    /// The elements of a named set after `{`; what is not understood becomes the words. None at the end of the text.
    pub(super) fn named_elements(&mut self, is_map: bool) -> Option<Vec<Element>> {
        self.all_elements(is_map, true, 0)
    }

    fn all_elements(&mut self, is_map: bool, lenient: bool, depth: usize) -> Option<Vec<Element>> {
        let mut elements = Vec::new();
        // A variable's set may stand within a set, and its elements are those of the outer one.
        let mut open = 1;
        loop {
            self.skip_newlines();
            match self.peek() {
                Token::Sign('}') => {
                    self.next();
                    open -= 1;
                    if open == 0 {
                        elements.shrink_to_fit();
                        return Some(elements);
                    }
                }
                Token::Sign('{') => {
                    self.next();
                    open += 1;
                    if depth + open > DEPTH {
                        return None;
                    }
                }
                Token::Sign(',') => {
                    self.next();
                }
                Token::End => return None,
                _ => elements.push(self.element_or_words(is_map, lenient, depth)?),
            }
        }
    }

    fn element_or_words(&mut self, is_map: bool, lenient: bool, depth: usize) -> Option<Element> {
        let start = self.start();
        if let Some(element) = self.element(is_map, depth) {
            self.skip_newlines();
            if matches!(self.peek(), Token::Sign(',' | '}')) {
                return Some(element);
            }
        }
        if !lenient {
            return None;
        }
        self.rewind(start);
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Token::End => return None,
                Token::Sign(',' | '}') if open == 0 => break,
                Token::Sign('{') => open += 1,
                Token::Sign('}') => open -= 1,
                _ => {}
            }
            self.next();
        }
        Some(Element::new(Expression::Opaque(self.since(start).trim().into()), None))
    }

    fn element(&mut self, is_map: bool, depth: usize) -> Option<Element> {
        let mut key = self.concatenation(Place::Constant, depth + 1)?;
        let mut options = Options::default();
        self.options(&mut options)?;
        let mut data = None;
        if self.take_sign(':') {
            self.skip_newlines();
            data = Some(self.element_data(depth)?);
            self.options(&mut options)?;
        } else if is_map {
            let (left, right) = split_class_id(&key)?;
            (key, data) = (Expression::Number(left), Some(ElementData::Value(Expression::Number(right))));
        }
        let expires = options.expires.or(options.timeout);
        Some(Element { key, data, comment: options.comment.map(Into::into), limited: options.limited, expires })
    }

    fn element_data(&mut self, depth: usize) -> Option<ElementData> {
        let start = self.start();
        if let Some(word) = self.word() {
            if let Some(verdict) = self.verdict(word) {
                return Some(ElementData::Verdict(verdict));
            }
            self.rewind(start);
        }
        self.concatenation(Place::Constant, depth + 1).map(ElementData::Value)
    }

    /// A verdict after its first word.
    pub(super) fn verdict(&mut self, word: &str) -> Option<Verdict> {
        Some(match word {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "continue" => Verdict::Continue,
            "return" => Verdict::Return,
            "jump" => Verdict::Jump(self.name()?.into()),
            "goto" => Verdict::Goto(self.name()?.into()),
            "queue" => {
                self.queue()?;
                Verdict::Queue
            }
            _ => return None,
        })
    }

    /// Timeouts, comments and statements of an element; None if one of them is not understood.
    pub(super) fn options(&mut self, options: &mut Options<'a>) -> Option<()> {
        loop {
            let Token::Word(word) = self.peek() else { return Some(()) };
            match word {
                "timeout" | "expires" => {
                    self.next();
                    let seconds = self.duration()?;
                    if word == "timeout" {
                        options.timeout = seconds;
                    } else {
                        options.expires = seconds;
                    }
                }
                "comment" => {
                    self.next();
                    let Token::Quoted(comment) = self.next() else { return None };
                    options.comment = Some(comment);
                }
                "counter" | "last" => {
                    self.next();
                    self.effectless(word)?;
                }
                "limit" | "quota" | "ct" => {
                    self.next();
                    self.conditional(word)?;
                    options.limited = true;
                }
                _ => return Some(()),
            }
        }
    }

    /// Seconds; None within for `never`.
    #[expect(clippy::option_option, reason = "not understood, and never, are two things")]
    pub(super) fn duration(&mut self) -> Option<Option<u64>> {
        match self.next() {
            Token::Number(number) => u64::try_from(number).ok().map(Some),
            Token::Word("never") => Some(None),
            Token::Word(word) | Token::Quoted(word) => words::seconds(word).map(Some),
            _ => None,
        }
    }
}

/// `80:443` in a map without blanks is a key and a value.
fn split_class_id(key: &Expression) -> Option<(u128, u128)> {
    let Expression::Symbol(word) = key else { return None };
    let (left, right) = word.split_once(':')?;
    Some((left.parse().ok()?, right.parse().ok()?))
}
