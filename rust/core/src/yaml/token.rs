//! What the scanner finds, and what it refuses.

use std::borrow::Cow;

use super::cursor::Mark;

/// A text that is not YAML, in the words of libyaml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What was being read, such as "while parsing a block mapping".
    pub context: Option<&'static str>,
    /// What is wrong, such as "did not find expected key".
    pub problem: &'static str,
    /// Where.
    pub mark: Mark,
}

/// A word, a mark or the start or end of something.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) start: Mark,
    pub(super) end: Mark,
}

/// What a token is.
#[derive(Debug)]
pub(super) enum Kind<'t> {
    StreamStart,
    StreamEnd,
    Version { major: u32, minor: u32 },
    TagDirective { handle: String, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    Tag { handle: String, suffix: String },
    Scalar { text: Cow<'t, str>, plain: bool },
}
