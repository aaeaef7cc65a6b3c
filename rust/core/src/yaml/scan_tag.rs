//! Directives, anchors, aliases and tags.

use super::scanner::Scanner;
use super::token::{Kind, SyntaxError, Token};

const LONGEST_VERSION: usize = 9;

impl<'t> Scanner<'t> {
    pub(super) fn scan_directive(&mut self) -> Result<Token<'t>, SyntaxError> {
        const CONTEXT: &str = "while scanning a directive";
        let start = self.cursor.mark;
        self.cursor.skip();
        let name = self.scan_alphanumeric();
        if name.is_empty() {
            return self.error(CONTEXT, "could not find expected directive name");
        }
        if !self.cursor.is_blankz() {
            return self.error(CONTEXT, "found unexpected non-alphabetical character");
        }
        let kind = match name {
            "YAML" => self.scan_version()?,
            "TAG" => self.scan_tag_directive()?,
            _ => return self.error(CONTEXT, "found unknown directive name"),
        };
        let end = self.cursor.mark;
        self.cursor.skip_blanks();
        if self.cursor.byte() == b'#' {
            self.cursor.skip_rest_of_line();
        }
        if !self.cursor.is_breakz() {
            return self.error(CONTEXT, "did not find expected comment or line break");
        }
        self.cursor.skip_line();
        Ok(Token { kind, start, end })
    }

    fn scan_version(&mut self) -> Result<Kind<'t>, SyntaxError> {
        self.cursor.skip_blanks();
        let major = self.scan_version_number()?;
        if self.cursor.byte() != b'.' {
            return self.error("while scanning a %YAML directive", "did not find expected digit or '.' character");
        }
        self.cursor.skip();
        Ok(Kind::Version { major, minor: self.scan_version_number()? })
    }

    fn scan_version_number(&mut self) -> Result<u32, SyntaxError> {
        const CONTEXT: &str = "while scanning a %YAML directive";
        let mut value = 0;
        let mut length = 0;
        while self.cursor.byte().is_ascii_digit() {
            length += 1;
            if length > LONGEST_VERSION {
                return self.error(CONTEXT, "found extremely long version number");
            }
            value = value * 10 + u32::from(self.cursor.byte() - b'0');
            self.cursor.skip();
        }
        if length == 0 {
            return self.error(CONTEXT, "did not find expected version number");
        }
        Ok(value)
    }

    fn scan_tag_directive(&mut self) -> Result<Kind<'t>, SyntaxError> {
        const CONTEXT: &str = "while scanning a %TAG directive";
        self.cursor.skip_blanks();
        let handle = self.scan_tag_handle(true)?.to_owned();
        if !self.cursor.is_blank() {
            return self.error(CONTEXT, "did not find expected whitespace");
        }
        self.cursor.skip_blanks();
        let prefix = self.scan_tag_uri(true, true, None)?;
        if !self.cursor.is_blankz() {
            return self.error(CONTEXT, "did not find expected whitespace or line break");
        }
        Ok(Kind::TagDirective { handle, prefix })
    }

    pub(super) fn scan_anchor(&mut self, is_alias: bool) -> Result<Token<'t>, SyntaxError> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let name = self.scan_alphanumeric();
        let end = self.cursor.mark;
        let ends = self.cursor.is_blankz()
            || matches!(self.cursor.byte(), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            let context = if is_alias { "while scanning an alias" } else { "while scanning an anchor" };
            return self.error(context, "did not find expected alphabetic or numeric character");
        }
        Ok(Token { kind: if is_alias { Kind::Alias(name) } else { Kind::Anchor(name) }, start, end })
    }

    pub(super) fn scan_tag(&mut self) -> Result<Token<'t>, SyntaxError> {
        const CONTEXT: &str = "while scanning a tag";
        let start = self.cursor.mark;
        let (handle, suffix) = if self.cursor.byte_at(1) == b'<' {
            self.cursor.skip();
            self.cursor.skip();
            let suffix = self.scan_tag_uri(true, false, None)?;
            if self.cursor.byte() != b'>' {
                return self.error(CONTEXT, "did not find the expected '>'");
            }
            self.cursor.skip();
            (String::new(), suffix)
        } else {
            let handle = self.scan_tag_handle(false)?;
            if handle.len() > 1 && handle.ends_with('!') {
                (handle.to_owned(), self.scan_tag_uri(false, false, None)?)
            } else {
                // What looked like a handle is the suffix of the handle "!"; "!" alone is a tag of its own.
                let suffix = self.scan_tag_uri(false, false, Some(handle))?;
                if suffix.is_empty() { (String::new(), "!".to_owned()) } else { ("!".to_owned(), suffix) }
            }
        };
        if !self.cursor.is_blankz() && (self.flow_level == 0 || self.cursor.byte() != b',') {
            return self.error(CONTEXT, "did not find expected whitespace or line break");
        }
        Ok(Token { kind: Kind::Tag { handle, suffix }, start, end: self.cursor.mark })
    }

    fn scan_tag_handle(&mut self, directive: bool) -> Result<&'t str, SyntaxError> {
        let start = self.cursor.position();
        if self.cursor.byte() != b'!' {
            let context = if directive { "while scanning a tag directive" } else { "while scanning a tag" };
            return self.error(context, "did not find expected '!'");
        }
        self.cursor.skip();
        self.scan_alphanumeric();
        if self.cursor.byte() == b'!' {
            self.cursor.skip();
        } else if directive && self.cursor.position() - start > 1 {
            return self.error("while parsing a tag directive", "did not find expected '!'");
        }
        Ok(self.cursor.text_from(start))
    }

    /// A URI, or the rest of one that begins with `head` without its exclamation mark.
    fn scan_tag_uri(&mut self, verbatim: bool, directive: bool, head: Option<&str>) -> Result<String, SyntaxError> {
        let context = if directive { "while parsing a %TAG directive" } else { "while parsing a tag" };
        let head = head.unwrap_or("");
        let mut uri = head.get(1..).unwrap_or("").as_bytes().to_vec();
        let mut length = head.len();
        loop {
            match self.cursor.byte() {
                b'%' => self.scan_uri_escapes(context, &mut uri)?,
                b',' | b'[' | b']' if !verbatim => break,
                byte @ (b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b'.' | b'!' | b'~' | b'*'
                | b'\'' | b'(' | b')' | b',' | b'[' | b']') => {
                    uri.push(byte);
                    self.cursor.skip();
                }
                byte if self.cursor.is_alphanumeric() => {
                    uri.push(byte);
                    self.cursor.skip();
                }
                _ => break,
            }
            length += 1;
        }
        if length == 0 {
            return self.error(context, "did not find expected tag URI");
        }
        // In libyaml a zero byte ends it.
        let end = uri.iter().position(|&byte| byte == 0).unwrap_or(uri.len());
        Ok(String::from_utf8_lossy(&uri[..end]).into_owned())
    }

    /// The bytes of one character, as `%` and two digits each.
    fn scan_uri_escapes(&mut self, context: &'static str, into: &mut Vec<u8>) -> Result<(), SyntaxError> {
        let mut missing = 0;
        loop {
            let digit = |ahead| char::from(self.cursor.byte_at(ahead)).to_digit(16).and_then(|d| u8::try_from(d).ok());
            let (b'%', Some(high), Some(low)) = (self.cursor.byte(), digit(1), digit(2)) else {
                return self.error(context, "did not find URI escaped octet");
            };
            let octet = (high << 4) | low;
            if missing == 0 {
                missing = match octet {
                    0..=0x7f => 1,
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf7 => 4,
                    _ => return self.error(context, "found an incorrect leading UTF-8 octet"),
                };
            } else if octet & 0xc0 != 0x80 {
                return self.error(context, "found an incorrect trailing UTF-8 octet");
            }
            into.push(octet);
            self.cursor.skip_to(self.cursor.position() + 3);
            missing -= 1;
            if missing == 0 {
                return Ok(());
            }
        }
    }

    fn scan_alphanumeric(&mut self) -> &'t str {
        let start = self.cursor.position();
        while self.cursor.is_alphanumeric() {
            self.cursor.skip();
        }
        self.cursor.text_from(start)
    }
}
