//! What `nft -j list ruleset` prints, and commands in the same form: libnftables-json(5).
//!
//! Versions of nft print the same ruleset differently, and some of them leave things out. Whatever may be a word or a
//! list is read as either; what is not understood is kept as opaque, with its JSON.

mod collection;
mod declarations;
mod document;
mod elements;
mod expressions;
mod priority;
mod statements;
mod tables;
mod value;
mod version;

use super::ReadError;
use crate::ruleset::Ruleset;
use collection::Collection;

/// Reads the JSON of libnftables: a listing, whose objects may come in any order, or commands, which are carried out
/// in theirs.
///
/// Notes tell which objects were not understood, and what nft before 1.1.0 may have left out. What a listing without
/// elements (`nft -t`) left out cannot be seen in JSON. The memory it takes is that of the result and of the largest
/// object.
///
/// # Errors
/// It is no JSON, has no array `nftables`, was cut off, or was printed by nft before 1.0.1, whose listings of verdict
/// maps and of elements for everything else are wrong.
pub fn json(document: &[u8]) -> Result<Ruleset, ReadError> {
    let mut collection = Collection::default();
    document::each_object(document, &mut |place, object| collection.take(place, object))?;
    collection.finish()
}
