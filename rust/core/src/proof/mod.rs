//! What rulesets do with every packet, not with some.
//!
//! A ruleset is run once with nothing known of the packet; wherever a rule looks at something, the run divides, and what
//! comes out is a function from packets to outcomes, stored as a [`Diagram`]. What was declared makes such a function
//! too, and two of them are compared without asking how many packets there are.

mod assignment;
mod changes;
mod conditions;
mod coverage;
pub mod declared;
mod diagram;
mod end;
mod hashes;
mod journey;
mod lookup;
mod options;
mod position;
mod questions;
mod reach;
mod routes;
mod rules;
mod run;
mod sets;
mod state;
mod terms;
mod value;
mod variable;

pub use coverage::Coverage;
pub use diagram::{Diagram, Edge, NO, NodeId, Share, TooLarge, View, YES};
pub use end::{Case, End, Ends};
pub use hashes::{HashKey, HashedPart, HashedValue, Hashes};
pub use options::{Functions, Options, Records};
pub use questions::{Question, Questions};
pub use run::behaviour;
pub use variable::Variable;
