//! Expressions and constants.

use super::lexer::{Lexer, Token};
use super::words;
use crate::ruleset::{Expression, HashMode, NumgenMode, Operator};

/// How deep expressions and sets may lie in one another, and how many operators may follow one another.
pub(super) const DEPTH: usize = 64;

/// What may stand at a place.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Something that is asked of the packet.
    Key,
    /// Something asked of the packet, or a constant.
    Value,
    /// A constant: `ip` is a word here.
    Constant,
    /// A constant before which a mask may follow a slash (`tcp flags syn / syn,ack`).
    Flags,
}

impl Place {
    fn is_constant(self) -> bool {
        matches!(self, Self::Constant | Self::Flags)
    }
}

impl<'a> Lexer<'a> {
    /// `a . b . c`, and a map of it.
    pub(super) fn expression(&mut self, place: Place, depth: usize) -> Option<Expression> {
        let key = self.concatenation(place, depth)?;
        if place.is_constant() || !self.take_word("map") {
            return Some(key);
        }
        let data = self.set_or_reference(true, depth + 1)?;
        Some(Expression::Map(Box::new((key, data))))
    }

    /// `{ ... }` or `@name`
    pub(super) fn set_or_reference(&mut self, is_map: bool, depth: usize) -> Option<Expression> {
        if self.take_sign('{') {
            return self.elements(is_map, depth).map(Expression::Set);
        }
        self.take_sign('@').then_some(())?;
        Some(Expression::SetReference(self.set_name()?.into()))
    }

    /// `a . b . c`
    pub(super) fn concatenation(&mut self, place: Place, depth: usize) -> Option<Expression> {
        let first = self.bits(place, depth, 0)?;
        if self.peek() != Token::Sign('.') {
            return Some(first);
        }
        let mut parts = vec![first];
        while self.take_sign('.') {
            if parts.len() > DEPTH {
                return None;
            }
            // Most have two or three parts, and there may be a million of them.
            parts.reserve_exact(1);
            parts.push(self.bits(place, depth, 0)?);
        }
        Some(Expression::Concatenation(parts))
    }

    /// Operators between bits that bind at least as much as `level`: 0 is `|`, then `^`, `&`, and shifts.
    fn bits(&mut self, place: Place, depth: usize, level: u8) -> Option<Expression> {
        if depth > DEPTH {
            return None;
        }
        let mut left = self.operand(place, depth)?;
        let after = if place == Place::Key { Place::Value } else { place };
        let mut length = 0;
        while let Some((operator, binding)) = self.operator().filter(|&(_, binding)| binding >= level) {
            self.next();
            length += 1;
            if depth + length > DEPTH {
                return None;
            }
            let right = self.bits(after, depth + length, binding + 1)?;
            left = Expression::Binary(operator, Box::new((left, right)));
        }
        Some(left)
    }

    /// The operator that is next, and how much it binds.
    fn operator(&mut self) -> Option<(Operator, u8)> {
        Some(match self.peek() {
            Token::Sign('|') | Token::Word("or") => (Operator::Or, 0),
            Token::Sign('^') | Token::Word("xor") => (Operator::Xor, 1),
            Token::Sign('&') | Token::Word("and") => (Operator::And, 2),
            Token::ShiftLeft | Token::Word("lshift") => (Operator::ShiftLeft, 3),
            Token::ShiftRight | Token::Word("rshift") => (Operator::ShiftRight, 3),
            _ => return None,
        })
    }

    /// One expression; of constants also their prefixes and ranges.
    fn operand(&mut self, place: Place, depth: usize) -> Option<Expression> {
        let first = self.primary(place, depth)?;
        let is_constant = matches!(first, Expression::Number(_) | Expression::Address(_) | Expression::Symbol(_));
        if !is_constant {
            return Some(first);
        }
        match self.peek() {
            Token::Sign('/') if place != Place::Flags => {
                self.next();
                Some(Expression::Prefix(Box::new(first), self.number()?))
            }
            Token::Sign('-') => {
                self.next();
                let last = self.primary(if place == Place::Flags { place } else { Place::Constant }, depth)?;
                let is_constant =
                    matches!(last, Expression::Number(_) | Expression::Address(_) | Expression::Symbol(_));
                is_constant.then(|| Expression::Range(Box::new((first, last))))
            }
            _ => Some(first),
        }
    }

    fn primary(&mut self, place: Place, depth: usize) -> Option<Expression> {
        match self.peek() {
            Token::Word(word) if place.is_constant() => {
                let number = match word {
                    "exists" => Some(1),
                    "missing" => Some(0),
                    _ => None,
                };
                if words::begins_expression(word) {
                    return None;
                }
                self.next();
                Some(number.map_or_else(|| Expression::symbol(word), Expression::Number))
            }
            Token::Word(word) => {
                let start = self.start();
                self.next();
                if let Some(expression) = self.asked(word, start, depth) {
                    return Some(expression);
                }
                self.rewind(start);
                self.next();
                let is_symbol = place == Place::Value && !words::begins_expression(word);
                is_symbol.then(|| Expression::symbol(word))
            }
            Token::Sign('(') => {
                self.next();
                let inner = self.bits(place, depth + 1, 0)?;
                self.take_sign(')').then_some(inner)
            }
            Token::Sign('@') => {
                self.next();
                self.raw_payload()
            }
            _ if place == Place::Key => None,
            Token::Number(number) => Some(self.taken(Expression::Number(number))),
            Token::Address(address) => Some(self.taken(Expression::Address(address))),
            Token::Quoted(text) | Token::Constant(text) => Some(self.taken(Expression::symbol(text))),
            Token::Sign('*') => Some(self.taken(Expression::CatchAll)),
            Token::Sign('[') => {
                self.next();
                let address = self.operand(Place::Constant, depth + 1)?;
                self.take_sign(']').then_some(address)
            }
            _ => None,
        }
    }

    fn taken(&mut self, expression: Expression) -> Expression {
        self.next();
        expression
    }

    /// `@th,0,16`, after the `@`.
    fn raw_payload(&mut self) -> Option<Expression> {
        let base = self.word().filter(|base| matches!(*base, "ll" | "nh" | "th" | "ih"))?.into();
        self.take_sign(',').then_some(())?;
        let offset = self.number()?;
        self.take_sign(',').then_some(())?;
        Some(Expression::RawPayload { base, offset, length: self.number()? })
    }

    /// What is asked of the packet, after its first word.
    fn asked(&mut self, word: &'a str, start: usize, depth: usize) -> Option<Expression> {
        match word {
            "meta" => self.word().map(|key| Expression::Meta(key.into())),
            "ct" => self.conntrack(),
            "fib" => self.fib(),
            "socket" => self.socket(start),
            "numgen" => self.numgen(),
            "jhash" => self.jhash(depth),
            "symhash" => {
                let (modulus, offset) = (self.modulus()?, self.offset()?);
                Some(Expression::Hash { mode: HashMode::Symmetric, modulus, offset })
            }
            "osf" | "ipsec" => self.exotic(word, start),
            "rt" if matches!(self.peek(), Token::Word("classid" | "ip" | "ip6" | "nexthop" | "mtu" | "ipsec")) => {
                self.exotic(word, start)
            }
            _ if words::fields(word).is_some() => self.payload(word),
            _ => words::is_meta_alone(word).then(|| Expression::Meta(word.into())),
        }
    }

    fn payload(&mut self, protocol: &'a str) -> Option<Expression> {
        let start = self.start();
        let field = self.word()?;
        match (protocol, field) {
            ("tcp" | "ip", "option") => {
                self.word()?;
                self.detail(words::is_option_field);
            }
            ("sctp", "chunk") => {
                self.word()?;
                self.detail(words::is_chunk_field);
            }
            ("arp", "saddr" | "daddr") => {
                self.word().filter(|address| matches!(*address, "ip" | "ether"))?;
            }
            ("rt0" | "rt2", "addr") | ("srh", "sid") => {
                self.take_sign('[').then_some(())?;
                self.number::<u8>()?;
                self.take_sign(']').then_some(())?;
            }
            _ => {
                return words::fields(protocol)?.contains(&field).then(|| Expression::payload(protocol, field));
            }
        }
        Some(Expression::payload(protocol, self.since(start)))
    }

    /// Takes a word that belongs to the field.
    fn detail(&mut self, belongs: fn(&str) -> bool) {
        if let Token::Word(word) = self.peek()
            && belongs(word)
        {
            self.next();
        }
    }

    fn conntrack(&mut self) -> Option<Expression> {
        let mut key = self.word()?;
        let mut direction = None;
        let mut family = None;
        if matches!(key, "original" | "reply") {
            direction = Some(key.into());
            key = self.word()?;
        }
        if matches!(key, "ip" | "ip6") {
            family = Some(key.into());
            key = self.word().filter(|key| matches!(*key, "saddr" | "daddr"))?;
        }
        words::is_ct_key(key).then(|| Expression::Ct { key: key.into(), direction, family })
    }

    fn fib(&mut self) -> Option<Expression> {
        let mut flags = Vec::with_capacity(2);
        loop {
            let flag = self.word().filter(|flag| matches!(*flag, "saddr" | "daddr" | "mark" | "iif" | "oif"))?;
            flags.push(flag.into());
            if flags.len() > DEPTH {
                return None;
            }
            if !self.take_sign('.') {
                break;
            }
        }
        let result = self.word().filter(|result| matches!(*result, "type" | "oif" | "oifname" | "check"))?;
        Some(Expression::Fib { result: result.into(), flags })
    }

    fn socket(&mut self, start: usize) -> Option<Expression> {
        let key = self.word()?;
        match key {
            "transparent" | "mark" | "wildcard" => Some(Expression::Socket(key.into())),
            "cgroupv2" => {
                self.take_word("level").then_some(())?;
                self.number::<u32>()?;
                let words = self.since(start).strip_prefix("socket")?.trim_start();
                Some(Expression::Socket(words.into()))
            }
            _ => None,
        }
    }

    fn numgen(&mut self) -> Option<Expression> {
        let mode = match self.word()? {
            "inc" => NumgenMode::Incremental,
            "random" => NumgenMode::Random,
            _ => return None,
        };
        Some(Expression::Numgen { mode, modulus: self.modulus()?, offset: self.offset()? })
    }

    fn jhash(&mut self, depth: usize) -> Option<Expression> {
        let key = Box::new(self.concatenation(Place::Key, depth + 1)?);
        let modulus = self.modulus()?;
        let seed = if self.take_word("seed") { Some(self.number()?) } else { None };
        let offset = self.offset()?;
        Some(Expression::Hash { mode: HashMode::Jhash { key, seed }, modulus, offset })
    }

    fn modulus(&mut self) -> Option<u32> {
        self.take_word("mod").then_some(())?;
        self.number()
    }

    fn offset(&mut self) -> Option<u32> {
        if self.take_word("offset") { self.number() } else { Some(0) }
    }

    /// What the form of rulesets has no class for: its words.
    fn exotic(&mut self, word: &str, start: usize) -> Option<Expression> {
        match word {
            "osf" => {
                if self.take_word("ttl") {
                    self.word()?;
                }
                self.word().filter(|key| matches!(*key, "name" | "version"))?;
            }
            "ipsec" => {
                self.word().filter(|direction| matches!(*direction, "in" | "out"))?;
                if self.take_word("spnum") {
                    self.number::<u32>()?;
                }
                let key = self.word()?;
                if matches!(key, "ip" | "ip6") {
                    self.word().filter(|key| matches!(*key, "saddr" | "daddr"))?;
                } else if !matches!(key, "reqid" | "spi") {
                    return None;
                }
            }
            _ => {
                let key = self.word()?;
                if matches!(key, "ip" | "ip6") {
                    self.take_word("nexthop").then_some(())?;
                }
            }
        }
        Some(Expression::Opaque(self.since(start).into()))
    }
}
