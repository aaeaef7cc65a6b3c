//! Endpoints in turn: the key is the number of the connection.

use super::choose::Choose;
use super::endpoints::{Endpoints, HashingError, LIMIT};
use super::turns::Turns;

/// A schedule that repeats itself.
pub struct RoundRobin {
    schedule: Vec<u32>,
    start: u64,
}

impl RoundRobin {
    /// A schedule in which each endpoint has as many turns as its weight, divided by what all weights have in common.
    ///
    /// Connection 0 takes turn `seed`.
    ///
    /// # Errors
    /// A schedule of more than [`LIMIT`] turns.
    pub fn new(endpoints: &Endpoints<'_>, seed: u64) -> Result<Self, HashingError> {
        let serving: Vec<_> = endpoints.serving().collect();
        let weights: Vec<u16> = serving.iter().map(|endpoint| endpoint.weight).collect();
        let common = weights.iter().fold(0, |common, weight| greatest_common_divisor(*weight, common));
        let turns = weights.iter().map(|weight| u64::from(weight / common)).sum();
        let length = usize::try_from(turns).unwrap_or(usize::MAX);
        if length > LIMIT {
            return Err(HashingError::ScheduleTooLong(turns));
        }
        let schedule = Turns::new(&weights).take(length).map(|rank| serving[rank as usize].index).collect();
        Ok(Self { schedule, start: seed % turns })
    }
}

impl Choose for RoundRobin {
    /// The key is a whole number of any length, its most significant byte first.
    #[expect(clippy::cast_possible_truncation, reason = "places in the schedule are below 2^24")]
    #[inline]
    fn choose(&self, key: &[u8]) -> u32 {
        let length = self.schedule.len() as u64;
        // No overflow: the length is at most 2^24.
        let turn = key.iter().fold(0, |number, byte| (number << 8 | u64::from(*byte)) % length);
        self.schedule[((turn + self.start) % length) as usize]
    }
}

fn greatest_common_divisor(mut one: u16, mut other: u16) -> u16 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}
