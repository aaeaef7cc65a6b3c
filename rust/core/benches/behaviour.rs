//! How long it takes to tell what a whole ruleset does, as a function of packets, and how large that is.
//!
//! `cargo bench -p svcc-core --bench behaviour -- FILE...`, with rulesets that `svcc compile` wrote.

use std::hint::black_box;
use std::time::Instant;

use svcc_core::evaluate::{ConnectionState, Surroundings};
use svcc_core::program::{IpVersion, Program};
use svcc_core::proof::{Case, Coverage, Functions, Options, Records, behaviour};
use svcc_core::read;
use svcc_core::ruleset::Hook;

const LIMIT: usize = 1 << 26;
const ROUNDS: usize = 5;

fn main() {
    for path in std::env::args().skip(1).filter(|argument| !argument.starts_with('-')) {
        let Ok(text) = std::fs::read(&path) else {
            eprintln!("{path} cannot be read");
            continue;
        };
        let started = Instant::now();
        let ruleset = match read::text(&text) {
            Ok(ruleset) => ruleset,
            Err(error) => {
                eprintln!("{path}: {error}");
                continue;
            }
        };
        let program = Program::new(ruleset);
        println!("{path}: read in {:?}", started.elapsed());
        let surroundings = Surroundings { local_v4: vec![0xc0a8_000a], ..Surroundings::default() };
        for (hook, initial_mark) in [(Hook::Prerouting, None), (Hook::Output, None), (Hook::Prerouting, Some(0))] {
            let case = Case { hook, version: IpVersion::V4, state: ConnectionState::New };
            let options =
                Options { initial_mark, records: Records::Any, local_addresses_complete: false, limit: LIMIT };
            let mut times = Vec::new();
            for round in 0..ROUNDS {
                let mut functions = Functions::new(case, LIMIT);
                let mut coverage = Coverage::new(&program);
                let started = Instant::now();
                let node = behaviour(&program, &surroundings, case, &options, &mut functions, &mut coverage);
                times.push(started.elapsed());
                if round == 0 {
                    println!("  {hook} mark {initial_mark:?}: {node:?}, {} nodes", functions.diagram.len());
                }
                black_box(&functions);
            }
            times.sort_unstable();
            println!("  {hook} mark {initial_mark:?}: {:?} (median of {ROUNDS})", times[ROUNDS / 2]);
        }
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("  peak {line}"));
        }
    }
}
