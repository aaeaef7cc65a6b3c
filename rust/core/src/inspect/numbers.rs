//! Numbers that lead nowhere: what a map gives for the next map's key, and that does not have it.

use super::RuleId;
use super::references::{Graph, Hollow, HollowTarget};
use crate::program::{Action, Data, Field, Program, SetId, Target, Term};
use crate::ruleset::{Element, ElementData};
use rustc_hash::{FxHashMap, FxHashSet};

/// Elements whose data a rule takes, through the packet's priority, for the key of a verdict map that has none such.
pub(super) fn lost(program: &Program, graph: &Graph<'_>) -> Vec<Hollow> {
    let mut found = Vec::new();
    let mut seen: FxHashSet<(SetId, SetId)> = FxHashSet::default();
    for (id, chain) in program.chains.iter().enumerate() {
        for rule in &chain.rules {
            let mut numbers = None;
            for action in &rule.actions {
                match action {
                    Action::Assign { target: Target::Priority, value: Term::Lookup { map, .. } } => {
                        numbers = Some(*map);
                    }
                    Action::VerdictMap { key, map } if matches!(&key[..], [one] if one.term == Term::Field(Field::Priority)) =>
                    {
                        let Some(numbers) = numbers.filter(|numbers| seen.insert((*numbers, *map))) else { continue };
                        let rule = RuleId { chain: id, rule: rule.place };
                        found.extend(unknown(program, graph, chain.table, numbers, *map, rule));
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

/// The elements of a map of `table` that hold a number which `verdicts` does not have, those of one number as one.
fn unknown(
    program: &Program,
    graph: &Graph<'_>,
    table: usize,
    numbers: SetId,
    verdicts: SetId,
    rule: RuleId,
) -> Vec<Hollow> {
    let (set, chains) = (&program.sets[numbers], &program.sets[verdicts]);
    let sets = &graph.places.sets[table];
    // Where some elements are not understood, or of sets without names, the others cannot be told by their places.
    if !sets.contains(&numbers) || set.unknown.is_some() || chains.unknown.is_some() {
        return Vec::new();
    }
    let place = numbers - sets.start;
    let listed = &program.ruleset.tables[table].sets[place].elements;
    if listed.len() != set.entries.len() {
        return Vec::new();
    }
    let known: FxHashSet<u128> = chains.entries.iter().filter_map(|entry| Some(entry.key.first()?.low)).collect();
    let mut found: Vec<Hollow> = Vec::new();
    let mut by_number: FxHashMap<u128, usize> = FxHashMap::default();
    for (entry, element) in set.entries.iter().zip(listed) {
        let Data::Values(values) = &entry.data else { continue };
        let Some(number) = values.first().filter(|number| !known.contains(number)) else { continue };
        let at = *by_number.entry(*number).or_insert_with(|| {
            let name = chains.name.as_deref().unwrap_or_default();
            found.push(Hollow {
                table,
                set: Some(place),
                rule: Some(rule),
                element: element.key.to_string(),
                elements: 0,
                chain: format!("{} of {name}", words(element)),
                target: HollowTarget::Missing,
            });
            found.len() - 1
        });
        found[at].elements += 1;
        // The order of the listing is the kernel's, and may be another next time.
        found[at].element = std::mem::take(&mut found[at].element).min(element.key.to_string());
    }
    found
}

/// The data of an element in nft's words.
fn words(element: &Element) -> String {
    match &element.data {
        Some(ElementData::Value(value)) => value.to_string(),
        _ => String::new(),
    }
}
