//! The words of nft text.

use std::net::IpAddr;

/// A word, a constant or a sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// `ip`, `echo-request`, `service-ABC/ns/name`, `eth*`, `24s812ms`
    Word(&'a str),
    /// What stands between quotation marks.
    Quoted(&'a str),
    /// Decimal or hexadecimal.
    Number(u128),
    /// An address of IPv4 or IPv6.
    Address(IpAddr),
    /// A constant with colons in it: a MAC address, or a class id such as `6a2f:d718`.
    Constant(&'a str),
    /// `# xt_NAME`: nft's comment in the place of a match or target of iptables.
    Xtables(&'a str),
    /// One sign.
    Sign(char),
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
    /// The end of a line.
    Newline,
    /// The end of the text.
    End,
}

/// Reads one token after the other, and remembers what comments say.
pub(super) struct Lexer<'a> {
    pub(super) source: &'a str,
    position: usize,
    peeked: Option<(Token<'a>, usize)>,
    /// Where the last token that was taken ends.
    previous_end: usize,
    /// The last token was the word `comment`, whose string may hold quotation marks.
    after_comment: bool,
    /// The number of the last `# handle` since it was taken.
    handle: Option<u64>,
    /// The number of the last `# count` since it was taken.
    count: Option<u64>,
    /// What follows `# Warning: table` where iptables-nft is named; and where that was.
    managed: Vec<(usize, &'a str)>,
    /// A place and its line, to count on from.
    counted: (usize, usize),
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-') || byte >= 0x80
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self {
            source,
            position: 0,
            peeked: None,
            previous_end: 0,
            after_comment: false,
            handle: None,
            count: None,
            managed: Vec::new(),
            counted: (0, 1),
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&mut self) -> Token<'a> {
        if let Some((token, _)) = self.peeked {
            return token;
        }
        let start = self.skip_blanks();
        let token = self.token(start);
        self.peeked = Some((token, start));
        token
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.peeked = None;
        self.after_comment = matches!(token, Token::Word("comment"));
        self.previous_end = self.position;
        token
    }

    /// Takes the next token if it is this one.
    pub(super) fn take(&mut self, expected: Token<'_>) -> bool {
        let found = self.peek() == expected;
        if found {
            self.next();
        }
        found
    }

    /// Takes the next token if it is this word.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(next) if next == word);
        if found {
            self.next();
        }
        found
    }

    /// Takes the next token if it is this sign.
    pub(super) fn take_sign(&mut self, sign: char) -> bool {
        let found = matches!(self.peek(), Token::Sign(next) if next == sign);
        if found {
            self.next();
        }
        found
    }

    /// The next token, if it is a word.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        let Token::Word(word) = self.peek() else { return None };
        self.next();
        Some(word)
    }

    /// The next token, if it is a number that fits.
    pub(super) fn number<T: TryFrom<u128>>(&mut self) -> Option<T> {
        let Token::Number(number) = self.peek() else { return None };
        self.next();
        T::try_from(number).ok()
    }

    /// The name of a table, chain, set or object, which may hold more signs than a word.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        if let Token::Quoted(name) = self.peek() {
            self.next();
            return Some(name);
        }
        let start = self.start();
        let rest = self.source.get(start..)?;
        let end = rest
            .find(|sign: char| {
                sign.is_ascii_whitespace() || matches!(sign, ';' | '{' | '}' | ',' | ')' | '#' | '"' | '$')
            })
            .unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        self.rewind(start + end);
        self.previous_end = start + end;
        rest.get(..end)
    }

    /// The name of a set after `@`, which a port may follow (`dnat to ip saddr map @m:80`).
    pub(super) fn set_name(&mut self) -> Option<&'a str> {
        let start = self.start();
        let name = self.name()?;
        let Some((name, _)) = name.split_once(':') else { return Some(name) };
        self.rewind(start + name.len());
        self.previous_end = start + name.len();
        Some(name)
    }

    /// Where the next token begins.
    pub(super) fn start(&mut self) -> usize {
        self.peek();
        self.peeked.map_or(self.position, |(_, start)| start)
    }

    /// Goes back (or on) to a place.
    pub(super) fn rewind(&mut self, position: usize) {
        self.position = position;
        self.peeked = None;
        self.after_comment = false;
    }

    /// The text from a place to the end of the last token that was taken.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.source.get(start..self.previous_end).unwrap_or_default()
    }

    /// The handle that a comment told since the last call.
    pub(super) fn take_handle(&mut self) -> Option<u64> {
        self.handle.take()
    }

    /// The number of elements that a comment told since the last call.
    pub(super) fn take_count(&mut self) -> Option<u64> {
        self.count.take()
    }

    /// `FAMILY NAME` of the tables that iptables-nft manages.
    pub(super) fn managed(&self) -> impl Iterator<Item = &'a str> {
        self.managed.iter().map(|&(_, table)| table)
    }

    /// The line of the next token.
    pub(super) fn line(&mut self) -> usize {
        let position = self.start();
        self.line_at(position)
    }

    /// The line of a place.
    pub(super) fn line_at(&mut self, position: usize) -> usize {
        let (from, line) = if self.counted.0 <= position { self.counted } else { (0, 1) };
        let between = self.source.as_bytes().get(from..position).unwrap_or_default();
        self.counted = (position, line + between.split(|&byte| byte == b'\n').count() - 1);
        self.counted.1
    }

    /// Newlines, too, are nothing.
    pub(super) fn skip_newlines(&mut self) {
        while self.peek() == Token::Newline {
            self.next();
        }
    }

    pub(super) fn byte(&self, position: usize) -> Option<u8> {
        self.source.as_bytes().get(position).copied()
    }

    /// From blanks, continued lines and comments to what follows them.
    fn skip_blanks(&mut self) -> usize {
        loop {
            match self.byte(self.position) {
                Some(b' ' | b'\t' | b'\r') => self.position += 1,
                Some(b'\\') => match (self.byte(self.position + 1), self.byte(self.position + 2)) {
                    (Some(b'\n'), _) => self.position += 2,
                    (Some(b'\r'), Some(b'\n')) => self.position += 3,
                    _ => return self.position,
                },
                Some(b'#') => {
                    let rest = self.source.get(self.position..).unwrap_or_default();
                    if rest.starts_with("# xt_") {
                        return self.position;
                    }
                    let comment = rest.find('\n').and_then(|end| rest.get(..end)).unwrap_or(rest);
                    self.learn(comment.trim_start_matches('#').trim());
                    self.position += comment.len();
                }
                _ => return self.position,
            }
        }
    }

    fn learn(&mut self, comment: &'a str) {
        if let Some(number) = comment.strip_prefix("handle ") {
            self.handle = number.trim().parse().ok();
        } else if let Some(number) = comment.strip_prefix("count ") {
            self.count = number.trim().parse().ok();
        } else if let Some(rest) = comment.strip_prefix("Warning: table ")
            && let Some((table, _)) = rest.split_once(" is managed by iptables-nft")
            && self.managed.last().is_none_or(|&(place, _)| place < self.position)
        {
            self.managed.push((self.position, table));
        }
    }

    fn token(&mut self, start: usize) -> Token<'a> {
        let Some(byte) = self.byte(start) else { return Token::End };
        match byte {
            b'\n' => self.ends(start + 1, Token::Newline),
            b'"' => self.quoted(start + 1),
            b'#' => {
                let end = self.run(start + 5, is_word_byte);
                let name = self.source.get(start + 5..end).unwrap_or_default();
                self.ends(end, Token::Xtables(name))
            }
            b'0'..=b'9' => match self.decimal(start) {
                Some(number) => number,
                None => self.with_colons(start).unwrap_or_else(|| self.digits(start)),
            },
            b'a'..=b'f' | b'A'..=b'F' => self.with_colons(start).unwrap_or_else(|| self.letters(start)),
            b'g'..=b'z' | b'G'..=b'Z' | b'_' => self.letters(start),
            b':' if self.byte(start + 1) == Some(b':') => {
                self.with_colons(start).unwrap_or_else(|| self.ends(start + 1, Token::Sign(':')))
            }
            _ => self.sign(start, byte),
        }
    }

    pub(super) fn ends(&mut self, end: usize, token: Token<'a>) -> Token<'a> {
        self.position = end;
        token
    }

    pub(super) fn run(&self, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let bytes = self.source.as_bytes().get(start..).unwrap_or_default();
        start + bytes.iter().position(|&byte| !belongs(byte)).unwrap_or(bytes.len())
    }

    fn sign(&mut self, start: usize, byte: u8) -> Token<'a> {
        let token = match (byte, self.byte(start + 1)) {
            (b'=', Some(b'=')) => Token::Equal,
            (b'!', Some(b'=')) => Token::NotEqual,
            (b'<', Some(b'=')) => Token::LessOrEqual,
            (b'>', Some(b'=')) => Token::GreaterOrEqual,
            (b'<', Some(b'<')) => Token::ShiftLeft,
            (b'>', Some(b'>')) => Token::ShiftRight,
            (b'\\', Some(b'*')) => return self.letters(start),
            _ if byte >= 0x80 => return self.letters(start),
            _ => return self.ends(start + 1, Token::Sign(char::from(byte))),
        };
        self.ends(start + 2, token)
    }

    fn letters(&mut self, start: usize) -> Token<'a> {
        let mut end = self.run(start, is_word_byte);
        // nft writes interfaces by their beginning as `eth*`, and the sign itself as `\*`.
        loop {
            match (self.byte(end), self.byte(end + 1)) {
                (Some(b'*'), _) => end += 1,
                (Some(b'\\'), Some(b'*')) => end += 2,
                _ => break,
            }
            end = self.run(end, is_word_byte);
        }
        self.ends(end, Token::Word(self.source.get(start..end).unwrap_or_default()))
    }

    /// A string, which ends on its line.
    fn quoted(&mut self, start: usize) -> Token<'a> {
        let rest = self.source.get(start..).unwrap_or_default();
        let length = if self.after_comment {
            comment_length(rest)
        } else {
            rest.bytes()
                .position(|byte| matches!(byte, b'"' | b'\n'))
                .filter(|&end| rest.as_bytes().get(end) == Some(&b'"'))
        };
        match length.and_then(|length| rest.get(..length)) {
            Some(text) => self.ends(start + text.len() + 1, Token::Quoted(text)),
            None => self.ends(start, Token::Sign('"')),
        }
    }
}

/// How long a comment is whose closing mark is to be found.
///
/// nft prints marks in comments as they are. A mark before a letter is one that opens within the comment, and the
/// next one before a blank is its partner; a mark after a backslash belongs to the comment unless nothing else follows.
fn comment_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut open, mut last) = (0_usize, None);
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => break,
            b'"' => {}
            _ => continue,
        }
        last = Some(index);
        let rest = bytes.get(index + 1..).unwrap_or_default();
        let is_end =
            matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b',' | b'}' | b':' | b')' | b'#'));
        let escaped = index.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\');
        if escaped && !matches!(rest.first(), None | Some(b'\n')) {
            continue;
        }
        match (is_end, open) {
            (true, 0) => return Some(index),
            (true, _) => open -= 1,
            (false, _) => open += 1,
        }
    }
    last
}
