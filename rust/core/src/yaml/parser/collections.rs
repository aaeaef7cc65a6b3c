//! The states inside of sequences and mappings, in block style and in flow style.

use super::{Parser, Result, State, empty, unexpected};
use crate::yaml::event::{Event, EventKind, Properties};
use crate::yaml::token::{Kind, SyntaxError};

impl<'t> Parser<'t> {
    pub(super) fn block_sequence_entry(&mut self) -> Result<'t> {
        let token = self.scanner.peek()?;
        let (start, end) = (token.start, token.end);
        match token.kind {
            Kind::BlockEntry => {
                self.scanner.take()?;
                if matches!(self.scanner.peek()?.kind, Kind::BlockEntry | Kind::BlockEnd) {
                    self.state = State::BlockSequenceEntry;
                    return Ok(empty(end));
                }
                self.states.push(State::BlockSequenceEntry);
                self.node(true, false)
            }
            Kind::BlockEnd => self.close(EventKind::SequenceEnd),
            _ => unexpected("while parsing a block collection", "did not find expected '-' indicator", start),
        }
    }

    pub(super) fn indentless_sequence_entry(&mut self) -> Result<'t> {
        let token = self.scanner.peek()?;
        let (start, end) = (token.start, token.end);
        if !matches!(token.kind, Kind::BlockEntry) {
            self.leave();
            return Ok(Event { kind: EventKind::SequenceEnd, start, end });
        }
        self.scanner.take()?;
        if matches!(self.scanner.peek()?.kind, Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd) {
            self.state = State::IndentlessSequenceEntry;
            return Ok(empty(end));
        }
        self.states.push(State::IndentlessSequenceEntry);
        self.node(true, false)
    }

    pub(super) fn block_mapping_key(&mut self) -> Result<'t> {
        let token = self.scanner.peek()?;
        let (start, end) = (token.start, token.end);
        match token.kind {
            Kind::Key => {
                self.scanner.take()?;
                if matches!(self.scanner.peek()?.kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
                    self.state = State::BlockMappingValue;
                    return Ok(empty(end));
                }
                self.states.push(State::BlockMappingValue);
                self.node(true, true)
            }
            Kind::BlockEnd => self.close(EventKind::MappingEnd),
            _ => unexpected("while parsing a block mapping", "did not find expected key", start),
        }
    }

    pub(super) fn block_mapping_value(&mut self) -> Result<'t> {
        let token = self.scanner.peek()?;
        let (start, end) = (token.start, token.end);
        if !matches!(token.kind, Kind::Value) {
            self.state = State::BlockMappingKey;
            return Ok(empty(start));
        }
        self.scanner.take()?;
        if matches!(self.scanner.peek()?.kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
            self.state = State::BlockMappingKey;
            return Ok(empty(end));
        }
        self.states.push(State::BlockMappingKey);
        self.node(true, true)
    }

    pub(super) fn flow_sequence_entry(&mut self, first: bool) -> Result<'t> {
        if first {
            self.scanner.take()?;
        }
        if matches!(self.scanner.peek()?.kind, Kind::FlowSequenceEnd) {
            return self.close(EventKind::SequenceEnd);
        }
        if !first {
            self.flow_entry("while parsing a flow sequence", "did not find expected ',' or ']'")?;
        }
        let token = self.scanner.peek()?;
        match token.kind {
            Kind::Key => {
                let token = self.scanner.take()?;
                self.state = State::FlowSequenceEntryMappingKey;
                let kind = EventKind::MappingStart(Properties::default());
                Ok(Event { kind, start: token.start, end: token.end })
            }
            Kind::FlowSequenceEnd => self.close(EventKind::SequenceEnd),
            _ => {
                self.states.push(State::FlowSequenceEntry);
                self.node(false, false)
            }
        }
    }

    pub(super) fn flow_sequence_entry_mapping_key(&mut self) -> Result<'t> {
        let token = self.scanner.peek()?;
        if matches!(token.kind, Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd) {
            let mark = token.end;
            self.scanner.take()?;
            self.state = State::FlowSequenceEntryMappingValue;
            return Ok(empty(mark));
        }
        self.states.push(State::FlowSequenceEntryMappingValue);
        self.node(false, false)
    }

    pub(super) fn flow_sequence_entry_mapping_value(&mut self) -> Result<'t> {
        if matches!(self.scanner.peek()?.kind, Kind::Value) {
            self.scanner.take()?;
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                self.states.push(State::FlowSequenceEntryMappingEnd);
                return self.node(false, false);
            }
        }
        self.state = State::FlowSequenceEntryMappingEnd;
        Ok(empty(self.scanner.peek()?.start))
    }

    pub(super) fn flow_mapping_key(&mut self, first: bool) -> Result<'t> {
        if first {
            self.scanner.take()?;
        }
        if matches!(self.scanner.peek()?.kind, Kind::FlowMappingEnd) {
            return self.close(EventKind::MappingEnd);
        }
        if !first {
            self.flow_entry("while parsing a flow mapping", "did not find expected ',' or '}'")?;
        }
        match self.scanner.peek()?.kind {
            Kind::Key => {
                self.scanner.take()?;
                let token = self.scanner.peek()?;
                if matches!(token.kind, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd) {
                    let mark = token.start;
                    self.state = State::FlowMappingValue;
                    return Ok(empty(mark));
                }
                self.states.push(State::FlowMappingValue);
                self.node(false, false)
            }
            Kind::FlowMappingEnd => self.close(EventKind::MappingEnd),
            _ => {
                self.states.push(State::FlowMappingEmptyValue);
                self.node(false, false)
            }
        }
    }

    pub(super) fn flow_mapping_value(&mut self, is_empty: bool) -> Result<'t> {
        if !is_empty && matches!(self.scanner.peek()?.kind, Kind::Value) {
            self.scanner.take()?;
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowMappingEnd) {
                self.states.push(State::FlowMappingKey);
                return self.node(false, false);
            }
        }
        self.state = State::FlowMappingKey;
        Ok(empty(self.scanner.peek()?.start))
    }

    /// The comma between two entries.
    fn flow_entry(&mut self, context: &'static str, problem: &'static str) -> std::result::Result<(), SyntaxError> {
        let token = self.scanner.peek()?;
        if !matches!(token.kind, Kind::FlowEntry) {
            return Err(SyntaxError { context: Some(context), problem, mark: token.start });
        }
        self.scanner.take().map(|_| ())
    }
}
