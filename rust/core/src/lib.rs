//! The computations of svcc that must be fast or exact.
//!
//! Nothing here knows Python; `svcc-python` wraps it.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod evaluate;
pub mod hashing;
pub mod inspect;
pub mod kernel_hash;
pub mod manifest;
pub mod program;
pub mod proof;
pub mod read;
pub mod ruleset;
pub mod selection;
pub mod slots;
pub mod yaml;
