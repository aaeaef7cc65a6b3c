//! The statements of a rule.

use super::elements::Options;
use super::expression::Place;
use super::lexer::{Lexer, Token};
use crate::ruleset::{NatKind, Rule, SetOperation, Statement};

/// The text ended within a rule.
pub(super) struct Unended;

impl<'a> Lexer<'a> {
    /// A rule up to what ends it: a newline, a semicolon, a closing brace or the end of the text, which stay.
    pub(super) fn rule(&mut self) -> Result<Rule, Unended> {
        let mut rule = Rule::default();
        loop {
            match self.peek() {
                Token::Newline | Token::End | Token::Sign(';' | '}') => return Ok(rule),
                Token::Word("comment") => {
                    let start = self.start();
                    self.next();
                    if let Token::Quoted(comment) = self.peek() {
                        self.next();
                        rule.comment = Some(comment.into());
                        continue;
                    }
                    self.rewind(start);
                }
                _ => {}
            }
            let start = self.start();
            if let Some(statement) = self.statement() {
                rule.statements.push(statement);
                continue;
            }
            self.rewind(start);
            let (words, comment) = self.rest_of_rule(start)?;
            rule.statements.push(Statement::Opaque(words.into()));
            if let Some(comment) = comment {
                rule.comment = Some(comment.into());
            }
            return Ok(rule);
        }
    }

    /// Everything up to the end of the rule, and the comment at its end.
    fn rest_of_rule(&mut self, start: usize) -> Result<(&'a str, Option<&'a str>), Unended> {
        let mut open = 0_usize;
        let mut comment = None;
        let mut words = self.since(start);
        loop {
            match self.peek() {
                Token::End if open > 0 => return Err(Unended),
                Token::End => break,
                Token::Newline | Token::Sign(';' | '}') if open == 0 => break,
                Token::Sign('{') => open += 1,
                Token::Sign('}') => open -= 1,
                Token::Word("comment") if open == 0 => {
                    self.next();
                    if let Token::Quoted(text) = self.peek() {
                        self.next();
                        comment = Some(text);
                        continue;
                    }
                    comment = None;
                    words = self.since(start);
                    continue;
                }
                _ => {}
            }
            self.next();
            comment = None;
            words = self.since(start);
        }
        Ok((words, comment))
    }

    /// One statement; None if it is not understood.
    fn statement(&mut self) -> Option<Statement> {
        let start = self.start();
        match self.peek() {
            Token::Xtables(name) => {
                self.next();
                (name == "comment").then(|| Statement::Effectless(self.since(start).into()))
            }
            Token::Word(word) => {
                self.next();
                self.statement_of(word, start).or_else(|| {
                    // Words such as `ct` and `limit` are tried as statements first.
                    self.rewind(start);
                    self.comparison()
                })
            }
            _ => self.comparison(),
        }
    }

    fn statement_of(&mut self, word: &'a str, start: usize) -> Option<Statement> {
        match word {
            "counter" => {
                let has_name = self.effectless(word)?;
                Some(Statement::Effectless(if has_name { self.since(start) } else { word }.into()))
            }
            "last" | "log" => {
                self.effectless(word)?;
                Some(Statement::Effectless(self.since(start).into()))
            }
            "limit" | "quota" | "ct" => {
                self.conditional(word)?;
                Some(Statement::Conditional(self.since(start).into()))
            }
            "xt" => (self.take_word("match") && self.take(Token::Quoted("comment")))
                .then(|| Statement::Effectless(self.since(start).into())),
            "notrack" => Some(Statement::Notrack),
            "reject" => self.reject(),
            "dnat" => self.nat(NatKind::Destination),
            "snat" => self.nat(NatKind::Source),
            "masquerade" => self.nat(NatKind::Masquerade),
            "redirect" => self.nat(NatKind::Redirect),
            "add" => self.update(SetOperation::Add),
            "update" => self.update(SetOperation::Update),
            "delete" => self.update(SetOperation::Delete),
            "meter" => self.meter(),
            _ => self.verdict(word).map(Statement::Verdict),
        }
    }

    /// `counter`, `last` or `log` after that word; whether it names an object.
    pub(super) fn effectless(&mut self, word: &str) -> Option<bool> {
        match word {
            "counter" if self.take_word("name") => {
                self.expression(Place::Value, 0)?;
                return Some(true);
            }
            "counter" => {
                for part in ["packets", "bytes"] {
                    if self.take_word(part) {
                        self.number::<u64>()?;
                    }
                }
            }
            "last" => {
                if self.take_word("used") {
                    self.duration()?;
                }
            }
            _ => self.log()?,
        }
        Some(false)
    }

    fn log(&mut self) -> Option<()> {
        loop {
            let Token::Word(word) = self.peek() else { return Some(()) };
            match word {
                "prefix" | "level" => {
                    self.next();
                    let (Token::Quoted(_) | Token::Word(_)) = self.next() else { return None };
                }
                "group" | "snaplen" | "queue-threshold" => {
                    self.next();
                    self.number::<u64>()?;
                }
                "flags" => {
                    self.next();
                    match self.word()? {
                        "tcp" => {
                            self.word()?;
                            while self.take_sign(',') {
                                self.word()?;
                            }
                        }
                        "ip" => {
                            self.take_word("options").then_some(())?;
                        }
                        "all" | "skuid" | "ether" => {}
                        _ => return None,
                    }
                }
                _ => return Some(()),
            }
        }
    }

    /// `limit`, `quota` or `ct count` after its first word. `limit` alone stands for one whose words are not kept.
    pub(super) fn conditional(&mut self, word: &str) -> Option<()> {
        match word {
            "ct" => {
                self.take_word("count").then_some(())?;
                self.take_word("over");
                self.number::<u64>()?;
            }
            _ if self.take_word("name") => {
                self.expression(Place::Value, 0)?;
            }
            "limit" if self.take_word("rate") => {
                self.take_word("over");
                self.number::<u64>()?;
                if self.take_sign('/') {
                    self.word()?;
                } else {
                    self.word().filter(|unit| unit.contains('/'))?;
                }
                if self.take_word("burst") {
                    self.number::<u64>()?;
                    if matches!(self.peek(), Token::Word("packets" | "bytes" | "kbytes" | "mbytes")) {
                        self.next();
                    }
                }
            }
            "limit" => {}
            _ => {
                if matches!(self.peek(), Token::Word("over" | "until")) {
                    self.next();
                }
                self.number::<u64>()?;
                self.word()?;
                if self.take_word("used") {
                    self.number::<u64>()?;
                    self.word()?;
                }
            }
        }
        Some(())
    }

    /// The details of `queue`.
    pub(super) fn queue(&mut self) -> Option<()> {
        loop {
            match self.peek() {
                Token::Word("flags") => {
                    self.next();
                }
                Token::Word("num" | "to") => {
                    self.next();
                    self.expression(Place::Value, 0)?;
                }
                Token::Word("bypass" | "fanout") => {
                    self.next();
                    // Another flag, or another element.
                    let comma = self.start();
                    if self.take_sign(',') && !matches!(self.peek(), Token::Word("bypass" | "fanout")) {
                        self.rewind(comma);
                        return Some(());
                    }
                }
                _ => return Some(()),
            }
        }
    }

    fn reject(&mut self) -> Option<Statement> {
        if !self.take_word("with") {
            return Some(Statement::Reject { kind: None, code: None });
        }
        let kind = self.word()?;
        if kind == "tcp" {
            return self.take_word("reset").then(|| Statement::Reject { kind: Some("tcp reset".into()), code: None });
        }
        if !matches!(kind, "icmp" | "icmpv6" | "icmpx") {
            return None;
        }
        self.take_word("type");
        let code = match self.next() {
            Token::Word(word) | Token::Quoted(word) => word.into(),
            Token::Number(number) => number.to_string().into(),
            _ => return None,
        };
        Some(Statement::Reject { kind: Some(kind.into()), code: Some(code) })
    }

    fn nat(&mut self, kind: NatKind) -> Option<Statement> {
        let mut flags: Vec<Box<str>> = Vec::new();
        let mut family: Option<Box<str>> = None;
        let (mut address, mut port) = (None, None);
        if matches!(kind, NatKind::Masquerade | NatKind::Redirect) {
            if self.take_word("to") {
                self.take_sign(':');
                port = Some(self.expression(Place::Value, 0)?);
            }
        } else {
            family = self.nat_family();
            while let Token::Word(flag @ ("prefix" | "interval")) = self.peek() {
                self.next();
                flags.push(flag.into());
            }
            if self.take_word("addr") {
                (self.take_sign('.') && self.take_word("port")).then_some(())?;
            }
            self.take_word("to");
            if self.peek() != Token::Sign(':') {
                address = Some(self.expression(Place::Value, 0)?);
            }
            if self.take_sign(':') {
                port = Some(self.expression(Place::Value, 0)?);
            }
        }
        while let Token::Word(flag @ ("random" | "fully-random" | "persistent")) = self.peek() {
            self.next();
            flags.push(flag.into());
            if !self.take_sign(',') {
                break;
            }
        }
        Some(Statement::Nat { kind, family, address, port, flags })
    }

    fn nat_family(&mut self) -> Option<Box<str>> {
        let start = self.start();
        let family = self.word().filter(|family| matches!(*family, "ip" | "ip6"));
        if family.is_some() && matches!(self.peek(), Token::Word("to" | "prefix" | "interval" | "addr")) {
            return family.map(Into::into);
        }
        self.rewind(start);
        None
    }

    /// `add @set { ... }` after its first word.
    fn update(&mut self, operation: SetOperation) -> Option<Statement> {
        self.take_sign('@').then_some(())?;
        let set = self.set_name()?.into();
        self.update_element(operation, set)
    }

    fn update_element(&mut self, operation: SetOperation, set: Box<str>) -> Option<Statement> {
        self.take_sign('{').then_some(())?;
        self.skip_newlines();
        let key = self.expression(Place::Value, 0)?;
        let mut options = Options::default();
        self.options(&mut options)?;
        let data = if self.take_sign(':') { Some(self.expression(Place::Value, 0)?) } else { None };
        self.options(&mut options)?;
        self.skip_newlines();
        let Options { timeout, limited, .. } = options;
        self.take_sign('}').then_some(Statement::Update { operation, set, key, data, timeout, limited })
    }

    /// `meter NAME size 100 { KEY limit ... }`, which nft 1.1 lists as `add @NAME { ... }`.
    fn meter(&mut self) -> Option<Statement> {
        let set = self.name()?.into();
        if self.take_word("size") {
            self.number::<u64>()?;
        }
        self.update_element(SetOperation::Add, set)
    }
}
