//! Regions of packets: an interval for each thing that matters.

use super::variable::Variable;
use crate::program::IpVersion;

/// A box: packets whose variables are in these intervals, both ends included; whatever is not named is free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Region {
    bounds: Vec<(Variable, u128, u128)>,
}

impl Region {
    /// The region with another bound; a variable that is bound already keeps what both bounds allow.
    #[must_use]
    pub fn within(&self, variable: Variable, low: u128, high: u128) -> Self {
        let mut bounds = self.bounds.clone();
        match bounds.binary_search_by_key(&variable, |bound| bound.0) {
            Ok(place) => {
                let bound = &mut bounds[place];
                *bound = (variable, bound.1.max(low), bound.2.min(high));
            }
            Err(place) => bounds.insert(place, (variable, low, high)),
        }
        Self { bounds }
    }

    /// The values a variable may have.
    #[must_use]
    pub fn of(&self, variable: Variable, version: IpVersion) -> (u128, u128) {
        self.get(variable).unwrap_or((0, variable.maximum(version)))
    }

    /// The bound of a variable; None if it is free.
    #[must_use]
    pub fn get(&self, variable: Variable) -> Option<(u128, u128)> {
        let place = self.bounds.binary_search_by_key(&variable, |bound| bound.0).ok()?;
        let (_, low, high) = self.bounds[place];
        Some((low, high))
    }

    /// All bounds, in the order of the variables.
    #[must_use]
    pub fn bounds(&self) -> &[(Variable, u128, u128)] {
        &self.bounds
    }
}
