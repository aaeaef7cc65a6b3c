//! The values of documents, built from events: no recursion whatever the nesting, and aliases stay shared.

use std::collections::HashMap;

use rustc_hash::FxHashSet;

use super::cursor::Mark;
use super::event::{Event, EventKind, Properties};
use super::names::{EMPTY, ITEMS, MERGE, Names, OBJECT};
use super::parser::Parser;
use super::scalar::{Words, changes, is_string_tag, key_text, meaningless, plain_value, tagged_value};
use super::token::SyntaxError;
use super::{Chunk, Document, Limits, Problem, Rule, Scalar, Span, Step, Values};

const MAP_TAG: &str = "tag:yaml.org,2002:map";
const SEQUENCE_TAG: &str = "tag:yaml.org,2002:seq";
const MERGE_TAG: &str = "tag:yaml.org,2002:merge";

/// Why a chunk is not read to its end.
pub(super) enum Stop<E> {
    Syntax(SyntaxError),
    Unusable(Box<Problem>),
    Values(E),
}

impl<E> From<SyntaxError> for Stop<E> {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

enum Anchored<T> {
    /// The collection with this number is not complete.
    Open(usize),
    /// A value and of how many nodes it consists.
    Complete(T, usize),
}

/// A collection that is being read.
struct Frame<T> {
    number: usize,
    start: Mark,
    nodes_before: usize,
    content: Content<T>,
}

enum Content<T> {
    List {
        values: Vec<T>,
        /// Of what may be a list of objects: where they are.
        spans: Option<Vec<Span>>,
    },
    Mapping {
        value: T,
        /// The name whose value comes next.
        key: Option<usize>,
        /// The value that comes next belongs to `<<`.
        merging: bool,
        /// The names that were written, once others may be in the mapping: those may come again.
        written: Option<FxHashSet<usize>>,
    },
}

/// Builds the documents of one chunk.
pub(super) struct Builder<'b, 'c, 't, V: Values> {
    values: &'b mut V,
    names: &'b mut Names<V::Key>,
    limits: &'b Limits,
    problems: &'b mut Vec<Problem>,
    chunk: &'b mut Chunk<'c, V::Value>,
    frames: Vec<Frame<V::Value>>,
    anchors: HashMap<&'t str, Anchored<V::Value>>,
    /// Anchors of the open collections, by their depth.
    open_anchors: Vec<Option<&'t str>>,
    opened: usize,
    nodes: usize,
    aliased: usize,
}

impl<'b, 'c, 't, V: Values> Builder<'b, 'c, 't, V> {
    pub(super) fn new(
        values: &'b mut V,
        names: &'b mut Names<V::Key>,
        limits: &'b Limits,
        problems: &'b mut Vec<Problem>,
        chunk: &'b mut Chunk<'c, V::Value>,
    ) -> Self {
        Self {
            values,
            names,
            limits,
            problems,
            chunk,
            frames: Vec::new(),
            anchors: HashMap::new(),
            open_anchors: Vec::new(),
            opened: 0,
            nodes: 0,
            aliased: 0,
        }
    }

    /// Build one document up to its end, and keep it unless it is empty.
    pub(super) fn document(&mut self, parser: &mut Parser<'t>) -> Result<(), Stop<V::Error>> {
        self.frames.clear();
        self.anchors.clear();
        (self.nodes, self.aliased) = (0, 0);
        loop {
            let Event { kind, start, end } = parser.next_event()?;
            let (value, start) = match kind {
                EventKind::MappingStart(properties) => {
                    let value = self.values.mapping().map_err(Stop::Values)?;
                    let content = Content::Mapping { value, key: None, merging: false, written: None };
                    self.open(&properties, MAP_TAG, start, content)?;
                    continue;
                }
                EventKind::SequenceStart(properties) => {
                    let may_hold_objects = match self.frames.last().map(|frame| &frame.content) {
                        None => true,
                        Some(Content::Mapping { key, .. }) => *key == Some(ITEMS),
                        Some(Content::List { .. }) => false,
                    };
                    let content = Content::List { values: Vec::new(), spans: may_hold_objects.then(Vec::new) };
                    self.open(&properties, SEQUENCE_TAG, start, content)?;
                    continue;
                }
                EventKind::Scalar { properties, text, plain } => {
                    self.nodes += 1;
                    if let Some(Content::Mapping { key: None, .. }) = self.frames.last().map(|frame| &frame.content) {
                        self.key(&properties, &text, plain, start)?;
                        continue;
                    }
                    let value = self.scalar(&properties, &text, plain, start)?;
                    if let Some(anchor) = properties.anchor {
                        self.anchors.insert(anchor, Anchored::Complete(value.clone(), 1));
                    }
                    (value, start)
                }
                EventKind::Alias(name) => (self.alias(name, start)?, start),
                EventKind::MappingEnd | EventKind::SequenceEnd => match self.frames.pop() {
                    Some(frame) => self.close(frame)?,
                    None => continue,
                },
                EventKind::StreamStart | EventKind::DocumentStart => continue,
                EventKind::DocumentEnd | EventKind::StreamEnd => return Ok(()),
            };
            if self.frames.is_empty() {
                if !self.values.is_null(&value) {
                    let line = self.chunk.line + start.row;
                    self.chunk.documents.push(Document {
                        value,
                        line,
                        start: start.index,
                        end: end.index,
                        column: start.column,
                    });
                }
                return Ok(());
            }
            let span = Span { row: start.row, column: start.column, start: start.index, end: end.index };
            self.attach(value, span)?;
        }
    }

    fn open(
        &mut self,
        properties: &Properties<'t>,
        tag: &str,
        start: Mark,
        content: Content<V::Value>,
    ) -> Result<(), Stop<V::Error>> {
        if self.frames.len() >= self.limits.depth {
            let words = Words::plain(format!("more than {} levels of nesting", self.limits.depth));
            return Err(self.unusable(Rule::TooDeep, start, words));
        }
        if let Some(written) = properties.tag.as_deref().filter(|&written| written != tag && written != "!") {
            self.flaw(Rule::YamlValue, start.index, start.row, meaningless(written), None);
        }
        self.opened += 1;
        self.frames.push(Frame { number: self.opened, start, nodes_before: self.nodes, content });
        self.open_anchors.truncate(self.frames.len() - 1);
        self.open_anchors.push(properties.anchor);
        self.nodes += 1;
        if let Some(anchor) = properties.anchor {
            self.anchors.insert(anchor, Anchored::Open(self.opened));
        }
        Ok(())
    }

    fn close(&mut self, frame: Frame<V::Value>) -> Result<(V::Value, Mark), Stop<V::Error>> {
        let value = match frame.content {
            Content::Mapping { value, .. } => value,
            Content::List { values, spans } => {
                let value = self.values.list(values).map_err(Stop::Values)?;
                if let Some(spans) = spans {
                    self.chunk.spans.push((value.clone(), spans));
                }
                value
            }
        };
        // An anchor inside may have taken the name: the one that began last counts.
        if let Some(Some(anchor)) = self.open_anchors.get(self.frames.len())
            && matches!(self.anchors.get(anchor), Some(Anchored::Open(number)) if *number == frame.number)
        {
            self.anchors.insert(anchor, Anchored::Complete(value.clone(), self.nodes - frame.nodes_before));
        }
        Ok((value, frame.start))
    }

    fn alias(&mut self, name: &str, start: Mark) -> Result<V::Value, Stop<V::Error>> {
        let (value, size) = match self.anchors.get(name) {
            Some(Anchored::Complete(value, size)) => (value.clone(), *size),
            other => {
                let after = if other.is_none() { " is not defined before" } else { " contains itself" };
                let words = Words::quoting("not valid YAML: the anchor ", name, after);
                return Err(self.unusable(Rule::YamlSyntax, start, words));
            }
        };
        self.nodes = self.nodes.saturating_add(size);
        self.aliased = self.aliased.saturating_add(size);
        if self.aliased > self.limits.aliased_nodes {
            let words = Words::plain(format!("aliases add more than {} nodes", self.limits.aliased_nodes));
            return Err(self.unusable(Rule::TooLarge, start, words));
        }
        Ok(value)
    }

    /// Make `value` part of the collection around it.
    fn attach(&mut self, value: V::Value, span: Span) -> Result<(), Stop<V::Error>> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        match &mut frame.content {
            Content::List { values, spans } => {
                values.push(value);
                if let Some(spans) = spans {
                    spans.push(span);
                }
            }
            Content::Mapping { value: mapping, key, merging, written } => {
                let Some(name) = *key else {
                    remember_written(self.values, self.names, mapping, written).map_err(Stop::Values)?;
                    let words = Words::plain("a key must be a scalar written in place");
                    self.flaw(Rule::YamlValue, span.start, span.row, words, None);
                    self.set_key(EMPTY, false);
                    return Ok(());
                };
                *key = None;
                if !std::mem::take(merging) {
                    if name == OBJECT {
                        self.chunk.spans.push((mapping.clone(), vec![span]));
                    }
                    return self.values.insert(mapping, self.names.key(name), value).map_err(Stop::Values);
                }
                let Some(parts) = self.values.mappings(&value).map_err(Stop::Values)? else {
                    *key = Some(name);
                    let words = Words::plain("only a mapping or a list of mappings can be merged");
                    self.flaw(Rule::YamlValue, span.start, span.row, words, None);
                    self.clear_key();
                    return Ok(());
                };
                remember_written(self.values, self.names, mapping, written).map_err(Stop::Values)?;
                // In the order of the text, as go-yaml v2 does, so that what is written later wins.
                for part in parts.iter().rev() {
                    self.values.merge(mapping, part).map_err(Stop::Values)?;
                }
            }
        }
        Ok(())
    }

    fn key(&mut self, properties: &Properties<'t>, text: &str, plain: bool, start: Mark) -> Result<(), Stop<V::Error>> {
        if let Some(anchor) = properties.anchor {
            let value = self.values.scalar(Scalar::Text(text)).map_err(Stop::Values)?;
            self.anchors.insert(anchor, Anchored::Complete(value, 1));
        }
        let tag = properties.tag.as_deref();
        if text == "<<" && (plain || tag == Some(MERGE_TAG)) {
            self.set_key(MERGE, true);
            return Ok(());
        }
        let name = match tag {
            Some(tag) => tagged_value(tag, text).and_then(|_| name_of(text, !is_string_tag(tag))),
            None => name_of(text, plain),
        };
        let name = name.unwrap_or_else(|words| {
            self.flaw(Rule::YamlValue, start.index, start.row, words, None);
            text.into()
        });
        if name != text {
            self.chunk.changed.push(start.index);
        }
        let name = self.names.number(self.values, &name).map_err(Stop::Values)?;
        self.set_key(name, false);
        let Some(Frame { content: Content::Mapping { value, written, .. }, .. }) = self.frames.last_mut() else {
            return Ok(());
        };
        let is_duplicate = match written {
            Some(written) => !written.insert(name),
            None => self.values.holds(value, self.names.key(name)).map_err(Stop::Values)?,
        };
        if is_duplicate {
            self.flaw(Rule::DuplicateKey, start.index, start.row, Words::plain(""), Some(name));
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        properties: &Properties<'t>,
        text: &str,
        plain: bool,
        start: Mark,
    ) -> Result<V::Value, Stop<V::Error>> {
        let mut flawed = false;
        let scalar = match properties.tag.as_deref() {
            Some(tag) => tagged_value(tag, text),
            None if plain => plain_value(text),
            None => Ok(Scalar::Text(text)),
        };
        let scalar = scalar.unwrap_or_else(|words| {
            self.flaw(Rule::YamlValue, start.index, start.row, words, None);
            flawed = true;
            Scalar::Null
        });
        if plain && !flawed && properties.tag.is_none() && !text.is_empty() && changes(text, scalar) {
            self.chunk.changed.push(start.index);
        }
        self.values.scalar(scalar).map_err(Stop::Values)
    }

    fn set_key(&mut self, name: usize, merge: bool) {
        if let Some(Frame { content: Content::Mapping { key, merging, .. }, .. }) = self.frames.last_mut() {
            (*key, *merging) = (Some(name), merge);
        }
    }

    fn clear_key(&mut self) {
        if let Some(Frame { content: Content::Mapping { key, .. }, .. }) = self.frames.last_mut() {
            *key = None;
        }
    }

    /// Report something that makes the object around it unusable and leaves the rest of the text alone.
    fn flaw(&mut self, rule: Rule, index: usize, row: usize, words: Words, name: Option<usize>) {
        let flaws = &mut self.chunk.flaws;
        flaws.insert(flaws.partition_point(|&flaw| flaw <= index), index);
        let path = self.frames.iter().filter_map(|frame| match &frame.content {
            Content::List { values, .. } => Some(Step::Index(values.len())),
            Content::Mapping { key, .. } => key.map(|name| Step::Name(self.names.text(name).to_owned())),
        });
        let path = path.collect();
        let value = name.map(|name| self.names.text(name).to_owned());
        self.problems.push(Problem { rule, line: self.chunk.line + row, words, path, value });
    }

    fn unusable(&self, rule: Rule, start: Mark, words: Words) -> Stop<V::Error> {
        let line = self.chunk.line + start.row;
        Stop::Unusable(Box::new(Problem { rule, line, words, path: Vec::new(), value: None }))
    }
}

fn name_of(text: &str, plain: bool) -> Result<std::borrow::Cow<'_, str>, Words> {
    let is_text = match text.as_bytes() {
        [] | [b'+' | b'-' | b'.' | b'0'..=b'9' | b'~', ..] => false,
        // The words for true, false and null.
        [b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O', ..] => text.len() > 5,
        _ => true,
    };
    if is_text || !plain { Ok(text.into()) } else { key_text(text).map(Into::into) }
}

fn remember_written<V: Values>(
    values: &mut V,
    names: &mut Names<V::Key>,
    mapping: &V::Value,
    written: &mut Option<FxHashSet<usize>>,
) -> Result<(), V::Error> {
    if written.is_none() {
        let mut numbers = FxHashSet::default();
        for name in values.names(mapping)? {
            numbers.insert(names.number(values, &name)?);
        }
        *written = Some(numbers);
    }
    Ok(())
}
