//! What rulesets do with every packet, not with some.
//!
//! A ruleset is run once with nothing known of the packet; wherever a rule looks at something, the run divides, and what
//! comes out is a function from packets to outcomes, stored as a [`Diagram`]. What was declared makes such a function
//! too, and two of them are compared without asking how many packets there are.

mod asked;
mod assignment;
mod begun;
mod changes;
mod compare;
mod conditions;
mod coverage;
pub mod declared;
mod diagram;
mod distribution;
mod end;
mod fate;
mod fields;
mod fold;
mod forget;
mod hashes;
mod honoured;
mod journey;
mod judgement;
mod layout;
mod lookup;
mod meaning;
mod neighbourhood;
mod onward;
mod options;
mod position;
mod prove;
mod questions;
mod reach;
mod reasons;
mod region;
mod remembered;
mod routes;
mod rules;
mod run;
mod sets;
mod spans;
mod state;
mod supposed;
mod supposition;
mod targets;
mod tell;
mod terms;
mod translation;
mod value;
mod variable;
mod walk;
mod witness;
mod words;

pub use begun::{Begun, Elsewhere};
pub use compare::{Compared, Equality, Judge, Judgement, Limits, Shown, Side, compare};
pub use coverage::Coverage;
pub use diagram::{Diagram, Edge, NO, NodeId, Share, TooLarge, View, YES};
pub use distribution::Distribution;
pub use end::{Case, End, Ends};
pub use hashes::{HashKey, HashedPart, HashedValue, Hashes};
pub use neighbourhood::Neighbourhood;
pub use options::{Functions, Options, Records};
pub use prove::{Examined, Settings, Unreached, compare_programs, prove, unreached};
pub use questions::{Question, Questions};
pub use region::Region;
pub use run::behaviour;
pub use supposition::Supposition;
pub use tell::{Difference, Report};
pub use variable::Variable;
