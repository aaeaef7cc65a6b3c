//! Tables and chains, and what stands in their braces.

use super::Reader;
use super::lexer::Token;
use super::statement::Unended;
use super::words;
use crate::read::ReadError;
use crate::ruleset::{Base, ChainType, Hook, TableFamily};

/// What is declared by a block, for messages.
#[derive(Clone, Copy)]
pub(super) struct Inside<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl<'a> Reader<'a> {
    /// The block of a table, after `{`.
    pub(super) fn table_block(&mut self, place: usize) -> Result<(), ReadError> {
        loop {
            match self.lexer.peek() {
                Token::Sign('}') => {
                    self.lexer.next();
                    return Ok(());
                }
                Token::End => return Err(self.ends_early(place, None)),
                Token::Newline | Token::Sign(';') => {
                    self.lexer.next();
                }
                Token::Word("chain") => self.chain(place)?,
                Token::Word(kind @ ("set" | "map" | "meter")) => self.set(place, kind)?,
                Token::Word("comment") => {
                    self.lexer.next();
                    self.lexer.take_sign('=');
                    if let Token::Quoted(comment) = self.lexer.peek() {
                        self.lexer.next();
                        if let Some(open) = self.tables.at(place) {
                            open.table.comment = Some(comment.to_owned());
                        }
                    } else {
                        self.unknown_block(place)?;
                    }
                }
                Token::Word("flags") => {
                    self.lexer.next();
                    while let Some(flag) = self.lexer.word() {
                        if flag == "dormant"
                            && let Some(open) = self.tables.at(place)
                        {
                            open.table.dormant = Some(true);
                        }
                        self.lexer.take_sign(',');
                    }
                }
                Token::Word("include") => return Err(self.includes()),
                Token::Word("counter" | "quota" | "limit" | "ct" | "secmark" | "synproxy" | "flowtable" | "tunnel") => {
                    self.skip_line(place)?;
                }
                _ => self.unknown_block(place)?,
            }
        }
    }

    /// Whether packets of IP meet the base chains of a table.
    fn meets_packets(&mut self, place: usize) -> bool {
        let family = self.tables.at(place).map(|open| open.table.family);
        matches!(family, Some(TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet))
    }

    pub(super) fn unknown_block(&mut self, place: usize) -> Result<(), ReadError> {
        let (line, start) = (self.lexer.line(), self.lexer.start());
        self.skip_line(place)?;
        let words = self.lexer.since(start);
        let words = words.split(['{', '\n']).next().unwrap_or_default().trim_end();
        let table = self.table_words(place);
        let decisive = self.meets_packets(place);
        self.tables.note(
            line,
            decisive,
            format!("`{words}` in {table} is not understood and left out; it may do something"),
        );
        Ok(())
    }

    /// Goes to the end of the line that is no line within braces.
    pub(super) fn skip_line(&mut self, place: usize) -> Result<(), ReadError> {
        let mut open = 0_usize;
        loop {
            match self.lexer.peek() {
                Token::End => return Err(self.ends_early(place, None)),
                Token::Newline | Token::Sign(';' | '}') if open == 0 => return Ok(()),
                Token::Sign('{') => open += 1,
                Token::Sign('}') => open -= 1,
                _ => {}
            }
            self.lexer.next();
        }
    }

    fn chain(&mut self, place: usize) -> Result<(), ReadError> {
        self.lexer.next();
        let Some(name) = self.lexer.name() else { return self.unknown_block(place) };
        self.declare_chain(place, name);
        if self.lexer.take_sign('{') { self.chain_block(place, name) } else { Ok(()) }
    }

    pub(super) fn declare_chain(&mut self, place: usize, name: &str) {
        if let Some(table) = self.tables.at(place) {
            table.chain(name);
        }
    }

    /// The block of a chain, after `{`.
    pub(super) fn chain_block(&mut self, place: usize, name: &'a str) -> Result<(), ReadError> {
        let inside = Inside { kind: "chain", name };
        self.lexer.take_handle();
        if self.lexer.take(Token::Newline) {
            let handle = self.lexer.take_handle();
            self.with_chain(place, name, |open| open.chain.handle = handle.or(open.chain.handle));
        }
        // Rules go to their chain at the end of the block, so that no table is searched for each of them.
        let mut rules = Vec::new();
        loop {
            let start = self.lexer.start();
            match self.lexer.peek() {
                Token::Sign('}') => {
                    self.lexer.next();
                    self.with_chain(place, name, |open| open.chain.rules.extend(rules));
                    return Ok(());
                }
                Token::End => return Err(self.ends_early(place, Some(inside))),
                Token::Newline | Token::Sign(';') => {
                    self.lexer.next();
                    // A rule without any statement is listed as an empty line with a handle.
                    if let Some(handle) = self.lexer.take_handle() {
                        rules.push(crate::ruleset::Rule { handle: Some(handle), ..Default::default() });
                    }
                    continue;
                }
                Token::Word("type") => {
                    self.base(place, name)?;
                    continue;
                }
                Token::Word("policy") => {
                    self.lexer.next();
                    let is_drop = self.lexer.word() == Some("drop");
                    self.with_base(place, name, |base| base.policy_drop = is_drop);
                    continue;
                }
                Token::Word("devices" | "device") => {
                    let devices = self.devices();
                    self.with_base(place, name, |base| base.devices.extend(devices));
                    continue;
                }
                Token::Word("comment") if rules.is_empty() && self.chain_comment(place, name) => continue,
                _ => {}
            }
            self.lexer.rewind(start);
            let rule = self.lexer.rule();
            let mut rule = match rule {
                Ok(rule) => rule,
                Err(Unended) => return Err(self.ends_early(place, Some(inside))),
            };
            rule.handle = self.lexer.take_handle();
            rules.push(rule);
        }
    }

    /// The comment of a chain, which comes before everything else in it.
    fn chain_comment(&mut self, place: usize, name: &str) -> bool {
        let is_free = self.tables.at(place).and_then(|table| table.chain(name)).is_some_and(|open| {
            open.chain.comment.is_none() && open.chain.base.is_none() && open.chain.rules.is_empty()
        });
        self.lexer.next();
        let Token::Quoted(comment) = self.lexer.peek() else { return false };
        self.lexer.next();
        let is_alone = matches!(self.lexer.peek(), Token::Newline | Token::Sign(';' | '}'));
        if is_free && is_alone && self.lexer.take_handle().is_none() {
            self.with_chain(place, name, |open| open.chain.comment = Some(comment.to_owned()));
            return true;
        }
        false
    }

    fn with_chain(&mut self, place: usize, name: &str, change: impl FnOnce(&mut super::tables::OpenChain)) {
        if let Some(open) = self.tables.at(place).and_then(|table| table.chain(name)) {
            change(open);
        }
    }

    fn with_base(&mut self, place: usize, name: &str, change: impl FnOnce(&mut Base)) {
        self.with_chain(place, name, |open| {
            if let Some(base) = &mut open.chain.base {
                change(base);
            }
        });
    }

    /// `type nat hook prerouting priority dstnat; policy accept;`, up to the end of the line.
    fn base(&mut self, place: usize, name: &str) -> Result<(), ReadError> {
        let start = self.lexer.start();
        let is_bridge = self.tables.at(place).is_some_and(|open| open.table.family == TableFamily::Bridge);
        if let Some(base) = self.base_words(is_bridge) {
            self.with_chain(place, name, |open| {
                if let Some(earlier) = &open.chain.base
                    && base.hook == earlier.hook
                {
                    return;
                }
                open.chain.base = Some(base);
            });
        } else {
            let line = self.lexer.line_at(start);
            self.skip_line(place)?;
            let table = self.table_words(place);
            let message =
                format!("the hook of chain {name} of {table} is not understood; the chain counts as one without");
            let decisive = self.meets_packets(place);
            self.tables.note(line, decisive, message);
        }
        Ok(())
    }

    fn base_words(&mut self, is_bridge: bool) -> Option<Base> {
        self.lexer.next();
        let chain_type = match self.lexer.word()? {
            "filter" => ChainType::Filter,
            "nat" => ChainType::Nat,
            "route" => ChainType::Route,
            _ => return None,
        };
        self.lexer.take_word("hook").then_some(())?;
        let hook = hook(self.lexer.word()?)?;
        let devices = self.devices();
        self.lexer.take_word("priority").then_some(())?;
        let priority = self.priority(is_bridge)?;
        Some(Base { chain_type, hook, priority, policy_drop: false, devices })
    }

    fn devices(&mut self) -> Vec<String> {
        let mut devices = Vec::new();
        if self.lexer.take_word("device") {
            devices.extend(self.lexer.name().map(str::to_owned));
        } else if self.lexer.take_word("devices") {
            self.lexer.take_sign('=');
            self.lexer.take_sign('{');
            loop {
                match self.lexer.peek() {
                    Token::Sign(',') | Token::Newline => {
                        self.lexer.next();
                    }
                    Token::Word(name) | Token::Quoted(name) => {
                        self.lexer.next();
                        devices.push(name.to_owned());
                    }
                    _ => break,
                }
            }
            self.lexer.take_sign('}');
            self.lexer.take_sign(';');
        }
        devices
    }

    fn priority(&mut self, is_bridge: bool) -> Option<i32> {
        let named = match self.lexer.peek() {
            Token::Word(name) | Token::Quoted(name) => {
                self.lexer.next();
                words::priority(name, is_bridge)?
            }
            _ => 0,
        };
        let is_negative = self.lexer.peek() == Token::Sign('-');
        if is_negative || self.lexer.peek() == Token::Sign('+') {
            self.lexer.next();
        } else if !matches!(self.lexer.peek(), Token::Number(_)) {
            return Some(named);
        }
        let number: i64 = self.lexer.number()?;
        i32::try_from(i64::from(named).checked_add(if is_negative { -number } else { number })?).ok()
    }
}

fn hook(word: &str) -> Option<Hook> {
    Some(match word {
        "ingress" => Hook::Ingress,
        "prerouting" => Hook::Prerouting,
        "input" => Hook::Input,
        "forward" => Hook::Forward,
        "output" => Hook::Output,
        "postrouting" => Hook::Postrouting,
        "egress" => Hook::Egress,
        _ => return None,
    })
}
