//! JSON manifests: the objects of a long array, found without making values of what nobody asks for.
//!
//! Everything here either is certain or says nothing at all (`None`): what is not JSON as the API server takes it, and
//! what is merely unusual, is left to a slower reader that knows the words for it.

mod cursor;
mod endpoints;
mod objects;

pub use cursor::{Cursor, Text};
pub use endpoints::{Endpoint, Target, plain_endpoints};
pub use objects::{Found, Member, Object, Place, objects};
