//! Endpoints with weights, in the one order in which all algorithms work on them.

use std::error::Error;
use std::fmt;

/// No more endpoints than this, and no table larger: 2^24.
pub const LIMIT: usize = 1 << 24;

/// Why endpoints, weights or the size of a table are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashingError {
    /// A group without endpoints.
    NoEndpoints,
    /// More than [`LIMIT`] endpoints.
    TooManyEndpoints(usize),
    /// The same name was given twice.
    DuplicateEndpoint(String),
    /// Not one weight for each name.
    WeightsDoNotMatch {
        /// The number of names.
        names: usize,
        /// The number of weights.
        weights: usize,
    },
    /// All weights are 0.
    NoWeight,
    /// The algorithm knows no weights, but they differ from 1.
    Weighted,
    /// So many endpoints that their ring could have more than [`LIMIT`] points.
    TooManyPoints(usize),
    /// The weights sum up to more than the schedule of a round robin may hold.
    ScheduleTooLong(u64),
    /// The size of a table is no prime.
    SizeNotPrime(usize),
    /// The table has fewer slots than there are endpoints.
    SizeTooSmall {
        /// The number of slots.
        size: usize,
        /// The number of endpoints.
        endpoints: usize,
    },
    /// The table has more than [`LIMIT`] slots.
    SizeTooLarge(usize),
    /// Keys of 0 bytes.
    NoKeySize,
    /// A buffer that does not hold a whole number of keys.
    BrokenKeys {
        /// The length of the buffer in bytes.
        length: usize,
        /// The length of each key in bytes.
        key_size: usize,
    },
}

impl fmt::Display for HashingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoints => formatter.write_str("there must be at least one endpoint"),
            Self::TooManyEndpoints(count) => write!(formatter, "{count} endpoints are more than {LIMIT}"),
            Self::DuplicateEndpoint(name) => write!(formatter, "duplicate endpoint {name:?}"),
            Self::WeightsDoNotMatch { names, weights } => {
                write!(formatter, "there are {names} endpoints but {weights} weights")
            }
            Self::NoWeight => formatter.write_str("at least one weight must be positive"),
            Self::Weighted => formatter.write_str("jump hashing has no weights: all must be 1"),
            Self::TooManyPoints(count) => write!(formatter, "a ring of {count} endpoints has more than {LIMIT} points"),
            Self::ScheduleTooLong(turns) => {
                write!(formatter, "the weights make a schedule of {turns} turns, more than {LIMIT}")
            }
            Self::SizeNotPrime(size) => write!(formatter, "table size {size} is not a prime"),
            Self::SizeTooSmall { size, endpoints } => {
                write!(formatter, "table size {size} is too small for {endpoints} endpoints")
            }
            Self::SizeTooLarge(size) => write!(formatter, "table size {size} is more than {LIMIT}"),
            Self::NoKeySize => formatter.write_str("key_size must be at least 1"),
            Self::BrokenKeys { length, key_size } => {
                write!(formatter, "{length} bytes are no whole number of keys of {key_size} bytes")
            }
        }
    }
}

impl Error for HashingError {}

/// An endpoint of a group.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// What it is called; the order of endpoints is that of the bytes of their names.
    pub name: &'a str,
    /// Its share is this part of the sum of all weights; 0 gets nothing.
    pub weight: u16,
    /// Where it stands in the list that was given.
    pub index: u32,
}

/// The endpoints of a group in the order of their names: at least one, all different, not all without weight.
#[derive(Clone, Debug)]
pub struct Endpoints<'a>(Vec<Endpoint<'a>>);

impl<'a> Endpoints<'a> {
    /// The endpoints with these names and weights, given in any order.
    ///
    /// # Errors
    /// No endpoints, too many, the same twice, not one weight for each, or none above 0.
    pub fn new<N: AsRef<str>>(names: &'a [N], weights: &[u16]) -> Result<Self, HashingError> {
        if names.len() != weights.len() {
            return Err(HashingError::WeightsDoNotMatch { names: names.len(), weights: weights.len() });
        }
        if names.is_empty() {
            return Err(HashingError::NoEndpoints);
        }
        if names.len() > LIMIT {
            return Err(HashingError::TooManyEndpoints(names.len()));
        }
        let mut endpoints: Vec<_> = names
            .iter()
            .zip(weights)
            .zip(0..)
            .map(|((name, weight), index)| Endpoint { name: name.as_ref(), weight: *weight, index })
            .collect();
        endpoints.sort_unstable_by_key(|endpoint| endpoint.name);
        if let Some(pair) = endpoints.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(HashingError::DuplicateEndpoint(pair[0].name.to_owned()));
        }
        if endpoints.iter().all(|endpoint| endpoint.weight == 0) {
            return Err(HashingError::NoWeight);
        }
        Ok(Self(endpoints))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Endpoint<'a>] {
        &self.0
    }

    /// Those that get something: the ones with a positive weight.
    pub fn serving(&self) -> impl Iterator<Item = Endpoint<'a>> {
        self.0.iter().copied().filter(|endpoint| endpoint.weight > 0)
    }
}
