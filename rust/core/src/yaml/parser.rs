//! From tokens to events: libyaml's state machine, which needs no recursion.

use std::borrow::Cow;

use super::cursor::Mark;
use super::event::{Event, EventKind, Properties};
use super::scanner::Scanner;
use super::token::{Kind, SyntaxError};

mod collections;

#[derive(Clone, Copy, Debug)]
enum State {
    StreamStart,
    ImplicitDocumentStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirstEntry,
    BlockSequenceEntry,
    IndentlessSequenceEntry,
    BlockMappingFirstKey,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirstEntry,
    FlowSequenceEntry,
    FlowSequenceEntryMappingKey,
    FlowSequenceEntryMappingValue,
    FlowSequenceEntryMappingEnd,
    FlowMappingFirstKey,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingEmptyValue,
    End,
}

type Result<'t> = std::result::Result<Event<'t>, SyntaxError>;

/// The events of a text. After an error there are no more.
#[derive(Debug)]
pub struct Parser<'t> {
    scanner: Scanner<'t>,
    state: State,
    /// What follows the values that are open.
    states: Vec<State>,
    /// Handles and prefixes of the document's tags.
    tag_prefixes: Vec<(String, String)>,
}

impl<'t> Parser<'t> {
    /// A parser of a text, in which there are no control characters.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::StreamStart,
            states: Vec::with_capacity(16),
            tag_prefixes: Vec::new(),
        }
    }

    /// The next event; at the end, the end again.
    ///
    /// # Errors
    /// Where the text is not YAML.
    pub fn next_event(&mut self) -> Result<'t> {
        match self.state {
            State::StreamStart => {
                let token = self.scanner.take()?;
                self.state = State::ImplicitDocumentStart;
                Ok(Event { kind: EventKind::StreamStart, start: token.start, end: token.end })
            }
            State::ImplicitDocumentStart => self.document_start(true),
            State::DocumentStart => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequenceFirstEntry => {
                self.scanner.take()?;
                self.block_sequence_entry()
            }
            State::BlockSequenceEntry => self.block_sequence_entry(),
            State::IndentlessSequenceEntry => self.indentless_sequence_entry(),
            State::BlockMappingFirstKey => {
                self.scanner.take()?;
                self.block_mapping_key()
            }
            State::BlockMappingKey => self.block_mapping_key(),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceFirstEntry => self.flow_sequence_entry(true),
            State::FlowSequenceEntry => self.flow_sequence_entry(false),
            State::FlowSequenceEntryMappingKey => self.flow_sequence_entry_mapping_key(),
            State::FlowSequenceEntryMappingValue => self.flow_sequence_entry_mapping_value(),
            State::FlowSequenceEntryMappingEnd => {
                self.state = State::FlowSequenceEntry;
                // The comma or bracket behind it is not a part of it.
                let mark = self.scanner.peek()?.start;
                Ok(Event { kind: EventKind::MappingEnd, start: mark, end: mark })
            }
            State::FlowMappingFirstKey => self.flow_mapping_key(true),
            State::FlowMappingKey => self.flow_mapping_key(false),
            State::FlowMappingValue => self.flow_mapping_value(false),
            State::FlowMappingEmptyValue => self.flow_mapping_value(true),
            State::End => {
                let token = self.scanner.peek()?;
                Ok(Event { kind: EventKind::StreamEnd, start: token.start, end: token.end })
            }
        }
    }

    fn document_start(&mut self, implicit: bool) -> Result<'t> {
        if !implicit {
            while matches!(self.scanner.peek()?.kind, Kind::DocumentEnd) {
                self.scanner.take()?;
            }
        }
        let token = self.scanner.peek()?;
        let start = token.start;
        match token.kind {
            Kind::StreamEnd => {
                self.state = State::End;
                Ok(Event { kind: EventKind::StreamEnd, start, end: start })
            }
            Kind::Version { .. } | Kind::TagDirective { .. } | Kind::DocumentStart => self.explicit_document(start),
            _ if implicit => {
                self.directives()?;
                self.states.push(State::DocumentEnd);
                self.state = State::BlockNode;
                Ok(Event { kind: EventKind::DocumentStart, start, end: start })
            }
            _ => self.explicit_document(start),
        }
    }

    fn explicit_document(&mut self, start: Mark) -> Result<'t> {
        self.directives()?;
        let token = self.scanner.peek()?;
        if !matches!(token.kind, Kind::DocumentStart) {
            let mark = token.start;
            return Err(SyntaxError { context: None, problem: "did not find expected <document start>", mark });
        }
        let end = token.end;
        self.scanner.take()?;
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        Ok(Event { kind: EventKind::DocumentStart, start, end })
    }

    fn directives(&mut self) -> std::result::Result<(), SyntaxError> {
        let mut has_version = false;
        while matches!(self.scanner.peek()?.kind, Kind::Version { .. } | Kind::TagDirective { .. }) {
            let token = self.scanner.take()?;
            let refuse = |problem| Err(SyntaxError { context: None, problem, mark: token.start });
            match token.kind {
                Kind::Version { .. } if has_version => return refuse("found duplicate %YAML directive"),
                Kind::Version { major: 1, minor: 1 | 2 } => has_version = true,
                Kind::TagDirective { handle, prefix } => {
                    if self.tag_prefixes.iter().any(|(known, _)| *known == handle) {
                        return refuse("found duplicate %TAG directive");
                    }
                    self.tag_prefixes.push((handle, prefix));
                }
                _ => return refuse("found incompatible YAML document"),
            }
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if self.tag_prefixes.iter().all(|(known, _)| known != handle) {
                self.tag_prefixes.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    fn document_content(&mut self) -> Result<'t> {
        let token = self.scanner.peek()?;
        match token.kind {
            Kind::Version { .. }
            | Kind::TagDirective { .. }
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::StreamEnd => {
                let mark = token.start;
                self.leave();
                Ok(empty(mark))
            }
            _ => self.node(true, false),
        }
    }

    fn document_end(&mut self) -> Result<'t> {
        let token = self.scanner.peek()?;
        let start = token.start;
        let mut end = start;
        if matches!(token.kind, Kind::DocumentEnd) {
            end = token.end;
            self.scanner.take()?;
        }
        self.tag_prefixes.clear();
        self.state = State::DocumentStart;
        Ok(Event { kind: EventKind::DocumentEnd, start, end })
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<'t> {
        let token = self.scanner.peek()?;
        if let Kind::Alias(name) = token.kind {
            let event = Event { kind: EventKind::Alias(name), start: token.start, end: token.end };
            self.scanner.take()?;
            self.leave();
            return Ok(event);
        }
        let start = token.start;
        let mut end = start;
        let properties = self.properties(&mut end)?;
        let is_bare = properties.anchor.is_none() && properties.tag.is_none();
        let token = self.scanner.peek()?;
        let (state, kind) = match token.kind {
            Kind::BlockEntry if indentless => (State::IndentlessSequenceEntry, EventKind::SequenceStart(properties)),
            Kind::Scalar { .. } => return self.scalar(properties, start),
            Kind::FlowSequenceStart => (State::FlowSequenceFirstEntry, EventKind::SequenceStart(properties)),
            Kind::FlowMappingStart => (State::FlowMappingFirstKey, EventKind::MappingStart(properties)),
            Kind::BlockSequenceStart if block => (State::BlockSequenceFirstEntry, EventKind::SequenceStart(properties)),
            Kind::BlockMappingStart if block => (State::BlockMappingFirstKey, EventKind::MappingStart(properties)),
            _ if is_bare => {
                let context = if block { "while parsing a block node" } else { "while parsing a flow node" };
                return unexpected(context, "did not find expected node content", token.start);
            }
            _ => {
                let plain = properties.tag.as_ref().is_none_or(String::is_empty);
                let kind = EventKind::Scalar { properties, text: Cow::Borrowed(""), plain };
                self.leave();
                return Ok(Event { kind, start, end });
            }
        };
        let end = token.end;
        self.state = state;
        Ok(Event { kind, start, end })
    }

    fn scalar(&mut self, properties: Properties<'t>, start: Mark) -> Result<'t> {
        let token = self.scanner.take()?;
        self.leave();
        let Kind::Scalar { text, plain } = token.kind else {
            return unexpected("while parsing a block node", "did not find expected node content", token.start);
        };
        let plain = match properties.tag.as_deref() {
            None => plain,
            Some(tag) => tag == "!",
        };
        Ok(Event { kind: EventKind::Scalar { properties, text, plain }, start, end: token.end })
    }

    /// Anchor and tag, in any order; moves `end` to the end of the last of them.
    fn properties(&mut self, end: &mut Mark) -> std::result::Result<Properties<'t>, SyntaxError> {
        let mut properties = Properties::default();
        let mut tag = None;
        for _ in 0..2 {
            match self.scanner.peek()?.kind {
                Kind::Anchor(name) if properties.anchor.is_none() => properties.anchor = Some(name),
                Kind::Tag { .. } if tag.is_none() => {}
                _ => break,
            }
            let token = self.scanner.take()?;
            *end = token.end;
            if let Kind::Tag { handle, suffix } = token.kind {
                tag = Some((handle, suffix, token.start));
            }
        }
        // What comes next is looked at first: where both are wrong, libyaml tells that.
        self.scanner.peek()?;
        if let Some((handle, mut suffix, mark)) = tag {
            if !handle.is_empty() {
                let Some((_, prefix)) = self.tag_prefixes.iter().find(|(known, _)| *known == handle) else {
                    return unexpected("while parsing a node", "found undefined tag handle", mark);
                };
                suffix.insert_str(0, prefix);
            }
            properties.tag = Some(suffix);
        }
        Ok(properties)
    }

    /// The value is complete: go on with what it is a part of.
    fn leave(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// The next token is the end of a collection.
    fn close(&mut self, kind: EventKind<'t>) -> Result<'t> {
        let token = self.scanner.take()?;
        self.leave();
        Ok(Event { kind, start: token.start, end: token.end })
    }
}

fn unexpected<T>(context: &'static str, problem: &'static str, mark: Mark) -> std::result::Result<T, SyntaxError> {
    Err(SyntaxError { context: Some(context), problem, mark })
}

/// A value that is not written.
fn empty(mark: Mark) -> Event<'static> {
    let kind = EventKind::Scalar { properties: Properties::default(), text: Cow::Borrowed(""), plain: true };
    Event { kind, start: mark, end: mark }
}
