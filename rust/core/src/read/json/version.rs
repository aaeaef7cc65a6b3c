//! What a version of nft does not print.

use crate::read::ReadError;

/// A version of nft: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

/// The first that prints anonymous verdict maps and elements for everything else.
const OLDEST: Version = Version(1, 0, 1);
/// The first that prints what [`Version::omissions`] names.
const COMPLETE: Version = Version(1, 1, 0);

impl Version {
    /// Reads `1.0.6`; what follows the third number does not count.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.splitn(3, '.').map(|part| {
            let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse().ok()
        });
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some(Self(major, minor, numbers.next().flatten().unwrap_or(0)))
    }

    /// # Errors
    /// Nothing can be concluded from what it prints.
    pub(super) fn refuse_oldest(self, name: &str) -> Result<(), ReadError> {
        if self >= OLDEST {
            return Ok(());
        }
        let message = format!(
            "nft {name} printed this, and before 1.0.1 its JSON lacks verdict maps and calls the element for everything \
             else 0.0.0.0; list the ruleset with a newer nft, or as text"
        );
        Err(ReadError { line: 0, message })
    }

    /// Whether things are missing in its listings.
    pub(super) fn omits(self) -> bool {
        self < COMPLETE
    }

    /// What may be missing.
    pub(super) fn omissions(name: &str) -> String {
        format!(
            "nft {name} printed this, and before 1.1.0 its JSON lacks the dynamic flag of sets, the comments of tables \
             and chains, the devices of chains, `last`, and all of a rule that looks into a tunnel"
        )
    }
}
