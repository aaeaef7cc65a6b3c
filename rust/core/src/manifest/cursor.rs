//! A place in JSON text that moves forward, token by token.

use std::borrow::Cow;

/// The digits of an integer that surely fits 64 bits.
const MOST_DIGITS: usize = 18;

/// A string of JSON text, as it is written between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The text, if it is written without escapes.
    #[must_use]
    pub fn plain(self) -> Option<&'a str> {
        (!self.escaped).then_some(self.raw)
    }

    /// The text that is meant; None where an escape means nothing, which [`Cursor::string`] does not let pass.
    #[must_use]
    pub fn value(self) -> Option<Cow<'a, str>> {
        if !self.escaped {
            return Some(Cow::Borrowed(self.raw));
        }
        let mut value = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = rest.find('\\') {
            value.push_str(&rest[..at]);
            let (character, length) = escape(&rest.as_bytes()[at..])?;
            value.push(character);
            rest = rest.get(at + length..)?;
        }
        value.push_str(rest);
        Some(Cow::Owned(value))
    }
}

/// A place in JSON text. Methods return None where something else stands there than they are for.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Bytes before the place.
    pub at: usize,
    /// Bytes among those that begin no character.
    pub continuations: usize,
    /// Line feeds among those.
    pub line_feeds: usize,
}

impl<'a> Cursor<'a> {
    /// The place after `at` bytes of a text.
    #[must_use]
    pub fn new(text: &'a str, at: usize) -> Self {
        Self { text, bytes: text.as_bytes(), at, continuations: 0, line_feeds: 0 }
    }

    /// The byte at the place.
    #[must_use]
    pub fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Moves past white space.
    pub fn skip_blanks(&mut self) {
        while let Some(byte @ (b' ' | b'\n' | b'\r' | b'\t')) = self.byte() {
            self.line_feeds += usize::from(byte == b'\n');
            self.at += 1;
        }
    }

    /// Moves past an opening bracket; whether anything stands before the closing one.
    pub fn enter(&mut self, closing: u8) -> Option<bool> {
        if self.byte()? != closing - 2 {
            return None;
        }
        self.at += 1;
        self.skip_blanks();
        let is_empty = self.byte()? == closing;
        self.at += usize::from(is_empty);
        Some(!is_empty)
    }

    /// Moves to the next value or name in brackets, or past the closing bracket; whether there is one.
    pub fn next(&mut self, closing: u8) -> Option<bool> {
        self.skip_blanks();
        let byte = self.byte()?;
        if byte != b',' && byte != closing {
            return None;
        }
        self.at += 1;
        if byte == b',' {
            self.skip_blanks();
        }
        Some(byte == b',')
    }

    /// Moves past the name of a member to its value; None for names with escapes, too.
    pub fn name(&mut self) -> Option<&'a str> {
        let name = self.string()?.plain()?;
        self.skip_blanks();
        if self.byte()? != b':' {
            return None;
        }
        self.at += 1;
        self.skip_blanks();
        Some(name)
    }

    /// Moves past a string.
    pub fn string(&mut self) -> Option<Text<'a>> {
        if self.byte()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            match *self.bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    at += escape(&self.bytes[at..])?.1;
                }
                0..0x20 => return None,
                byte => {
                    self.continuations += usize::from(byte & 0xc0 == 0x80);
                    at += 1;
                }
            }
        }
        self.at = at + 1;
        Some(Text { raw: self.text.get(start..at)?, escaped })
    }

    /// Moves past an integer of few enough digits; None for other numbers.
    pub fn integer(&mut self) -> Option<i64> {
        let start = self.at;
        let sign = usize::from(self.byte()? == b'-');
        let digits = self.bytes[start + sign..].iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit());
        let count = digits.count();
        let end = start + sign + count;
        let leads_with_zero = count > 1 && self.bytes[start + sign] == b'0';
        let goes_on = matches!(self.bytes.get(end), Some(b'.' | b'e' | b'E'));
        if count == 0 || count > MOST_DIGITS || leads_with_zero || goes_on {
            return None;
        }
        self.at = end;
        self.text.get(start..end)?.parse().ok()
    }

    /// Moves past `null`; whether it was there.
    pub fn null(&mut self) -> bool {
        self.word("null")
    }

    /// Moves past `true` or `false`.
    pub fn boolean(&mut self) -> Option<bool> {
        let value = self.word("true");
        (value || self.word("false")).then_some(value)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.bytes[self.at.min(self.bytes.len())..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Moves past a value of brackets `depth` deep at most, of which `names` keeps those of open objects; None for
    /// names that come twice, unless `names` is None.
    pub fn pass(&mut self, depth: usize, names: &mut Option<Vec<&'a str>>) -> Option<()> {
        match self.byte()? {
            b'{' => {
                let depth = depth.checked_sub(1)?;
                let open = names.as_ref().map_or(0, Vec::len);
                let mut more = self.enter(b'}')?;
                while more {
                    let name = self.name()?;
                    if let Some(names) = names {
                        names.push(name);
                    }
                    self.pass(depth, names)?;
                    more = self.next(b'}')?;
                }
                if let Some(names) = names {
                    let own = names.get_mut(open..)?;
                    own.sort_unstable();
                    if own.windows(2).any(|pair| pair[0] == pair[1]) {
                        return None;
                    }
                    names.truncate(open);
                }
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                let mut more = self.enter(b']')?;
                while more {
                    self.pass(depth, names)?;
                    more = self.next(b']')?;
                }
            }
            b'"' => {
                self.string()?;
            }
            b'-' | b'0'..=b'9' => {
                self.integer()?;
            }
            b'n' => return self.null().then_some(()),
            _ => {
                self.boolean()?;
            }
        }
        Some(())
    }
}

/// The character that an escape stands for, and its length in bytes; None for what is no escape, and for half of a pair.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let character = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = code(bytes.get(2..6)?)?;
            if let Some(character) = char::from_u32(first) {
                return Some((character, 6));
            }
            if bytes.get(6..8)? != b"\\u" {
                return None;
            }
            let units = [u16::try_from(first).ok()?, u16::try_from(code(bytes.get(8..12)?)?).ok()?];
            return Some((char::decode_utf16(units).next()?.ok()?, 12));
        }
        _ => return None,
    };
    Some((character, 2))
}

fn code(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, &digit| Some(code * 16 + char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(text: &str) -> bool {
        let mut cursor = Cursor::new(text, 0);
        cursor.pass(3, &mut Some(Vec::new())).is_some() && cursor.at == text.len()
    }

    #[test]
    fn what_json_allows_passes() {
        for text in ["{}", "[ ]", r#"{"a": [1, -0, {"b": null}], "c": {"a": true}}"#, r#""\u00e4\ud83d\ude00 ä""#, "0"]
        {
            assert!(passes(text), "{text}");
        }
    }

    #[test]
    fn what_json_forbids_and_what_needs_another_reader_does_not_pass() {
        let texts = [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "01",
            "1.0",
            "1e3",
            "-",
            "NaN",
            "nul",
            "\"\n\"",
            "\"a",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud83d""#,
            r#""\ud83d\u0041""#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"\u0061":1}"#,
            "[[[[]]]]",
            "1000000000000000000",
            "[1 2]",
            "{]",
        ];
        for text in texts {
            assert!(!passes(text), "{text}");
        }
    }

    #[test]
    fn names_may_come_twice_where_nobody_looks() {
        assert!(Cursor::new(r#"{"a":1,"a":2}"#, 0).pass(1, &mut None).is_some());
    }

    #[test]
    fn escapes_mean_characters() {
        let text = r#""a\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00z""#;
        let value = Cursor::new(text, 0).string().and_then(Text::value);
        assert_eq!(value.as_deref(), Some("a\"\\/\u{8}\u{c}\n\r\tä😀z"));
    }
}
