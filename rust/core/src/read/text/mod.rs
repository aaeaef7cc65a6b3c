//! What `nft list ruleset` prints, and the scripts of svcc.

use super::ReadError;
use crate::ruleset::Ruleset;

/// Reads nft text.
///
/// # Errors
/// It is no nft text.
pub fn text(_document: &[u8]) -> Result<Ruleset, ReadError> {
    Err(ReadError { line: 0, message: "not written yet".to_owned() })
}
