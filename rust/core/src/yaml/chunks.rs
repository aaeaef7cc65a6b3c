//! Parts of a text that are read on their own, so that an error in one leaves the others alone.

use std::borrow::Cow;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A part of a text with the line (1 is the first) where it begins; byte order marks at its start are gone.
#[derive(Debug)]
pub(super) struct Chunk<'t> {
    pub(super) line: usize,
    pub(super) bytes: Cow<'t, [u8]>,
}

/// The parts of a text: a line that begins with `---` starts one wherever it stands, even inside a quoted scalar.
/// Directives (`%YAML`) belong to the document after them.
pub(super) fn chunks(text: &[u8]) -> Vec<Chunk<'_>> {
    let mut found = Vec::new();
    let mut pending: Option<Chunk<'_>> = None;
    let (mut has_content, mut has_directive) = (false, false);
    let mut line = 1;
    let mut start = 0;
    while let Some(end) = next_marker(text, start).or((start <= text.len()).then_some(text.len())) {
        let part = &text[start..end];
        let mut bare = part;
        while let Some(rest) = bare.strip_prefix(BYTE_ORDER_MARK) {
            bare = rest;
        }
        match &mut pending {
            Some(chunk) if !chunk.bytes.is_empty() => chunk.bytes.to_mut().extend_from_slice(bare),
            _ => pending = Some(Chunk { line, bytes: Cow::Borrowed(bare) }),
        }
        line += line_feeds(part);
        look_at(bare, &mut has_content, &mut has_directive);
        let is_last = end == text.len();
        if is_last || has_content || !has_directive {
            found.extend(pending.take());
            (has_content, has_directive) = (false, false);
        }
        if is_last {
            break;
        }
        start = end;
    }
    found
}

/// The first character that YAML does not allow, and the line feeds before it.
pub(super) fn forbidden(bytes: &[u8]) -> Option<(u32, usize)> {
    let at = bytes.iter().enumerate().position(|(at, &byte)| match byte {
        b'\t' | b'\n' | b'\r' => false,
        0xc2 => matches!(bytes.get(at + 1), Some(0x80..=0x84 | 0x86..=0x9f)),
        // Halves of surrogate pairs.
        0xed => matches!(bytes.get(at + 1), Some(0xa0..)),
        0xef => matches!((bytes.get(at + 1), bytes.get(at + 2)), (Some(0xbf), Some(0xbe | 0xbf))),
        _ => byte < b' ' || byte == 0x7f,
    })?;
    let code = match bytes[at..] {
        [first @ 0xc0..=0xdf, second, ..] => u32::from(first & 0x1f) << 6 | u32::from(second & 0x3f),
        [first @ 0xe0..=0xef, second, third, ..] => {
            u32::from(first & 0xf) << 12 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f)
        }
        [first, ..] => u32::from(first),
        [] => return None,
    };
    Some((code, line_feeds(&bytes[..at])))
}

pub(super) fn line_feeds(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

/// Where the next line after `start` begins with `---` and a blank, a break or the end.
fn next_marker(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(length) = text[at..].iter().position(|&byte| byte == b'\n') {
        at += length + 1;
        let line = &text[at..];
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if let Some(rest) = line.strip_prefix(b"---")
            && matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
        {
            return Some(at);
        }
    }
    None
}

/// Whether a part has lines that are more than comments, and lines that begin with a percent sign.
fn look_at(part: &[u8], has_content: &mut bool, has_directive: &mut bool) {
    for line in part.split(|&byte| byte == b'\n') {
        if line.starts_with(b"%") {
            *has_directive = true;
        } else {
            let first = line.iter().find(|&&byte| byte != b' ' && byte != b'\t');
            *has_content |= !matches!(first, None | Some(b'\r' | b'#'));
        }
        if *has_content {
            return;
        }
    }
}
