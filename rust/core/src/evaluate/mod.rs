//! What becomes of packets in a ruleset: exactly, with chances ([`outcomes`]), or drawn, for many packets at once.

pub mod batch;
mod drawing;
mod exact;
mod flight;
mod fraction;
mod lookup;
mod machine;
mod memory;
mod origins;
mod outcome;
mod packed;
mod packet;
mod rule;
mod runner;
mod told;
mod trails;
mod translation;
mod values;
pub mod words;

pub use batch::{Batch, batch, batch_one_by_one};
pub(crate) use exact::{decisive_notes, is_untouched};
pub use exact::{outcomes, outcomes_after, ways};
pub use fraction::Fraction;
pub use memory::Changes;
pub use outcome::{Chance, DestinationNat, Outcome, SourceNat, Step, Verdict};
pub(crate) use packet::RouteType;
pub use packet::{ConnectionState, Packet, Surroundings};
pub(crate) use trails::Trails;
pub(crate) use translation::refusal;
