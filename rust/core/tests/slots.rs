//! Assignments are permutations, know no order and no history, and change little.

use svcc_core::slots::{CIRCLES, DuplicateKey, assign};

fn endpoints(count: usize, group: usize) -> Vec<String> {
    (0..count).map(|number| format!("10.{group}.{}.{}:8080", number / 250, number % 250 + 1)).collect()
}

fn by_slot(keys: &[String]) -> Vec<&str> {
    assign(keys).expect("keys differ").into_iter().map(|index| keys[index].as_str()).collect()
}

/// The mean number of slots, the last one included, that change when one of `count` keys goes; 200 keys are tried.
fn mean_changes(count: usize) -> f64 {
    let mut changed = 0_u32;
    for trial in 0..200 {
        let keys = endpoints(count, trial % 10);
        let mut rest = keys.clone();
        rest.remove(trial * count / 200);
        let (before, after) = (by_slot(&keys), by_slot(&rest));
        changed += (0..count).map(|slot| u32::from(after.get(slot) != before.get(slot))).sum::<u32>();
    }
    f64::from(changed) / 200.0
}

#[test]
fn every_key_sits_in_exactly_one_slot() {
    for count in (0..3 * CIRCLES).chain([1000]) {
        let mut indices = assign(&endpoints(count, 0)).expect("keys differ");
        indices.sort_unstable();
        assert_eq!(indices, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn the_order_of_the_keys_does_not_matter() {
    let keys = endpoints(40, 0);
    let mut other = keys.clone();
    for turn in 0..40 {
        other.rotate_left(turn);
        other.swap(turn, 39 - turn);
        assert_eq!(by_slot(&other), by_slot(&keys));
    }
}

#[test]
fn the_assignment_is_the_same_in_every_version_and_on_every_machine() {
    let slots = by_slot(&endpoints(10, 0)).join(" ").replace(":8080", "").replace("10.0.0.", "");
    assert_eq!(slots, "7 1 5 10 8 9 3 4 6 2");
}

#[test]
fn a_key_given_twice_is_refused_by_name() {
    assert_eq!(assign(&["a", "b", "a"]), Err(DuplicateKey("a".to_owned())));
    assert_eq!(DuplicateKey("a".to_owned()).to_string(), "duplicate key \"a\"");
}

#[test]
fn removing_one_of_a_hundred_keys_changes_fewer_than_six_slots_on_average() {
    let mean = mean_changes(100);
    assert!((2.0..6.0).contains(&mean), "{mean}");
}

#[test]
fn removing_one_of_a_thousand_keys_changes_fewer_than_ten_slots_on_average() {
    let mean = mean_changes(1000);
    assert!((2.0..10.0).contains(&mean), "{mean}");
}

#[test]
fn a_slot_changes_only_when_its_key_is_reached_by_the_chain_of_replacements() {
    let keys = endpoints(200, 0);
    let before = by_slot(&keys);
    for removed in 0..200 {
        let mut rest = keys.clone();
        let gone = rest.remove(removed);
        let mut missing = gone.as_str();
        for (old, new) in before.iter().zip(by_slot(&rest)) {
            if *old == missing {
                assert_ne!(new, *old);
                missing = new;
            } else {
                assert_eq!(new, *old);
            }
        }
        assert_eq!(missing, before[199], "the chain ends with the key of the last slot");
    }
}
