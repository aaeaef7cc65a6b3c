//! YAML as kubectl reads it: documents with the place of every object.
//!
//! Scanner and parser do what those of libyaml 0.2.5 do (which `PyYAML` wraps and of which go-yaml is a port), in
//! its words; scalars mean what go-yaml v2 and sigs.k8s.io/yaml make of them. What the values are made of is up to
//! [`Values`].
//!
//! libyaml is copyright 2017-2020 Ingy döt Net and 2006-2016 Kirill Simonov, under the MIT licence.

mod builder;
mod chunks;
mod cursor;
mod event;
mod names;
mod parser;
mod places;
mod scalar;
mod scan_block;
mod scan_scalar;
mod scan_tag;
mod scanner;
mod token;

use std::borrow::Cow;

pub use cursor::Mark;
pub use event::{Event, EventKind, Properties};
pub use parser::Parser;
pub use places::{Step, elements_of, row_of};
pub use scalar::{Scalar, Words, key_text, plain_value, tagged_value};
pub use token::SyntaxError;

use builder::{Builder, Stop};
use names::Names;

/// How much of what is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Collections inside each other.
    pub depth: usize,
    /// Nodes that the aliases of one document may add.
    pub aliased_nodes: usize,
}

/// Makes the values that are read.
pub trait Values {
    /// A value; a clone of it is the same value again.
    type Value: Clone;
    /// A name of a field.
    type Key;
    /// Why a value cannot be made.
    type Error;

    /// A value without parts.
    ///
    /// # Errors
    /// As this and every other method says.
    fn scalar(&mut self, scalar: Scalar<'_>) -> Result<Self::Value, Self::Error>;
    /// A name.
    ///
    /// # Errors
    /// If it cannot be made.
    fn key(&mut self, name: &str) -> Result<Self::Key, Self::Error>;
    /// A list.
    ///
    /// # Errors
    /// If it cannot be made.
    fn list(&mut self, values: Vec<Self::Value>) -> Result<Self::Value, Self::Error>;
    /// A mapping without fields.
    ///
    /// # Errors
    /// If it cannot be made.
    fn mapping(&mut self) -> Result<Self::Value, Self::Error>;
    /// Put a field into a mapping, or another value into a field.
    ///
    /// # Errors
    /// If it cannot be put.
    fn insert(&mut self, mapping: &Self::Value, key: &Self::Key, value: Self::Value) -> Result<(), Self::Error>;
    /// Whether a mapping has a field.
    ///
    /// # Errors
    /// If it cannot be told.
    fn holds(&mut self, mapping: &Self::Value, key: &Self::Key) -> Result<bool, Self::Error>;
    /// The names of the fields of a mapping.
    ///
    /// # Errors
    /// If they cannot be told.
    fn names(&mut self, mapping: &Self::Value) -> Result<Vec<String>, Self::Error>;
    /// Put all fields of `part` into `mapping`.
    ///
    /// # Errors
    /// If they cannot be put.
    fn merge(&mut self, mapping: &Self::Value, part: &Self::Value) -> Result<(), Self::Error>;
    /// The mapping itself, or the elements of a list of mappings; of anything else none.
    ///
    /// # Errors
    /// If they cannot be told.
    fn mappings(&mut self, value: &Self::Value) -> Result<Option<Vec<Self::Value>>, Self::Error>;
    /// Whether it is `null`.
    fn is_null(&self, value: &Self::Value) -> bool;
}

/// Where a value is in its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Line feeds before it.
    pub row: usize,
    /// Characters before it in its line.
    pub column: usize,
    /// The first of its characters.
    pub start: usize,
    /// The character behind it.
    pub end: usize,
}

/// A document that is not empty.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// What it contains.
    pub value: T,
    /// The line (1 is the first) of the whole text where the value begins.
    pub line: usize,
    /// The first of its characters in the chunk.
    pub start: usize,
    /// The character behind it.
    pub end: usize,
    /// Characters before it in its line.
    pub column: usize,
}

/// A part of a text that is read on its own.
#[derive(Clone, Debug)]
pub struct Chunk<'t, T> {
    /// The text, without byte order marks at its start.
    pub text: Cow<'t, str>,
    /// The line of the whole text where it begins; 1 is the first.
    pub line: usize,
    /// Its documents, in order.
    pub documents: Vec<Document<T>>,
    /// Offsets of what was reported and makes the object around it unusable, ascending.
    pub flaws: Vec<usize>,
    /// Offsets of scalars that mean something that JSON writes in another way, ascending.
    pub changed: Vec<usize>,
    /// Where the elements are of what may be a list of objects, and where the member `object` is of a mapping.
    pub spans: Vec<(T, Vec<Span>)>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is not YAML.
    YamlSyntax,
    /// A name comes twice in a mapping.
    DuplicateKey,
    /// It is YAML that has no counterpart in JSON.
    YamlValue,
    /// Too many collections inside each other.
    TooDeep,
    /// Too many nodes.
    TooLarge,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The rule that is broken.
    pub rule: Rule,
    /// The line of the whole text; 1 is the first.
    pub line: usize,
    /// What to say.
    pub words: Words,
    /// From the document to the value.
    pub path: Vec<Step>,
    /// The name that comes twice.
    pub value: Option<String>,
}

/// The parts of a text in UTF-8 with their documents, and what is wrong, in the order in which it is met.
///
/// Halves of surrogate pairs, encoded as if they were characters, are control characters like others. Bytes that are
/// no UTF-8 at all make the part of the text around them unreadable.
///
/// # Errors
/// Where a value cannot be made.
#[expect(clippy::type_complexity, reason = "the parts are of whoever makes the values")]
pub fn read<'t, V: Values>(
    values: &mut V,
    text: &'t [u8],
    limits: &Limits,
) -> Result<(Vec<Chunk<'t, V::Value>>, Vec<Problem>), V::Error> {
    let mut names = Names::new(values)?;
    let mut problems = Vec::new();
    let mut read = Vec::new();
    for chunks::Chunk { line, bytes } in chunks::chunks(text) {
        if let Some((code, row)) = chunks::forbidden(&bytes) {
            let said = format!("the control character U+{code:04X} is not allowed");
            problems.push(not_yaml(line + row, &said));
            continue;
        }
        let text = match bytes {
            Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        let Some(text) = text else {
            problems.push(not_yaml(line, "the text is not UTF-8"));
            continue;
        };
        let mut chunk =
            Chunk { text, line, documents: Vec::new(), flaws: Vec::new(), changed: Vec::new(), spans: Vec::new() };
        let text = chunk.text.clone();
        match documents(values, &mut names, limits, &mut problems, &mut chunk, &text) {
            Ok(()) => {}
            Err(Stop::Values(error)) => return Err(error),
            Err(Stop::Unusable(problem)) => problems.push(*problem),
            Err(Stop::Syntax(error)) => problems.push(syntax_problem(&error, &text, line)),
        }
        read.push(chunk);
    }
    Ok((read, problems))
}

fn documents<V: Values>(
    values: &mut V,
    names: &mut Names<V::Key>,
    limits: &Limits,
    problems: &mut Vec<Problem>,
    chunk: &mut Chunk<'_, V::Value>,
    text: &str,
) -> Result<(), Stop<V::Error>> {
    let mut parser = Parser::new(text);
    let mut builder = Builder::new(values, names, limits, problems, chunk);
    loop {
        match parser.next_event()?.kind {
            EventKind::StreamEnd => return Ok(()),
            EventKind::DocumentStart => builder.document(&mut parser)?,
            _ => {}
        }
    }
}

fn syntax_problem(error: &SyntaxError, text: &str, line: usize) -> Problem {
    // The end of the text may be the start of a line that does not exist: the last line is where to look.
    let last = chunks::line_feeds(text.trim_end_matches('\n').as_bytes());
    let said = match error.context {
        Some(context) => format!("{context}, {}", error.problem),
        None => error.problem.to_owned(),
    };
    not_yaml(line + error.mark.row.min(last), &said)
}

fn not_yaml(line: usize, said: &str) -> Problem {
    let words = Words::plain(format!("not valid YAML: {said}"));
    Problem { rule: Rule::YamlSyntax, line, words, path: Vec::new(), value: None }
}
