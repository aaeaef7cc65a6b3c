//! Block scalars: `|` keeps lines, `>` folds them.

use std::borrow::Cow;

use super::cursor::Mark;
use super::scanner::Scanner;
use super::token::{Kind, SyntaxError, Token};

const CONTEXT: &str = "while scanning a block scalar";

/// What becomes of the line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    /// `-`: none stays.
    Strip,
    /// One stays.
    Clip,
    /// `+`: all stay.
    Keep,
}

impl<'t> Scanner<'t> {
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token<'t>, SyntaxError> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let (chomping, increment) = self.scan_block_header()?;
        let mut end = self.cursor.mark;
        // 0: the first line that is not empty tells.
        let mut indent = match increment {
            0 => 0,
            _ => self.indent.unwrap_or(0) + increment,
        };
        let mut text = String::new();
        let mut line_break = String::new();
        let mut more_breaks = String::new();
        self.scan_block_breaks(&mut indent, &mut more_breaks, &mut end)?;
        let mut last_was_indented = false;
        while self.cursor.mark.column == indent && !self.cursor.at_end() {
            let is_indented = self.cursor.is_blank();
            if !literal && line_break.starts_with('\n') && !last_was_indented && !is_indented {
                if more_breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&line_break);
            }
            line_break.clear();
            text.push_str(&more_breaks);
            more_breaks.clear();
            last_was_indented = is_indented;
            let line_at = self.cursor.position();
            self.cursor.skip_rest_of_line();
            text.push_str(self.cursor.text_from(line_at));
            self.cursor.read_line(&mut line_break);
            self.scan_block_breaks(&mut indent, &mut more_breaks, &mut end)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(&line_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&more_breaks);
        }
        Ok(Token { kind: Kind::Scalar { text: Cow::Owned(text), plain: false }, start, end })
    }

    /// Chomping and indentation, in any order, and the rest of the line: a comment at most.
    fn scan_block_header(&mut self) -> Result<(Chomping, usize), SyntaxError> {
        let mut chomping = self.scan_chomping();
        let mut increment = 0;
        if self.cursor.byte().is_ascii_digit() {
            if self.cursor.byte() == b'0' {
                return self.error(CONTEXT, "found an indentation indicator equal to 0");
            }
            increment = usize::from(self.cursor.byte() - b'0');
            self.cursor.skip();
            chomping = chomping.or_else(|| self.scan_chomping());
        }
        self.cursor.skip_blanks();
        if self.cursor.byte() == b'#' {
            self.cursor.skip_rest_of_line();
        }
        if !self.cursor.is_breakz() {
            return self.error(CONTEXT, "did not find expected comment or line break");
        }
        self.cursor.skip_line();
        Ok((chomping.unwrap_or(Chomping::Clip), increment))
    }

    fn scan_chomping(&mut self) -> Option<Chomping> {
        let chomping = match self.cursor.byte() {
            b'+' => Chomping::Keep,
            b'-' => Chomping::Strip,
            _ => return None,
        };
        self.cursor.skip();
        Some(chomping)
    }

    /// Empty lines, and the indentation of the line after them.
    fn scan_block_breaks(
        &mut self,
        indent: &mut usize,
        breaks: &mut String,
        end: &mut Mark,
    ) -> Result<(), SyntaxError> {
        let mut widest = 0;
        *end = self.cursor.mark;
        loop {
            while (*indent == 0 || self.cursor.mark.column < *indent) && self.cursor.byte() == b' ' {
                self.cursor.skip();
            }
            widest = widest.max(self.cursor.mark.column);
            if (*indent == 0 || self.cursor.mark.column < *indent) && self.cursor.byte() == b'\t' {
                return self.error(CONTEXT, "found a tab character where an indentation space is expected");
            }
            if !self.cursor.is_break() {
                break;
            }
            self.cursor.read_line(breaks);
            *end = self.cursor.mark;
        }
        if *indent == 0 {
            *indent = widest.max(self.indent.map_or(0, |indent| indent + 1)).max(1);
        }
        Ok(())
    }
}
