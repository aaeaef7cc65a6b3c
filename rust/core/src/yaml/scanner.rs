//! From characters to tokens, as libyaml's scanner does it: indentation becomes starts and ends of blocks, and what may
//! turn out to be a key waits for its colon.

use std::collections::VecDeque;

use super::cursor::{Cursor, Mark};
use super::token::{Kind, SyntaxError, Token};

/// How far a key without `?` may reach, in characters.
const LONGEST_SIMPLE_KEY: usize = 1024;

/// Something that is a key if a colon follows.
#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token: usize,
    mark: Mark,
}

#[derive(Debug)]
pub(super) struct Scanner<'t> {
    pub(super) cursor: Cursor<'t>,
    tokens: VecDeque<Token<'t>>,
    /// Tokens taken out so far.
    taken: usize,
    started: bool,
    ended: bool,
    /// Brackets and braces that are open.
    pub(super) flow_level: usize,
    /// Columns of the open blocks around the innermost.
    indents: Vec<Option<usize>>,
    /// Column of the innermost open block.
    pub(super) indent: Option<usize>,
    pub(super) simple_key_allowed: bool,
    /// One for each flow level, and one for blocks.
    simple_keys: Vec<SimpleKey>,
    /// Below this index no simple key is possible.
    impossible_below: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            cursor: Cursor::new(text),
            tokens: VecDeque::with_capacity(16),
            taken: 0,
            started: false,
            ended: false,
            flow_level: 0,
            indents: Vec::new(),
            indent: None,
            simple_key_allowed: false,
            simple_keys: vec![SimpleKey::default()],
            impossible_below: 0,
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&mut self) -> Result<&Token<'t>, SyntaxError> {
        self.fetch_enough()?;
        // Without a token the stream would go on.
        Ok(self.tokens.front().expect("a token was fetched"))
    }

    /// The next token, taken out.
    pub(super) fn take(&mut self) -> Result<Token<'t>, SyntaxError> {
        self.fetch_enough()?;
        self.taken += 1;
        Ok(self.tokens.pop_front().expect("a token was fetched"))
    }

    pub(super) fn error<T>(&self, context: &'static str, problem: &'static str) -> Result<T, SyntaxError> {
        Err(SyntaxError { context: Some(context), problem, mark: self.cursor.mark })
    }

    fn misplaced<T>(&self, problem: &'static str) -> Result<T, SyntaxError> {
        Err(SyntaxError { context: None, problem, mark: self.cursor.mark })
    }

    /// Fetch until the first token can no longer be preceded by a key that begins before it.
    fn fetch_enough(&mut self) -> Result<(), SyntaxError> {
        loop {
            if !self.tokens.is_empty() {
                self.forget_stale_keys()?;
                let waits = |key: &SimpleKey| key.possible && key.token == self.taken;
                if self.ended || !self.simple_keys[self.impossible_below..].iter().any(waits) {
                    return Ok(());
                }
            }
            self.fetch()?;
        }
    }

    fn fetch(&mut self) -> Result<(), SyntaxError> {
        if self.ended {
            self.push(Kind::StreamEnd, self.cursor.mark);
            return Ok(());
        }
        if !self.started {
            self.started = true;
            self.simple_key_allowed = true;
            self.push(Kind::StreamStart, self.cursor.mark);
            return Ok(());
        }
        self.skip_to_token();
        self.forget_stale_keys()?;
        self.close_blocks(Some(self.cursor.mark.column));
        if self.cursor.at_end() {
            return self.fetch_stream_end();
        }
        let byte = self.cursor.byte();
        if self.cursor.mark.column == 0 && byte == b'%' {
            return self.fetch_directive();
        }
        if self.cursor.is_document_indicator() {
            return self.fetch_document_indicator(byte == b'-');
        }
        let in_flow = self.flow_level > 0;
        match byte {
            b'[' => self.fetch_flow_start(Kind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Kind::FlowMappingStart),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.cursor.is_blankz_at(1) => self.fetch_block_entry(),
            b'?' if in_flow || self.cursor.is_blankz_at(1) => self.fetch_key(),
            b':' if in_flow || self.cursor.is_blankz_at(1) => self.fetch_value(),
            b'*' => self.fetch_word(|scanner| scanner.scan_anchor(true)),
            b'&' => self.fetch_word(|scanner| scanner.scan_anchor(false)),
            b'!' => self.fetch_word(Self::scan_tag),
            b'|' if !in_flow => self.fetch_block_scalar(true),
            b'>' if !in_flow => self.fetch_block_scalar(false),
            b'\'' => self.fetch_word(|scanner| scanner.scan_quoted_scalar(true)),
            b'"' => self.fetch_word(|scanner| scanner.scan_quoted_scalar(false)),
            b'\t' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                self.error("while scanning for the next token", "found character that cannot start any token")
            }
            _ => self.fetch_word(Self::scan_plain_scalar),
        }
    }

    fn push(&mut self, kind: Kind<'t>, start: Mark) {
        self.tokens.push_back(Token { kind, start, end: self.cursor.mark });
    }

    /// Step over an indicator of `width` bytes, which becomes a token.
    fn push_indicator(&mut self, kind: Kind<'t>, width: usize) {
        let start = self.cursor.mark;
        self.cursor.skip_to(self.cursor.position() + width);
        self.push(kind, start);
    }

    /// A key must end in the line it began in, within 1024 characters.
    fn forget_stale_keys(&mut self) -> Result<(), SyntaxError> {
        let now = self.cursor.mark;
        for at in self.impossible_below..self.simple_keys.len() {
            let key = &mut self.simple_keys[at];
            if key.possible && (key.mark.line < now.line || key.mark.index + LONGEST_SIMPLE_KEY < now.index) {
                if key.required {
                    return self.error("while scanning a simple key", "could not find expected ':'");
                }
                key.possible = false;
            }
        }
        while self.simple_keys.get(self.impossible_below).is_some_and(|key| !key.possible) {
            self.impossible_below += 1;
        }
        Ok(())
    }

    /// What begins here may be a key.
    fn save_simple_key(&mut self) -> Result<(), SyntaxError> {
        if self.simple_key_allowed {
            let mark = self.cursor.mark;
            let required = self.flow_level == 0 && self.indent == Some(mark.column);
            let token = self.taken + self.tokens.len();
            self.remove_simple_key()?;
            let last = self.simple_keys.len() - 1;
            self.simple_keys[last] = SimpleKey { possible: true, required, token, mark };
            self.impossible_below = self.impossible_below.min(last);
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), SyntaxError> {
        let last = self.simple_keys.len() - 1;
        let key = &mut self.simple_keys[last];
        if key.possible && key.required {
            return self.error("while scanning a simple key", "could not find expected ':'");
        }
        key.possible = false;
        Ok(())
    }

    /// A block begins at a column that is right of the innermost: before the token with a number, or the next.
    fn open_block(&mut self, column: usize, token: Option<usize>, kind: Kind<'t>, mark: Mark) {
        if self.flow_level > 0 || self.indent.is_some_and(|indent| indent >= column) {
            return;
        }
        self.indents.push(self.indent);
        self.indent = Some(column);
        let start = Token { kind, start: mark, end: mark };
        match token {
            Some(number) => self.tokens.insert(number - self.taken, start),
            None => self.tokens.push_back(start),
        }
    }

    /// Blocks right of a column end, all of them without one.
    fn close_blocks(&mut self, column: Option<usize>) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(Kind::BlockEnd, self.cursor.mark);
            self.indent = self.indents.pop().flatten();
        }
    }

    fn skip_to_token(&mut self) {
        loop {
            if self.cursor.mark.column == 0 && self.cursor.is_byte_order_mark() {
                self.cursor.skip();
            }
            self.cursor.skip_spaces();
            while self.cursor.byte() == b' '
                || (self.cursor.byte() == b'\t' && (self.flow_level > 0 || !self.simple_key_allowed))
            {
                self.cursor.skip();
            }
            if self.cursor.byte() == b'#' {
                self.cursor.skip_rest_of_line();
            }
            if !self.cursor.is_break() {
                return;
            }
            self.cursor.skip_line();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), SyntaxError> {
        self.cursor.force_new_line();
        self.close_blocks(None);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.ended = true;
        self.push(Kind::StreamEnd, self.cursor.mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), SyntaxError> {
        self.close_blocks(None);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, start: bool) -> Result<(), SyntaxError> {
        self.close_blocks(None);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push_indicator(if start { Kind::DocumentStart } else { Kind::DocumentEnd }, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind<'t>) -> Result<(), SyntaxError> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind<'t>) -> Result<(), SyntaxError> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
            self.impossible_below = self.impossible_below.min(self.simple_keys.len());
        }
        self.simple_key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), SyntaxError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Kind::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), SyntaxError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.misplaced("block sequence entries are not allowed in this context");
            }
            self.open_block(self.cursor.mark.column, None, Kind::BlockSequenceStart, self.cursor.mark);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Kind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), SyntaxError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.misplaced("mapping keys are not allowed in this context");
            }
            self.open_block(self.cursor.mark.column, None, Kind::BlockMappingStart, self.cursor.mark);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push_indicator(Kind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), SyntaxError> {
        let last = self.simple_keys.len() - 1;
        let key = self.simple_keys[last];
        if key.possible {
            self.tokens.insert(key.token - self.taken, Token { kind: Kind::Key, start: key.mark, end: key.mark });
            self.open_block(key.mark.column, Some(key.token), Kind::BlockMappingStart, key.mark);
            self.simple_keys[last].possible = false;
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return self.misplaced("mapping values are not allowed in this context");
                }
                self.open_block(self.cursor.mark.column, None, Kind::BlockMappingStart, self.cursor.mark);
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push_indicator(Kind::Value, 1);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), SyntaxError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let token = self.scan_block_scalar(literal)?;
        self.tokens.push_back(token);
        Ok(())
    }

    /// What may begin a key, or be one.
    fn fetch_word(
        &mut self,
        scan: impl FnOnce(&mut Self) -> Result<Token<'t>, SyntaxError>,
    ) -> Result<(), SyntaxError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = scan(self)?;
        self.tokens.push_back(token);
        Ok(())
    }
}
