//! What becomes of packets in a ruleset: exactly, with chances ([`outcomes`]), or drawn, for many packets at once.

pub mod batch;
mod exact;
mod flight;
mod fraction;
mod lookup;
mod machine;
mod memory;
mod outcome;
mod packet;
mod rule;
mod translation;
mod values;
pub mod words;

pub use batch::{Batch, batch};
pub(crate) use exact::{decisive_notes, is_untouched};
pub use exact::{outcomes, outcomes_after, ways};
pub use fraction::Fraction;
pub use memory::Changes;
pub use outcome::{Chance, DestinationNat, Outcome, SourceNat, Step, Verdict};
pub(crate) use packet::RouteType;
pub use packet::{ConnectionState, Packet, Surroundings};
pub(crate) use translation::refusal;
