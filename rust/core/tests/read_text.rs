//! Listings and scripts as nft and svcc print them.

use std::path::{Path, PathBuf};
use svcc_core::read;
use svcc_core::ruleset::{Element, ElementData, Expression, Rule, Ruleset, Statement};

/// Statements of the listings that nothing is made of, because they are rare and do more than match.
const EXOTIC: &[&str] = &[
    "reset tcp option",
    "synproxy",
    "jump {",
    "xt target",
    "xt match",
    "# xt_",
    "flow add",
    "tproxy",
    "dup to",
    "fwd to",
];

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(folder);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        let path = if path.is_dir() { path.join("ruleset.nft") } else { path };
        if path.extension().is_some_and(|found| found == ending) && path.exists() {
            files.push(path);
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

fn rulesets() -> Vec<(PathBuf, Ruleset)> {
    let paths = files("data/listings", "nft").into_iter().chain(files("golden", "nft"));
    paths
        .map(|path| {
            let document = std::fs::read(&path).expect("a file");
            let ruleset = read::text(&document).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, ruleset)
        })
        .collect()
}

fn rules(ruleset: &Ruleset) -> impl Iterator<Item = &Rule> {
    ruleset.tables.iter().flat_map(|table| &table.chains).flat_map(|chain| &chain.rules)
}

fn opaque_element(element: &Element) -> bool {
    matches!(element.key, Expression::Opaque(_))
        || matches!(&element.data, Some(ElementData::Value(Expression::Opaque(_))))
}

#[test]
fn everything_in_the_listings_is_understood_but_for_the_exotic() {
    let mut missed = Vec::new();
    for (path, ruleset) in rulesets() {
        for statement in rules(&ruleset).flat_map(|rule| &rule.statements) {
            if let Statement::Opaque(words) = statement
                && !EXOTIC.iter().any(|exotic| words.starts_with(exotic))
            {
                missed.push(format!("{}: {words}", path.display()));
            }
        }
        for set in ruleset.tables.iter().flat_map(|table| &table.sets) {
            missed.extend(
                set.elements
                    .iter()
                    .filter(|element| opaque_element(element))
                    .map(|element| format!("{}: {element}", path.display())),
            );
        }
        missed.extend(ruleset.notes.iter().map(|note| format!("{}: {note:?}", path.display())));
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn every_rule_reads_back_as_it_was_printed() {
    let mut count = 0;
    for (path, ruleset) in rulesets() {
        for rule in rules(&ruleset) {
            let printed = rule.to_string();
            let document = format!("table ip t {{\nchain c {{\ntype filter hook input priority 0\n{printed}\n}}\n}}\n");
            let again = read::text(document.as_bytes()).unwrap_or_else(|error| panic!("{printed}: {error}"));
            let expected = Rule { handle: None, ..rule.clone() };
            if !(rule.statements.is_empty() && rule.comment.is_none()) {
                assert_eq!(again.tables[0].chains[0].rules, [expected], "{}: {printed}", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 2000, "{count}");
}

#[test]
fn every_element_reads_back_as_it_was_printed() {
    for (path, ruleset) in rulesets() {
        for set in ruleset.tables.iter().flat_map(|table| &table.sets) {
            let kind = if set.data.is_some() { "map" } else { "set" };
            for element in &set.elements {
                let document = format!("table ip t {{\n{kind} s {{\nelements = {{ {element} }}\n}}\n}}\n");
                let again = read::text(document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"));
                assert_eq!(again.tables[0].sets[0].elements, std::slice::from_ref(element), "{}", path.display());
            }
        }
    }
}
