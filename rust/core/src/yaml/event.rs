//! What a text contains, one thing after the other.

use std::borrow::Cow;

use super::cursor::Mark;

/// Something that a text contains, with the places of its start and its end.
#[derive(Debug)]
pub struct Event<'t> {
    /// What it is.
    pub kind: EventKind<'t>,
    /// Where it begins: at its anchor or tag, if it has one.
    pub start: Mark,
    /// Where it ends.
    pub end: Mark,
}

/// What an event is.
#[derive(Debug)]
pub enum EventKind<'t> {
    /// The text begins.
    StreamStart,
    /// The text is over.
    StreamEnd,
    /// A document begins.
    DocumentStart,
    /// A document is over.
    DocumentEnd,
    /// The value with this anchor, again.
    Alias(&'t str),
    /// Text; `plain` if its value depends on how it looks: without quotes and without a tag.
    Scalar {
        /// What precedes it.
        properties: Properties<'t>,
        /// Without quotes and escapes.
        text: Cow<'t, str>,
        /// Whether it has neither quotes nor a tag.
        plain: bool,
    },
    /// A list begins.
    SequenceStart(Properties<'t>),
    /// A list is over.
    SequenceEnd,
    /// A mapping begins: keys and values take turns.
    MappingStart(Properties<'t>),
    /// A mapping is over.
    MappingEnd,
}

/// What may precede a value.
#[derive(Debug, Default)]
pub struct Properties<'t> {
    /// The name behind `&`.
    pub anchor: Option<&'t str>,
    /// The tag in full.
    pub tag: Option<String>,
}
