//! How a table differs from what was compiled: rules and elements that are missing, and those that are too much.

use super::{Places, RuleId};
use crate::program::{ChainId, Program, SetId};
use crate::ruleset::{ElementData, TableFamily};
use rustc_hash::{FxHashMap, FxHashSet};

/// A chain that is not as it was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainDeparture {
    /// The table, as a place in the ruleset that is looked at.
    pub table: usize,
    /// The chain.
    pub chain: String,
    /// Whether the dump has the chain.
    pub is_there: bool,
    /// How it should be hooked, if it is hooked otherwise.
    pub hook: Option<String>,
    /// How many rules it has.
    pub rules: usize,
    /// The rules that are missing, as nft prints them.
    pub missing: Vec<String>,
    /// The rules that are too much.
    pub excess: Vec<RuleId>,
}

/// A set or map that does not hold what was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetDeparture {
    /// The table, as a place in the ruleset that is looked at.
    pub table: usize,
    /// The set.
    pub set: String,
    /// How many elements it has.
    pub elements: usize,
    /// The elements that are missing, as nft prints them.
    pub missing: Vec<String>,
    /// The elements that are too much.
    pub excess: Vec<String>,
}

/// How a table differs from what was compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Departures {
    /// Chains, in the order in which they were compiled.
    pub chains: Vec<ChainDeparture>,
    /// Sets and maps, in the same order.
    pub sets: Vec<SetDeparture>,
}

/// The work of one chain, in comparisons, beyond which all its rules count as others.
const MOST_COMPARISONS: usize = 1 << 22;

/// Looks for everything in tables of a ruleset that is not as in those of the same names of another. What packets
/// have written into sets does not count, nor do chains that only the first has: a rule or an element leads there.
#[must_use]
pub fn departures(program: &Program, compiled: &Program) -> Departures {
    let (here, there) = (Places::new(program), Places::new(compiled));
    let mut found = Departures::default();
    for (expected, table) in compiled.ruleset.tables.iter().enumerate() {
        let named = |other: &crate::ruleset::Table| (other.family, &other.name) == (table.family, &table.name);
        let Some(place) = program.ruleset.tables.iter().position(named) else { continue };
        for chain in there.chains[expected].clone() {
            found.chains.extend(chain_departure(program, compiled, place, &here, chain));
        }
        for set in there.sets[expected].clone() {
            let at = set - there.sets[expected].start;
            found.sets.extend(set_departure((program, place, &here), (compiled, expected, set, at), table.family));
        }
    }
    found
}

fn chain_departure(
    program: &Program,
    compiled: &Program,
    table: usize,
    here: &Places<'_>,
    expected: ChainId,
) -> Option<ChainDeparture> {
    let name = compiled.chain_name(expected);
    let wanted = &compiled.chains[expected];
    let wanted_rules = &compiled.ruleset.tables[wanted.table].chains[wanted.place].rules;
    let Some(id) = here.chain(table, name) else {
        return Some(ChainDeparture {
            table,
            chain: name.to_owned(),
            is_there: false,
            hook: None,
            rules: 0,
            missing: wanted_rules.iter().map(ToString::to_string).collect(),
            excess: Vec::new(),
        });
    };
    let chain = &program.chains[id];
    let hook = (wanted.base != chain.base).then(|| match &wanted.base {
        Some(base) => format!("type {} hook {} priority {}", base.chain_type, base.hook, base.priority),
        None => "no hook".to_owned(),
    });
    let listed: Vec<String> = (0..chain.rules.len()).map(|place| program.rule_identity(id, place)).collect();
    let due: Vec<String> = (0..wanted.rules.len()).map(|place| compiled.rule_identity(expected, place)).collect();
    let (missing, excess) = difference(&due, &listed);
    (hook.is_some() || !missing.is_empty() || !excess.is_empty()).then(|| ChainDeparture {
        table,
        chain: name.to_owned(),
        is_there: true,
        hook,
        rules: chain.rules.len(),
        missing: missing.into_iter().map(|place| wanted_rules[wanted.rules[place].place].to_string()).collect(),
        excess: excess.into_iter().map(|place| RuleId { chain: id, rule: chain.rules[place].place }).collect(),
    })
}

/// The places of what only one of two lists has, where as much as possible is matched in order.
fn difference(left: &[String], right: &[String]) -> (Vec<usize>, Vec<usize>) {
    let front = left.iter().zip(right).take_while(|(one, other)| one == other).count();
    let (left_rest, right_rest) = (&left[front..], &right[front..]);
    let back = left_rest.iter().rev().zip(right_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let (left_rest, right_rest) = (&left_rest[..left_rest.len() - back], &right_rest[..right_rest.len() - back]);
    let (rows, columns) = (left_rest.len(), right_rest.len());
    if rows.saturating_mul(columns) > MOST_COMPARISONS {
        return ((front..front + rows).collect(), (front..front + columns).collect());
    }
    // The length of the longest common subsequence of what is left from each pair of places on.
    let width = columns + 1;
    let mut lengths = vec![0_u32; (rows + 1) * width];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            lengths[row * width + column] = if left_rest[row] == right_rest[column] {
                lengths[(row + 1) * width + column + 1] + 1
            } else {
                lengths[(row + 1) * width + column].max(lengths[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let (mut missing, mut excess) = (Vec::new(), Vec::new());
    while row < rows || column < columns {
        if row < rows && column < columns && left_rest[row] == right_rest[column] {
            (row, column) = (row + 1, column + 1);
        } else if column == columns
            || row < rows && lengths[(row + 1) * width + column] >= lengths[row * width + column + 1]
        {
            missing.push(front + row);
            row += 1;
        } else {
            excess.push(front + column);
            column += 1;
        }
    }
    (missing, excess)
}

fn set_departure(
    (program, table, here): (&Program, usize, &Places<'_>),
    (compiled, expected, set, at): (&Program, usize, SetId, usize),
    family: TableFamily,
) -> Option<SetDeparture> {
    let wanted = &compiled.sets[set];
    let declared = &compiled.ruleset.tables[expected].sets[at];
    let found = here.set(table, &declared.name);
    if wanted.dynamic || found.is_some_and(|id| program.sets[id].unknown.is_some()) {
        return None;
    }
    let identities = |program: &Program, id: SetId| -> Vec<String> {
        program.sets[id].entries.iter().map(|entry| program.element_identity(family, entry)).collect()
    };
    let (due, listed) = (identities(compiled, set), found.map_or_else(Vec::new, |id| identities(program, id)));
    let words = |program: &Program, table: usize, set: usize, mine: &[String], others: &[String]| -> Vec<String> {
        let known: FxHashSet<&str> = others.iter().map(|each| &**each).collect();
        let elements = &program.ruleset.tables[table].sets[set].elements;
        let mut told: FxHashMap<&str, String> = FxHashMap::default();
        for (identity, element) in mine.iter().zip(elements).filter(|(identity, _)| !known.contains(&***identity)) {
            let data = match &element.data {
                None => String::new(),
                Some(ElementData::Verdict(verdict)) => format!(" : {verdict}"),
                Some(ElementData::Value(value)) => format!(" : {value}"),
            };
            told.insert(identity, format!("{}{data}", element.key));
        }
        let mut words: Vec<String> = told.into_values().collect();
        words.sort_unstable();
        words
    };
    let missing = words(compiled, expected, at, &due, &listed);
    let excess = found.map_or_else(Vec::new, |id| words(program, table, id - here.sets[table].start, &listed, &due));
    (!missing.is_empty() || !excess.is_empty()).then(|| SetDeparture {
        table,
        set: declared.name.clone(),
        elements: listed.len(),
        missing,
        excess,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    const COMPILED: &str = "table ip svcc {\n\
        \tmap services { typeof meta l4proto . ip daddr . th dport : verdict\n\
        \t\telements = { tcp . 10.96.0.1 . 80 : goto pick-1, udp . 10.96.0.1 . 53 : goto pick-1 } }\n\
        \tset pods { type ipv4_addr; flags interval; elements = { 10.244.0.0/16 } }\n\
        \tchain nat-prerouting { type nat hook prerouting priority -100; policy accept; jump services }\n\
        \tchain services {\n\
        \t\tip saddr != @pods meta mark set meta mark | 0x4000\n\
        \t\tmeta l4proto . ip daddr . th dport vmap @services\n\t}\n\
        \tchain pick-1 { meta l4proto 6 dnat to 10.244.0.1:80 }\n\
        \tchain refuse { reject }\n}\n";

    fn program(text: &str) -> Program {
        Program::new(read::text(text.as_bytes()).expect("readable"))
    }

    fn departed(changes: &[(&str, &str)]) -> Departures {
        let mut text = COMPILED.to_owned();
        for (old, new) in changes {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        departures(&program(&text), &program(COMPILED))
    }

    #[test]
    fn another_spelling_is_no_departure() {
        let spelt = departed(&[
            ("meta l4proto 6 dnat to 10.244.0.1:80", "ip protocol tcp counter dnat ip to 10.244.0.1:80"),
            ("meta mark | 0x4000", "mark or 0x00004000"),
            ("{ reject }", "{ counter packets 1 bytes 2 reject with icmp port-unreachable comment \"x\" }"),
            ("udp . 10.96.0.1 . 53 : goto pick-1", "17 . 10.96.0.1 . domain comment \"dns\" : goto pick-1"),
        ]);
        // `ip protocol` is another expression than `meta l4proto`, even if it means the same.
        assert_eq!(spelt.chains.iter().map(|each| &*each.chain).collect::<Vec<_>>(), ["pick-1"]);
        assert_eq!(spelt.sets, []);
        assert_eq!(departed(&[("meta l4proto 6 dnat", "meta l4proto tcp dnat ip")]), Departures::default());
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_are_told_apart() {
        let found = departed(&[
            ("\t\tip saddr != @pods meta mark set meta mark | 0x4000\n", "\t\tip daddr 10.0.0.1 drop\n"),
            ("udp . 10.96.0.1 . 53 : goto pick-1", "udp . 10.96.0.2 . 53 : goto pick-1"),
            ("priority -100", "priority -101"),
        ]);
        let [hooked, services] = &found.chains[..] else { panic!("{found:?}") };
        assert_eq!(hooked.hook.as_deref(), Some("type nat hook prerouting priority -100"));
        assert_eq!((services.missing.len(), services.excess.len(), services.rules), (1, 1, 2));
        assert!(services.missing[0].starts_with("ip saddr != @pods"), "{services:?}");
        let [set] = &found.sets[..] else { panic!("{found:?}") };
        assert_eq!(set.missing, ["udp . 10.96.0.1 . 53 : goto pick-1"]);
        assert_eq!(set.excess, ["udp . 10.96.0.2 . 53 : goto pick-1"]);
        assert_eq!(set.elements, 2);
    }

    #[test]
    fn a_chain_that_is_gone_and_one_that_is_empty_lack_all_their_rules() {
        let found =
            departed(&[("\tchain refuse { reject }\n", ""), ("{ meta l4proto 6 dnat to 10.244.0.1:80 }", "{ }")]);
        let told: Vec<_> = found.chains.iter().map(|each| (&*each.chain, each.is_there, each.missing.len())).collect();
        assert_eq!(told, [("pick-1", true, 1), ("refuse", false, 1)]);
    }

    #[test]
    fn long_chains_are_matched_in_order() {
        let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(difference(&letters("abcdef"), &letters("abxcef")), (vec![3], vec![2]));
        assert_eq!(difference(&letters("ab"), &letters("ba")), (vec![0], vec![1]));
        assert_eq!(difference(&letters(""), &letters("ab")), (vec![], vec![0, 1]));
        assert_eq!(difference(&letters("aaa"), &letters("aaa")), (vec![], vec![]));
    }
}
