//! The numbers that stand for outcomes in batches.

/// Goes on as it is.
pub const ACCEPT: u8 = 0;
/// Goes on to a new destination.
pub const DNAT: u8 = 1;
/// Is gone.
pub const DROP: u8 = 2;
/// Is refused.
pub const REJECT: u8 = 3;
/// Nobody knows.
pub const UNKNOWN: u8 = 4;

/// The source becomes an address of the node.
pub const MASQUERADE: u8 = 1;
/// The source becomes what a rule says.
pub const SNAT: u8 = 2;
/// With another random number the outcome could be another.
pub const DRAWN: u8 = 4;
/// The new destination is left to the kernel.
pub const CHOSEN_BY_KERNEL: u8 = 8;
