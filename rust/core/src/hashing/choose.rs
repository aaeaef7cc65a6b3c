//! What all algorithms have in common: a key goes in, the index of an endpoint comes out; one at a time or many.

use std::num::NonZeroUsize;
use std::thread;

use super::endpoints::HashingError;

/// Fewer keys than this for each thread are not worth starting one: it costs as much as hashing them.
const KEYS_PER_THREAD: usize = 1 << 13;

/// More threads than this are never started.
const MOST_THREADS: usize = 16;

/// An algorithm over a group of endpoints.
pub trait Choose: Sync {
    /// The index of the endpoint that a key goes to, in the list the endpoints were given in.
    fn choose(&self, key: &[u8]) -> u32;
}

/// The endpoints of many keys, which lie one after the other in a buffer.
///
/// # Errors
/// Keys of no bytes, or a buffer that ends within a key.
pub fn choose_packed(chooser: &impl Choose, keys: &[u8], key_size: usize) -> Result<Vec<u32>, HashingError> {
    if key_size == 0 {
        return Err(HashingError::NoKeySize);
    }
    if !keys.len().is_multiple_of(key_size) {
        return Err(HashingError::BrokenKeys { length: keys.len(), key_size });
    }
    // The keys of clients and flows, IPv4 and IPv6: where the compiler knows their size, hashing them is several times faster.
    Ok(match key_size {
        4 => choose_sized::<4>(chooser, keys),
        8 => choose_sized::<8>(chooser, keys),
        16 => choose_sized::<16>(chooser, keys),
        20 => choose_sized::<20>(chooser, keys),
        _ => {
            let choose = |number: usize| chooser.choose(&keys[number * key_size..][..key_size]);
            in_parallel(keys.len() / key_size, &choose)
        }
    })
}

fn choose_sized<const SIZE: usize>(chooser: &impl Choose, keys: &[u8]) -> Vec<u32> {
    let choose = |number: usize| {
        let mut key = [0; SIZE];
        key.copy_from_slice(&keys[number * SIZE..][..SIZE]);
        chooser.choose(&key)
    };
    in_parallel(keys.len() / SIZE, &choose)
}

/// The endpoints of many keys.
pub fn choose_each<K: AsRef<[u8]> + Sync>(chooser: &impl Choose, keys: &[K]) -> Vec<u32> {
    in_parallel(keys.len(), &|number| chooser.choose(keys[number].as_ref()))
}

/// The values of a function for all numbers below `count`, on as many threads as there are processors.
fn in_parallel(count: usize, function: &(impl Fn(usize) -> u32 + Sync)) -> Vec<u32> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = (count / KEYS_PER_THREAD).clamp(1, processors.min(MOST_THREADS));
    if threads == 1 {
        return (0..count).map(function).collect();
    }
    let mut values = vec![0; count];
    let part = count.div_ceil(threads);
    thread::scope(|scope| {
        for (number, values) in values.chunks_mut(part).enumerate() {
            scope.spawn(move || {
                for (place, value) in values.iter_mut().enumerate() {
                    *value = function(number * part + place);
                }
            });
        }
    });
    values
}

#[cfg(test)]
mod tests {
    use super::{Choose, HashingError, KEYS_PER_THREAD, choose_each, choose_packed};

    struct Number;

    impl Choose for Number {
        fn choose(&self, key: &[u8]) -> u32 {
            key.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
        }
    }

    #[test]
    fn every_key_of_a_batch_is_answered_in_its_place_on_any_number_of_threads() {
        for count in [0, 1, KEYS_PER_THREAD - 1, 2 * KEYS_PER_THREAD, 5 * KEYS_PER_THREAD + 3] {
            let expected: Vec<u32> = (0..).take(count).collect();
            let keys: Vec<_> = expected.iter().map(|number| number.to_be_bytes()).collect();
            assert_eq!(choose_each(&Number, &keys), expected);
            assert_eq!(choose_packed(&Number, keys.as_flattened(), 4), Ok(expected));
        }
    }

    #[test]
    fn a_buffer_that_ends_within_a_key_is_refused() {
        assert_eq!(choose_packed(&Number, &[0; 7], 4), Err(HashingError::BrokenKeys { length: 7, key_size: 4 }));
        assert_eq!(choose_packed(&Number, &[], 0), Err(HashingError::NoKeySize));
    }
}
