//! Running a program for all packets of a case at once.

use super::coverage::Coverage;
use super::diagram::{NodeId, TooLarge};
use super::end::Case;
use super::options::{Functions, Options};
use crate::evaluate::Surroundings;
use crate::program::Program;

/// What a program does with every packet of a case, as a function over the leaves of [`Functions::ends`].
///
/// # Errors
/// There would be more nodes than the diagram may have, or more steps than the options allow.
pub fn behaviour(
    program: &Program,
    surroundings: &Surroundings,
    case: Case,
    options: &Options,
    functions: &mut Functions,
    coverage: &mut Coverage,
) -> Result<NodeId, TooLarge> {
    let _ = (program, surroundings, case, options, functions, coverage);
    Err(TooLarge)
}
