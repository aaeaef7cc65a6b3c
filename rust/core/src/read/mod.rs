//! Readers of what `nft` prints, into [`crate::ruleset::Ruleset`].

use std::error::Error;
use std::fmt;

mod json;
mod text;

pub use json::json;
pub use text::{statements, text};

/// Why a dump cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from 1; 0 where there is none.
    pub line: usize,
    /// One sentence without a full stop.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "line {}: {}", self.line, self.message)
        }
    }
}

impl Error for ReadError {}
