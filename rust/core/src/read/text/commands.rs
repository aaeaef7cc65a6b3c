//! The commands of a script.

use super::Reader;
use super::blocks::Inside;
use super::lexer::Token;
use super::statement::Unended;
use crate::read::ReadError;
use crate::ruleset::{Element, Rule, TableFamily};

/// Where a rule goes.
#[derive(Clone, Copy)]
enum Spot {
    Head,
    Tail,
    After(u64),
    Before(u64),
    Index(usize, bool),
}

impl<'a> Reader<'a> {
    /// All commands of the text.
    pub(super) fn commands(&mut self) -> Result<(), ReadError> {
        loop {
            match self.lexer.peek() {
                Token::End => return Ok(()),
                Token::Newline | Token::Sign(';') => {
                    self.lexer.next();
                }
                Token::Word(word) => self.command(word)?,
                Token::Sign('}') => return Err(self.error("a brace is closed that was never opened")),
                _ => return Err(self.error("this is no nft text")),
            }
        }
    }

    fn command(&mut self, word: &'a str) -> Result<(), ReadError> {
        match word {
            "add" | "create" | "insert" | "delete" | "destroy" | "flush" | "replace" => {
                self.lexer.next();
                let Some(object) = self.lexer.word() else {
                    return Err(self.error(&format!("`{word}` names nothing to do it with")));
                };
                match word {
                    "add" | "create" | "insert" => self.add(word, object),
                    "delete" | "destroy" => self.delete(word, object),
                    "flush" => self.flush(object),
                    _ => self.replace(object),
                }
            }
            "include" => Err(self.includes()),
            "table" | "chain" | "set" | "map" | "element" | "rule" | "meter" | "counter" | "quota" | "limit" | "ct"
            | "flowtable" | "secmark" | "synproxy" => {
                self.lexer.next();
                self.add("add", word)
            }
            "list" | "reset" | "monitor" | "describe" | "export" => self.skip_command(),
            _ => Err(self.error(&format!("nothing of nft begins with `{word}`"))),
        }
    }

    fn skip_command(&mut self) -> Result<(), ReadError> {
        match self.lexer.rule() {
            Ok(_) => Ok(()),
            Err(Unended) => Err(self.error("the text ends within braces")),
        }
    }

    fn add(&mut self, command: &str, object: &'a str) -> Result<(), ReadError> {
        let (family, table) = self.table_name()?;
        match object {
            "table" => {
                let place = self.tables.place(family, table);
                if self.lexer.take_sign('{') { self.table_block(place) } else { Ok(()) }
            }
            "chain" => {
                let place = self.tables.place(family, table);
                let name = self.required_name(object)?;
                self.declare_chain(place, name);
                if self.lexer.take_sign('{') { self.chain_block(place, name) } else { Ok(()) }
            }
            "set" | "map" | "meter" => {
                let place = self.tables.place(family, table);
                let name = self.required_name(object)?;
                if let Some(open) = self.tables.at(place) {
                    open.set(name);
                }
                if self.lexer.take_sign('{') { self.set_block(place, Inside { kind: object, name }) } else { Ok(()) }
            }
            "element" => {
                let name = self.required_name("set")?;
                let elements = self.command_elements(family, table, name)?;
                let place = self.tables.place(family, table);
                if let Some(open) = self.tables.at(place).and_then(|open| open.set(name)) {
                    open.add(elements);
                }
                Ok(())
            }
            "rule" => self.add_rule(command == "insert", family, table),
            _ => self.skip_command(),
        }
    }

    fn command_elements(&mut self, family: TableFamily, table: &str, name: &str) -> Result<Vec<Element>, ReadError> {
        let set = self.tables.find(family, table).and_then(|open| open.declared_set(name));
        let is_map = set.is_some_and(|open| open.set.data.is_some());
        if !self.lexer.take_sign('{') {
            return Err(self.error(&format!("the elements of set {name} are missing")));
        }
        self.lexer.named_elements(is_map).ok_or_else(|| self.error("the text ends within elements"))
    }

    fn add_rule(&mut self, at_head: bool, family: TableFamily, table: &'a str) -> Result<(), ReadError> {
        let line = self.lexer.line();
        let name = self.required_name("chain")?;
        let mut spot = if at_head { Spot::Head } else { Spot::Tail };
        if let Token::Word(word @ ("position" | "handle" | "index")) = self.lexer.peek() {
            self.lexer.next();
            let Some(number) = self.lexer.number::<u64>() else { return Err(self.error("a number is missing")) };
            spot = match (word, at_head) {
                ("index", _) => Spot::Index(usize::try_from(number).unwrap_or(usize::MAX), at_head),
                (_, true) => Spot::Before(number),
                (_, false) => Spot::After(number),
            };
        }
        self.lexer.take_handle();
        let rule = self.lexer.rule();
        let Ok(mut rule) = rule else { return Err(self.error("the text ends within a rule")) };
        rule.handle = self.lexer.take_handle();
        let place = self.tables.place(family, table);
        let is_new = self.tables.at(place).is_some_and(|open| !open.has_chain(name));
        if is_new {
            let table = self.table_words(place);
            self.tables.note(
                line,
                true,
                format!("chain {name} of {table} gets a rule, and is declared nowhere before"),
            );
        }
        if let Some(open) = self.tables.at(place).and_then(|open| open.chain(name)) {
            match spot {
                Spot::Tail => open.chain.rules.push(rule),
                Spot::Head => open.head.push(rule),
                _ => insert(&mut open.chain.rules, std::mem::take(&mut open.head), spot, rule),
            }
        }
        Ok(())
    }

    fn delete(&mut self, command: &str, object: &'a str) -> Result<(), ReadError> {
        let line = self.lexer.line();
        let (family, table) = self.table_name()?;
        let by_handle =
            if object != "table" && self.lexer.take_word("handle") { self.lexer.number::<u64>() } else { None };
        let is_gone = match object {
            "table" => self.tables.remove(family, table),
            "chain" | "set" | "map" | "meter" => {
                let name = if by_handle.is_none() { self.required_name(object)? } else { "" };
                self.tables.find(family, table).is_some_and(|open| match (object, by_handle) {
                    ("chain", Some(handle)) => open.remove_chain_by_handle(handle),
                    ("chain", None) => open.remove_chain(name),
                    (_, Some(handle)) => open.remove_set_by_handle(handle),
                    (_, None) => open.remove_set(name),
                })
            }
            "element" => {
                let name = self.required_name("set")?;
                // Data of a map need not be named where its element is taken away.
                if !self.lexer.take_sign('{') {
                    return Err(self.error(&format!("the elements of set {name} are missing")));
                }
                let Some(elements) = self.lexer.named_elements(false) else {
                    return Err(self.error("the text ends within elements"));
                };
                let set = self.tables.find(family, table).and_then(|open| open.declared_set(name));
                set.map(|open| open.delete(elements)).is_some()
            }
            "rule" => {
                let name = self.required_name("chain")?;
                self.lexer.take_word("handle");
                let Some(handle) = self.lexer.number::<u64>() else { return Err(self.error("a handle is missing")) };
                self.rule_place(family, table, name, handle, None)
            }
            _ => return self.skip_command(),
        };
        if !is_gone && command == "delete" {
            self.tables.note(line, false, format!("a {object} is deleted that is not in this text"));
        }
        self.skip_command()
    }

    /// Takes a rule away, or puts another in its place; whether there was one.
    fn rule_place(&mut self, family: TableFamily, table: &str, chain: &str, handle: u64, new: Option<Rule>) -> bool {
        let Some(open) = self.tables.find(family, table) else { return false };
        if !open.has_chain(chain) {
            return false;
        }
        let Some(open) = open.chain(chain) else { return false };
        for rules in [&mut open.chain.rules, &mut open.head] {
            if let Some(index) = rules.iter().position(|rule| rule.handle == Some(handle)) {
                match new {
                    Some(rule) => rules.splice(index..=index, [rule]).for_each(drop),
                    None => drop(rules.remove(index)),
                }
                return true;
            }
        }
        false
    }

    fn replace(&mut self, object: &str) -> Result<(), ReadError> {
        if object != "rule" {
            return self.skip_command();
        }
        let line = self.lexer.line();
        let (family, table) = self.table_name()?;
        let name = self.required_name("chain")?;
        self.lexer.take_word("handle");
        let Some(handle) = self.lexer.number::<u64>() else { return Err(self.error("a handle is missing")) };
        let rule = self.lexer.rule();
        let Ok(mut rule) = rule else { return Err(self.error("the text ends within a rule")) };
        rule.handle = Some(handle);
        if !self.rule_place(family, table, name, handle, Some(rule)) {
            self.tables.note(line, true, "a rule is replaced that is not in this text".to_owned());
        }
        Ok(())
    }

    fn flush(&mut self, object: &'a str) -> Result<(), ReadError> {
        if object == "ruleset" {
            let family = self.family();
            self.tables.flush(family);
            return Ok(());
        }
        let (family, table) = self.table_name()?;
        if object == "table" {
            if let Some(open) = self.tables.find(family, table) {
                open.flush();
            }
            return Ok(());
        }
        let name = self.required_name(object)?;
        if let Some(open) = self.tables.find(family, table) {
            if object == "chain" && open.has_chain(name) {
                if let Some(open) = open.chain(name) {
                    open.head = Vec::new();
                    open.chain.rules = Vec::new();
                }
            } else if let Some(open) = open.declared_set(name) {
                open.flush();
            }
        }
        Ok(())
    }

    fn required_name(&mut self, object: &str) -> Result<&'a str, ReadError> {
        self.lexer.name().ok_or_else(|| self.error(&format!("the name of a {object} is missing")))
    }

    fn table_name(&mut self) -> Result<(TableFamily, &'a str), ReadError> {
        let family = self.family().unwrap_or(TableFamily::Ip);
        Ok((family, self.required_name("table")?))
    }

    fn family(&mut self) -> Option<TableFamily> {
        let start = self.lexer.start();
        let family = self.lexer.word().and_then(super::family_of);
        // A table may have the name of a family.
        let is_name = matches!(self.lexer.peek(), Token::Sign('{'));
        if family.is_none() || is_name {
            self.lexer.rewind(start);
            return None;
        }
        family
    }
}

/// Puts a rule at a spot that depends on the others; rules of the head come first.
fn insert(rules: &mut Vec<Rule>, head: Vec<Rule>, spot: Spot, rule: Rule) {
    rules.splice(0..0, head.into_iter().rev());
    let found = |handle| rules.iter().position(|rule| rule.handle == Some(handle));
    let index = match spot {
        Spot::Head => 0,
        Spot::Tail => rules.len(),
        Spot::Before(handle) => found(handle).unwrap_or(0),
        Spot::After(handle) => found(handle).map_or(rules.len(), |index| index + 1),
        Spot::Index(index, true) => index,
        Spot::Index(index, false) => index.saturating_add(1),
    };
    rules.insert(index.min(rules.len()), rule);
}
