//! Addresses that nobody told and that may be supposed to be the node's own.
//!
//! Where packets go that were translated is told once for all of them: an address that a rule sends to is the node's own
//! only if that is known, and so is that of a frontend. A packet that needs the opposite is none, although the functions,
//! which ask for the packet's own addresses without looking at where it is sent to, have a place for it.

use super::region::Region;
use super::targets::Targets;
use super::variable::Variable;
use crate::evaluate::Surroundings;
use crate::program::IpVersion;

/// What may be supposed of addresses.
#[derive(Clone, Copy)]
pub(super) struct Supposed<'a> {
    pub(super) version: IpVersion,
    pub(super) surroundings: &'a Surroundings,
    /// The addresses that rules translate to.
    pub(super) targets: &'a Targets,
}

impl Supposed<'_> {
    /// Whether an address is the node's own, or may be.
    pub(super) fn may_be_own(&self, address: u128) -> bool {
        self.surroundings.is_local(self.version, address)
            || !self.targets.contains(address)
                && self.surroundings.elsewhere(self.version).binary_search(&address).is_err()
    }

    /// The first address of an interval that may be the node's own.
    pub(super) fn first_own(&self, (low, high): (u128, u128)) -> Option<u128> {
        // At most all that may not be are in the way.
        (low..=high).find(|address| self.may_be_own(*address))
    }

    /// The source or the destination, if a region holds no packet since it would have to be the node's own and is not. Of
    /// both it is the source: a region of another source is asked anew, whatever its destination.
    pub(super) fn emptied_by(&self, region: &Region) -> Option<Variable> {
        [(Variable::SourceLocal, Variable::Source), (Variable::DestinationLocal, Variable::Destination)]
            .into_iter()
            .find(|(local, address)| {
                region.get(*local) == Some((1, 1)) && self.first_own(region.of(*address, self.version)).is_none()
            })
            .map(|(_, address)| address)
    }
}

#[cfg(test)]
mod tests {
    use super::Supposed;
    use crate::evaluate::Surroundings;
    use crate::program::IpVersion;
    use crate::proof::region::Region;
    use crate::proof::targets::Targets;
    use crate::proof::variable::Variable;

    #[test]
    fn regions_whose_addresses_are_all_sent_to_are_empty_where_they_must_be_the_nodes_own() {
        let surroundings = Surroundings { local_v4: vec![12], elsewhere_v4: vec![13], ..Surroundings::default() };
        let mut targets = Targets::default();
        for address in [10, 11, 12] {
            targets.note(address);
        }
        let supposed = Supposed { version: IpVersion::V4, surroundings: &surroundings, targets: &targets };
        let sent_from = |low, high, own| {
            let region = Region::default().within(Variable::Source, low, high);
            region.within(Variable::SourceLocal, own, own)
        };
        for (low, high, empty) in [(10, 11, true), (13, 13, true), (10, 12, false), (13, 14, false), (9, 11, false)] {
            let found = supposed.emptied_by(&sent_from(low, high, 1));
            assert_eq!(found, empty.then_some(Variable::Source), "{low} to {high}");
            assert_eq!(supposed.emptied_by(&sent_from(low, high, 0)), None);
        }
        assert_eq!(supposed.first_own((10, 14)), Some(12));
        assert_eq!(supposed.emptied_by(&Region::default().within(Variable::SourceLocal, 1, 1)), None);
        let sent_to =
            |to| Region::default().within(Variable::Destination, to, to).within(Variable::DestinationLocal, 1, 1);
        assert_eq!(supposed.emptied_by(&sent_to(13)), Some(Variable::Destination));
        assert_eq!(supposed.emptied_by(&sent_to(12)), None);
    }
}
