//! The reader of nft's JSON: listings by several versions mean the same, and what a version leaves out is told.

mod arbitrary;
mod commands;
mod documents;
mod dumps;
mod expressions;
mod statements;
mod tables;
