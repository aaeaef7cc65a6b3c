//! Where a field is in the text of an object.

use super::Span;
use super::cursor::Mark;
use super::event::{Event, EventKind};
use super::parser::Parser;
use super::scalar::key_text;
use super::token::SyntaxError;

/// One step to a field: the name of a member or the index of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of a mapping.
    Name(String),
    /// An element of a list; 0 is the first.
    Index(usize),
}

/// The row (0 is the first) of the field that `path` leads to, or of its nearest parent that is written.
///
/// A part of a text need not stand alone (tags, see `%TAG`): what was found before it goes wrong counts.
#[must_use]
pub fn row_of(text: &str, path: &[Step]) -> usize {
    let mut row = 0;
    let _ = walk(&mut Parser::new(text), path, &mut row);
    row
}

/// Where the elements of the list that `path` leads to are, in order; none if it leads to no list.
///
/// As in [`row_of`], what was found before the text goes wrong counts.
#[must_use]
pub fn elements_of(text: &str, path: &[Step]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut parser = Parser::new(text);
    let is_whole = list(&mut parser, path, &mut found).is_ok();
    if !is_whole && let Some(last) = found.last_mut() {
        last.end = text.chars().count();
    }
    found
}

fn list(parser: &mut Parser<'_>, path: &[Step], found: &mut Vec<Span>) -> Result<(), SyntaxError> {
    let Some(Event { kind: EventKind::SequenceStart(_), .. }) = walk(parser, path, &mut 0)? else { return Ok(()) };
    loop {
        let event = parser.next_event()?;
        if matches!(event.kind, EventKind::SequenceEnd) {
            return Ok(());
        }
        let Mark { row, column, index: start, .. } = event.start;
        found.push(Span { row, column, start, end: event.end.index });
        if let (Some(end), Some(last)) = (skip(parser, &event)?, found.last_mut()) {
            last.end = end.index;
        }
    }
}

/// The event of the field that `path` leads to, if it is written; `row` is that of its nearest parent until then.
fn walk<'t>(parser: &mut Parser<'t>, path: &[Step], row: &mut usize) -> Result<Option<Event<'t>>, SyntaxError> {
    let mut event = parser.next_event()?;
    while matches!(event.kind, EventKind::StreamStart | EventKind::DocumentStart) {
        event = parser.next_event()?;
    }
    *row = event.start.row;
    for step in path {
        match (&event.kind, step) {
            (EventKind::MappingStart(_), Step::Name(wanted)) => loop {
                let key = parser.next_event()?;
                if matches!(key.kind, EventKind::MappingEnd) {
                    return Ok(None);
                }
                if is_key(&key, wanted) {
                    *row = key.start.row;
                    event = parser.next_event()?;
                    break;
                }
                skip(parser, &key)?;
                let value = parser.next_event()?;
                skip(parser, &value)?;
            },
            (EventKind::SequenceStart(_), Step::Index(index)) => {
                event = parser.next_event()?;
                for _ in 0..*index {
                    if matches!(event.kind, EventKind::SequenceEnd) {
                        return Ok(None);
                    }
                    skip(parser, &event)?;
                    event = parser.next_event()?;
                }
                if matches!(event.kind, EventKind::SequenceEnd) {
                    return Ok(None);
                }
                *row = event.start.row;
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(event))
}

fn is_key(event: &Event<'_>, wanted: &str) -> bool {
    match &event.kind {
        EventKind::Scalar { text, plain: false, .. } => text == wanted,
        EventKind::Scalar { text, .. } => key_text(text).is_ok_and(|name| name == wanted),
        _ => false,
    }
}

/// Read to the end of the value that `event` starts; where that is, unless the value is the event alone.
fn skip(parser: &mut Parser<'_>, event: &Event<'_>) -> Result<Option<Mark>, SyntaxError> {
    let mut depth = usize::from(matches!(event.kind, EventKind::MappingStart(_) | EventKind::SequenceStart(_)));
    let mut end = None;
    while depth > 0 {
        let inner = parser.next_event()?;
        match inner.kind {
            EventKind::MappingStart(_) | EventKind::SequenceStart(_) => depth += 1,
            EventKind::MappingEnd | EventKind::SequenceEnd => depth -= 1,
            _ => {}
        }
        end = Some(inner.end);
    }
    Ok(end)
}
