//! Scalars: plain and quoted. One without a line break, an escape or a doubled quote is a part of the text, not a copy.

use std::borrow::Cow;

use super::cursor::{Cursor, Mark};
use super::scanner::Scanner;
use super::token::{Kind, SyntaxError, Token};

/// A text that stays a part of another as long as it is one; `start` and `end` are bytes of that.
#[derive(Debug, Default)]
struct Piecewise {
    start: usize,
    end: usize,
    joined: Option<String>,
}

impl Piecewise {
    fn push(&mut self, cursor: &Cursor<'_>, start: usize, end: usize) {
        if let Some(joined) = &mut self.joined {
            joined.push_str(cursor.text_between(start, end));
        } else if self.start == self.end {
            (self.start, self.end) = (start, end);
        } else if self.end == start {
            self.end = end;
        } else if start < end {
            self.owned(cursor).push_str(cursor.text_between(start, end));
        }
    }

    fn owned(&mut self, cursor: &Cursor<'_>) -> &mut String {
        self.joined.get_or_insert_with(|| cursor.text_between(self.start, self.end).to_owned())
    }

    fn finish<'t>(self, cursor: &Cursor<'t>) -> Cow<'t, str> {
        match self.joined {
            Some(joined) => Cow::Owned(joined),
            None => Cow::Borrowed(cursor.text_between(self.start, self.end)),
        }
    }
}

/// White space between the words of a scalar: kept within a line, folded where the line breaks.
#[derive(Debug, Default)]
struct Gap {
    /// Where the blanks of a gap within a line are.
    blanks: (usize, usize),
    /// Whether the line broke.
    folded: bool,
    first_break: String,
    more_breaks: String,
}

impl Gap {
    /// The gap becomes part of the scalar and is empty again.
    fn join(&mut self, cursor: &Cursor<'_>, into: &mut Piecewise) {
        if !self.folded {
            into.push(cursor, self.blanks.0, self.blanks.1);
        } else if self.first_break != "\n" {
            into.owned(cursor).push_str(&self.first_break);
            into.owned(cursor).push_str(&self.more_breaks);
        } else if self.more_breaks.is_empty() {
            into.owned(cursor).push(' ');
        } else {
            into.owned(cursor).push_str(&self.more_breaks);
        }
        self.blanks = (0, 0);
        self.folded = false;
        self.first_break.clear();
        self.more_breaks.clear();
    }
}

impl<'t> Scanner<'t> {
    pub(super) fn scan_plain_scalar(&mut self) -> Result<Token<'t>, SyntaxError> {
        const CONTEXT: &str = "while scanning a plain scalar";
        let start = self.cursor.mark;
        let mut end = start;
        let mut text = Piecewise::default();
        let mut gap = Gap::default();
        let indent = self.indent.map_or(0, |indent| indent + 1);
        let in_flow = self.flow_level > 0;
        loop {
            if self.cursor.is_document_indicator() || self.cursor.byte() == b'#' {
                break;
            }
            let words_at = self.cursor.position();
            loop {
                let run_end = self.cursor.end_of_plain_run();
                self.cursor.skip_to(run_end);
                match self.cursor.byte() {
                    b':' if in_flow && matches!(self.cursor.byte_at(1), b',' | b'?' | b'[' | b']' | b'{' | b'}') => {
                        return self.error(CONTEXT, "found unexpected ':'");
                    }
                    b':' if self.cursor.is_blankz_at(1) => break,
                    b',' | b'[' | b']' | b'{' | b'}' if in_flow => break,
                    b':' | b',' | b'[' | b']' | b'{' | b'}' => self.cursor.skip(),
                    _ => break,
                }
            }
            if self.cursor.position() > words_at {
                gap.join(&self.cursor, &mut text);
                text.push(&self.cursor, words_at, self.cursor.position());
                end = self.cursor.mark;
            }
            if !(self.cursor.is_blank() || self.cursor.is_break()) {
                break;
            }
            self.scan_gap(&mut gap, indent, CONTEXT)?;
            if !in_flow && self.cursor.mark.column < indent {
                break;
            }
        }
        if gap.folded {
            self.simple_key_allowed = true;
        }
        Ok(Token { kind: Kind::Scalar { text: text.finish(&self.cursor), plain: true }, start, end })
    }

    pub(super) fn scan_quoted_scalar(&mut self, single: bool) -> Result<Token<'t>, SyntaxError> {
        const CONTEXT: &str = "while scanning a quoted scalar";
        let quote = if single { b'\'' } else { b'"' };
        let start = self.cursor.mark;
        let mut text = Piecewise::default();
        let mut gap = Gap::default();
        self.cursor.skip();
        loop {
            if self.cursor.is_document_indicator() {
                return self.error(CONTEXT, "found unexpected document indicator");
            }
            if self.cursor.at_end() {
                return self.error(CONTEXT, "found unexpected end of stream");
            }
            let mut escaped_break = false;
            while !self.cursor.is_blankz() {
                let run_at = self.cursor.position();
                self.cursor.skip_to(self.cursor.end_of_quoted_run());
                text.push(&self.cursor, run_at, self.cursor.position());
                match self.cursor.byte() {
                    b'\'' if single && self.cursor.byte_at(1) == b'\'' => {
                        text.owned(&self.cursor).push('\'');
                        self.cursor.skip();
                        self.cursor.skip();
                    }
                    byte if byte == quote => break,
                    b'\\' if !single => {
                        escaped_break = self.scan_escape(&mut text)?;
                        if escaped_break {
                            break;
                        }
                    }
                    byte @ (b'\'' | b'"' | b'\\') => {
                        text.owned(&self.cursor).push(char::from(byte));
                        self.cursor.skip();
                    }
                    _ => {}
                }
            }
            if self.cursor.byte() == quote {
                break;
            }
            if escaped_break {
                // Blanks after it go, and so does the break itself, but not the breaks that follow.
                gap.folded = true;
            }
            self.scan_gap(&mut gap, 0, CONTEXT)?;
            gap.join(&self.cursor, &mut text);
        }
        self.cursor.skip();
        Ok(Token { kind: Kind::Scalar { text: text.finish(&self.cursor), plain: false }, start, end: self.cursor.mark })
    }

    /// Blanks and breaks up to the next word. A tab may not stand in for the indentation of a plain scalar.
    fn scan_gap(&mut self, gap: &mut Gap, indent: usize, context: &'static str) -> Result<(), SyntaxError> {
        let start = self.cursor.position();
        loop {
            if self.cursor.is_blank() {
                if gap.folded && self.cursor.mark.column < indent && self.cursor.byte() == b'\t' {
                    return self.error(context, "found a tab character that violates indentation");
                }
                self.cursor.skip();
            } else if self.cursor.is_break() {
                if gap.folded {
                    self.cursor.read_line(&mut gap.more_breaks);
                } else {
                    self.cursor.read_line(&mut gap.first_break);
                    gap.folded = true;
                }
            } else {
                if !gap.folded {
                    gap.blanks = (start, self.cursor.position());
                }
                return Ok(());
            }
        }
    }

    /// The character that is written with a backslash. True for an escaped line break, which stands for nothing.
    fn scan_escape(&mut self, into: &mut Piecewise) -> Result<bool, SyntaxError> {
        const CONTEXT: &str = "while parsing a quoted scalar";
        let digits = match self.cursor.byte_at(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            byte => {
                let Some(character) = escaped(byte) else {
                    self.cursor.skip();
                    if !self.cursor.is_break() {
                        // The error is where the backslash is.
                        return Err(SyntaxError {
                            context: Some(CONTEXT),
                            problem: "found unknown escape character",
                            mark: before(self.cursor.mark),
                        });
                    }
                    self.cursor.skip_line();
                    return Ok(true);
                };
                into.owned(&self.cursor).push(character);
                self.cursor.skip();
                self.cursor.skip();
                return Ok(false);
            }
        };
        self.cursor.skip();
        self.cursor.skip();
        let mut code = 0_u32;
        for ahead in 0..digits {
            let Some(digit) = char::from(self.cursor.byte_at(ahead)).to_digit(16) else {
                return self.error(CONTEXT, "did not find expected hexdecimal number");
            };
            code = (code << 4) | digit;
        }
        let Some(character) = char::from_u32(code) else {
            return self.error(CONTEXT, "found invalid Unicode character escape code");
        };
        into.owned(&self.cursor).push(character);
        self.cursor.skip_to(self.cursor.position() + digits);
        Ok(false)
    }
}

fn before(mark: Mark) -> Mark {
    Mark { index: mark.index - 1, column: mark.column - 1, ..mark }
}

fn escaped(byte: u8) -> Option<char> {
    Some(match byte {
        b'0' => '\0',
        b'a' => '\x07',
        b'b' => '\x08',
        b't' | b'\t' => '\t',
        b'n' => '\n',
        b'v' => '\x0b',
        b'f' => '\x0c',
        b'r' => '\r',
        b'e' => '\x1b',
        b' ' => ' ',
        b'"' => '"',
        b'/' => '/',
        b'\\' => '\\',
        b'N' => '\u{85}',
        b'_' => '\u{a0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        _ => return None,
    })
}
