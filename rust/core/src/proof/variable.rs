//! What a decision can depend on, in the order in which diagrams ask.

use crate::program::IpVersion;

/// Something that a packet, its circumstances or the kernel's memory decide.
///
/// The order is that of the diagrams: what most lookups begin with comes first, so that a map of 100 000 keys is one
/// sorted list. What packets were sent to comes before where they are translated to: rules behind a translation that ask for
/// both have few answers for the one, and all endpoints for the other. Hashes come before the source: the slots of a table are cut once, however many sources are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Variable {
    /// Where the packet was sent.
    Destination,
    /// The protocol number.
    Protocol,
    /// The port it was sent to; only of protocols that have ports.
    DestinationPort,
    /// 1 if the destination is an address of the node; asked only where it is not known.
    DestinationLocal,
    /// Where the packet goes behind a translation; replaced by its value before a function is finished.
    TranslatedAddress,
    /// The port behind a translation; replaced by its value, too.
    TranslatedPort,
    /// The 32 bits of a hash before they are scaled: which one, in the order of [`Hashes`](super::Hashes).
    Hash(u32),
    /// Where the packet comes from.
    Source,
    /// 1 if the source is an address of the node; asked only where it is not known.
    SourceLocal,
    /// The port it comes from; only of protocols that have ports.
    SourcePort,
    /// Where it comes in, as a number (see [`crate::program::interface_number`]).
    InputInterface,
    /// Where it leaves, as a number.
    OutputInterface,
    /// A bit of the mark it carries from the start; 0 is the lowest.
    MarkBit(u8),
    /// What the kernel remembers of earlier packets: the value of an element of a set that rules change, by the number
    /// of the question. The highest value stands for no element.
    Record(u32),
    /// What nobody knows, by the number of the question; each value is a possibility.
    Question(u32),
}

impl Variable {
    /// The highest value.
    #[must_use]
    pub fn maximum(self, version: IpVersion) -> u128 {
        match self {
            Self::TranslatedAddress | Self::Destination | Self::Source => match version {
                IpVersion::V4 => u128::from(u32::MAX),
                IpVersion::V6 => u128::MAX,
            },
            Self::TranslatedPort | Self::DestinationPort | Self::SourcePort => u128::from(u16::MAX),
            Self::Protocol => u128::from(u8::MAX),
            Self::DestinationLocal | Self::SourceLocal | Self::MarkBit(_) => 1,
            Self::Hash(_) | Self::Question(_) => u128::from(u32::MAX),
            Self::InputInterface | Self::OutputInterface | Self::Record(_) => u128::MAX,
        }
    }
}
