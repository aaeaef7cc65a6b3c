//! How long a Maglev table of 65537 slots and 1000 endpoints takes, beside the listing of the paper as it stands.

use std::hint::black_box;
use std::time::{Duration, Instant};

use svcc_core::hashing::endpoints::Endpoints;
use svcc_core::hashing::maglev::table;
use svcc_core::hashing::stable_hash::{GOLDEN, mix, stable_hash};

const SIZE: usize = 65537;

/// Pseudocode 1 of Eisenbud et al., with the hashes of `maglev`: a remainder for each probe, and the table itself says
/// what is free.
#[expect(clippy::cast_possible_truncation, reason = "remainders of a usize fit one")]
fn populate(names: &[String]) -> Vec<Option<u32>> {
    let size = SIZE as u64;
    let hashes: Vec<u64> = names.iter().map(|name| stable_hash(name.as_bytes(), 0)).collect();
    let skips: Vec<u64> = hashes.iter().map(|hash| mix(hash.wrapping_add(GOLDEN)) % (size - 1) + 1).collect();
    let mut next = vec![0; names.len()];
    let mut entry = vec![None; SIZE];
    let mut filled = 0;
    loop {
        for index in 0..names.len() {
            let permutation = |step: u64| ((hashes[index] % size + step * skips[index]) % size) as usize;
            while entry[permutation(next[index])].is_some() {
                next[index] += 1;
            }
            entry[permutation(next[index])] = u32::try_from(index).ok();
            next[index] += 1;
            filled += 1;
            if filled == SIZE {
                return entry;
            }
        }
    }
}

fn median_time<T>(mut run: impl FnMut() -> T) -> Duration {
    let mut times: Vec<_> = (0..21)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[10]
}

fn main() {
    let mut names: Vec<String> =
        (0..1000).map(|number| format!("10.244.{}.{} 8080", number / 250, number % 250)).collect();
    names.sort();
    let equal = vec![1; 1000];
    let different: Vec<u16> = (1..=7).cycle().take(1000).collect();
    let build = |weights: &[u16]| Endpoints::new(&names, weights).and_then(|endpoints| table(&endpoints, SIZE, 0));
    assert!(build(&equal).is_ok_and(|table| table.into_iter().map(Some).eq(populate(&names))), "the tables differ");
    let yardstick = median_time(|| populate(&names));
    println!("the paper's listing: {yardstick:?}");
    for (what, weights) in [("equal weights", equal), ("different weights", different)] {
        let time = median_time(|| build(&weights));
        println!("{what}: {time:?}, the listing takes {:.1} times that", yardstick.as_secs_f64() / time.as_secs_f64());
    }
}
