//! A place in a text, and the steps from character to character that libyaml calls `SKIP`, `SKIP_LINE` and `READ_LINE`.

/// A place in a text, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Characters before it.
    pub index: usize,
    /// Characters before it in its line.
    pub column: usize,
    /// Lines before it as YAML breaks them: also at a carriage return, U+0085, U+2028 and U+2029.
    pub line: usize,
    /// Lines before it as editors count them: line feeds.
    pub row: usize,
}

/// Reads a text forward; behind its end are zero bytes, which no text contains.
#[derive(Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// In bytes; always at the start of a character.
    at: usize,
    pub(super) mark: Mark,
    /// Whether lines break at other characters than line feeds, so that rows are not lines.
    odd_breaks: bool,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, mark: Mark::default(), odd_breaks: has_odd_breaks(text.as_bytes()) }
    }

    pub(super) fn byte(&self) -> u8 {
        self.byte_at(0)
    }

    pub(super) fn byte_at(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// In bytes.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn text_from(&self, start: usize) -> &'t str {
        &self.text[start..self.at]
    }

    pub(super) fn text_between(&self, start: usize, end: usize) -> &'t str {
        &self.text[start..end]
    }

    pub(super) fn is_blank_at(&self, ahead: usize) -> bool {
        matches!(self.byte_at(ahead), b' ' | b'\t')
    }

    pub(super) fn is_blank(&self) -> bool {
        self.is_blank_at(0)
    }

    pub(super) fn is_break(&self) -> bool {
        self.break_width(0) > 0
    }

    /// Whether a blank, a break or the end of the text is so many bytes ahead.
    pub(super) fn is_blankz_at(&self, ahead: usize) -> bool {
        match self.byte_at(ahead) {
            b' ' | b'\t' | b'\n' | b'\r' | 0 => true,
            0xc2 | 0xe2 => self.break_width(ahead) > 0,
            _ => false,
        }
    }

    pub(super) fn is_blankz(&self) -> bool {
        self.is_blankz_at(0)
    }

    pub(super) fn is_breakz(&self) -> bool {
        self.is_break() || self.at_end()
    }

    /// Whether a letter, a digit, `_` or `-` is next.
    pub(super) fn is_alphanumeric(&self) -> bool {
        matches!(self.byte(), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-')
    }

    /// Whether a line begins here with `---` or `...` and nothing that would make it a word.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.mark.column == 0
            && matches!((self.byte(), self.byte_at(1), self.byte_at(2)), (b'-', b'-', b'-') | (b'.', b'.', b'.'))
            && self.is_blankz_at(3)
    }

    pub(super) fn is_byte_order_mark(&self) -> bool {
        (self.byte(), self.byte_at(1), self.byte_at(2)) == (0xef, 0xbb, 0xbf)
    }

    /// Step over one character that is no break.
    pub(super) fn skip(&mut self) {
        let width = match self.byte() {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
        };
        self.at = (self.at + width).min(self.bytes.len());
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Step over characters up to the byte `end`, none of them a break.
    pub(super) fn skip_to(&mut self, end: usize) {
        let characters = self.bytes[self.at..end].iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        self.at = end;
        self.mark.index += characters;
        self.mark.column += characters;
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank() {
            self.skip();
        }
    }

    pub(super) fn skip_spaces(&mut self) {
        let start = self.at;
        while self.byte() == b' ' {
            self.at += 1;
        }
        self.mark.index += self.at - start;
        self.mark.column += self.at - start;
    }

    /// Step to the end of the line, not over it.
    pub(super) fn skip_rest_of_line(&mut self) {
        self.skip_to(self.end_of_line());
    }

    /// Where the line ends, in bytes.
    pub(super) fn end_of_line(&self) -> usize {
        let mut end = self.at;
        while let Some(&byte) = self.bytes.get(end) {
            if matches!(byte, b'\n' | b'\r') || (byte >= 0xc2 && self.break_width(end - self.at) > 0) {
                break;
            }
            end += 1;
        }
        end
    }

    /// Where a plain scalar is to be looked at more closely: before a blank, a break, `:` or an indicator of flow.
    pub(super) fn end_of_plain_run(&self) -> usize {
        let mut end = self.at;
        while let Some(&byte) = self.bytes.get(end) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b':' | b',' | b'[' | b']' | b'{' | b'}' => break,
                0xc2 | 0xe2 if self.break_width(end - self.at) > 0 => break,
                _ => end += 1,
            }
        }
        end
    }

    /// Where a quoted scalar is to be looked at more closely: before a blank, a break, a quote or a backslash.
    pub(super) fn end_of_quoted_run(&self) -> usize {
        let mut end = self.at;
        while let Some(&byte) = self.bytes.get(end) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b'\'' | b'"' | b'\\' => break,
                0xc2 | 0xe2 if self.break_width(end - self.at) > 0 => break,
                _ => end += 1,
            }
        }
        end
    }

    /// Step over a line break, if one is here.
    pub(super) fn skip_line(&mut self) {
        let width = self.break_width(0);
        if width == 0 {
            return;
        }
        let pair = self.byte() == b'\r' && self.byte_at(1) == b'\n';
        self.mark.row += usize::from(pair || self.byte() == b'\n');
        self.mark.index += if pair { 2 } else { 1 };
        self.at += if pair { 2 } else { width };
        self.mark.column = 0;
        self.mark.line += 1;
    }

    /// Step over a line break and add it to `into`: U+2028 and U+2029 as they are, others as a line feed.
    pub(super) fn read_line(&mut self, into: &mut String) {
        match self.break_width(0) {
            0 => return,
            3 => into.push_str(&self.text[self.at..self.at + 3]),
            _ => into.push('\n'),
        }
        self.skip_line();
    }

    /// What the end of the text does: whatever comes is at the start of a line.
    pub(super) fn force_new_line(&mut self) {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
            self.mark.row += usize::from(!self.odd_breaks);
        }
    }

    /// Bytes of the line break so far ahead, 0 if none is there; a carriage return counts by itself.
    fn break_width(&self, ahead: usize) -> usize {
        match self.byte_at(ahead) {
            b'\n' | b'\r' => 1,
            0xc2 if self.byte_at(ahead + 1) == 0x85 => 2,
            0xe2 if self.byte_at(ahead + 1) == 0x80 && matches!(self.byte_at(ahead + 2), 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }
}

/// Whether a text has line breaks that are no line feed.
fn has_odd_breaks(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, &byte)| match byte {
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        0xc2 => bytes.get(at + 1) == Some(&0x85),
        0xe2 => bytes.get(at + 1) == Some(&0x80) && matches!(bytes.get(at + 2), Some(0xa8 | 0xa9)),
        _ => false,
    })
}
