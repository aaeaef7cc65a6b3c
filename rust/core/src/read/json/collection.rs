//! The objects of a listing and the commands of a script, put together.

use super::declarations::{Oddities, family};
use super::tables::GrowingTable;
use super::value::{Value, bounded};
use super::version::Version;
use crate::read::ReadError;
use crate::ruleset::{Note, Rule, Ruleset, TableFamily};
use std::collections::{BTreeMap, HashMap};

/// Named objects that no packet's way depends on, or only through statements that are not evaluated.
const WITHOUT_EFFECT: [&str; 12] = [
    "counter",
    "quota",
    "limit",
    "ct helper",
    "ct timeout",
    "ct expectation",
    "secmark",
    "synproxy",
    "flowtable",
    "tunnel",
    "meter",
    "hook",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// An object of a listing.
    Listed,
    Add,
    Insert,
    Replace,
    Delete,
    Flush,
}

/// What was read until now.
#[derive(Default)]
pub(super) struct Collection {
    version: Option<(usize, String)>,
    tables: BTreeMap<TableFamily, HashMap<String, GrowingTable>>,
    notes: Vec<Note>,
    /// The first object that is no command.
    listed: Option<usize>,
}

impl Collection {
    /// Takes the object with this number, counted from 1.
    pub(super) fn take(&mut self, place: usize, object: Value<'_>) {
        let (kind, body) = match object.into_single() {
            Ok(single) => single,
            Err(object) => return self.note(place, true, format!("{} is no object of a ruleset", object.compact())),
        };
        let change = match kind.as_ref() {
            "metainfo" => {
                if let Some(version) = body.text_of("version") {
                    self.version = Some((place, version.to_owned()));
                }
                return;
            }
            "add" | "create" => Change::Add,
            "insert" => Change::Insert,
            "replace" => Change::Replace,
            "delete" | "destroy" => Change::Delete,
            "flush" => Change::Flush,
            _ => Change::Listed,
        };
        if change == Change::Listed {
            self.listed.get_or_insert(place);
            return self.change_or_note(place, change, &kind, body);
        }
        match body.into_single() {
            Ok((inner, body)) => self.change_or_note(place, change, &inner, body),
            Err(body) => self.note(place, true, format!("the command {kind} {} was not understood", body.compact())),
        }
    }

    fn change_or_note(&mut self, place: usize, change: Change, kind: &str, body: Value<'_>) {
        if self.change(place, change, kind, body).is_none() {
            let what = if change == Change::Listed { "object" } else { "command" };
            // Rules decide, and what they look into; of everything else there are too many kinds to know them all.
            let decisive = matches!(kind, "table" | "chain" | "rule" | "set" | "map" | "element" | "ruleset");
            self.note(place, decisive, format!("the {what} for a {} was not understood", bounded(kind)));
        }
    }

    fn note(&mut self, place: usize, decisive: bool, message: String) {
        self.notes.push(Note { place, message, decisive });
    }

    fn change(&mut self, place: usize, change: Change, kind: &str, body: Value<'_>) -> Option<()> {
        if kind == "ruleset" {
            return self.flush_ruleset(change, &body);
        }
        let family = family(body.text_of("family")?)?;
        let name = body.text_of(if kind == "table" { "name" } else { "table" })?.to_owned();
        let tables = self.tables.entry(family).or_default();
        if change == Change::Delete && kind == "table" {
            tables.remove(&name); // one that nobody mentioned is gone as well
            return Some(());
        }
        if !tables.contains_key(&name) {
            tables.insert(name.clone(), GrowingTable::mentioned(place));
        }
        let table = tables.get_mut(&name)?;
        let mut odd = Oddities::default();
        let subject = ["name", "chain"].iter().find_map(|key| body.text_of(key)).unwrap_or_default().to_owned();
        let taken = apply(table, family, place, change, kind, body, &mut odd);
        let subject = if kind == "table" { String::new() } else { format!("{kind} {subject} of ") };
        for (sentence, decisive) in odd.sentences {
            let message = format!("{subject}table {} {name}: {sentence}", family_word(family));
            self.note(place, decisive && meets_packets(family), message);
        }
        taken
    }

    fn flush_ruleset(&mut self, change: Change, body: &Value<'_>) -> Option<()> {
        if change != Change::Flush {
            return None;
        }
        match body.text_of("family") {
            Some(word) => drop(self.tables.remove(&family(word)?)),
            None => self.tables.clear(),
        }
        Some(())
    }

    /// The ruleset.
    ///
    /// # Errors
    /// nft printed it in a version that nothing can be concluded from.
    pub(super) fn finish(mut self) -> Result<Ruleset, ReadError> {
        let version = self.version.take();
        let mut omits = false;
        match (&version, self.listed) {
            (Some((place, name)), _) => match Version::parse(name) {
                Some(version) => {
                    version.refuse_oldest(name)?;
                    omits = version.omits();
                    if omits {
                        self.note(*place, false, Version::omissions(name));
                    }
                }
                None => self.note(*place, false, format!("the version {name} of nft is unknown")),
            },
            (None, Some(place)) => self.note(
                place,
                false,
                "the listing does not say which version of nft printed it, so it is unknown what it lacks".to_owned(),
            ),
            (None, None) => {}
        }
        let mut tables = Vec::new();
        for (family, named) in std::mem::take(&mut self.tables) {
            for (name, growing) in named {
                tables.push((growing.order, family, name, growing));
            }
        }
        tables.sort_unstable_by_key(|(order, ..)| *order);
        let mut ruleset = Ruleset { nft_version: version.map(|(_, name)| name), ..Ruleset::default() };
        for (order, family, name, growing) in tables {
            let missing = growing.missing_handles();
            let whole = format!("table {} {name}", family_word(family));
            if omits && missing > 0 {
                let message = format!(
                    "{whole}: {missing} of its handles are of nothing that is listed, so rules were deleted, or this nft \
                     left them out"
                );
                self.note(order.place(), false, message);
            }
            let (table, odd) = growing.finish(family, name);
            for (place, sentence) in odd {
                let (sentence, decisive) = sentence;
                self.note(place, decisive && meets_packets(family), format!("{whole}: {sentence}"));
            }
            ruleset.tables.push(table);
        }
        self.notes.sort_by_key(|note| note.place);
        ruleset.notes = self.notes;
        Ok(ruleset)
    }
}

fn family_word(family: TableFamily) -> &'static str {
    match family {
        TableFamily::Ip => "ip",
        TableFamily::Ip6 => "ip6",
        TableFamily::Inet => "inet",
        TableFamily::Arp => "arp",
        TableFamily::Bridge => "bridge",
        TableFamily::Netdev => "netdev",
    }
}

/// Carries out a change of something in a table. None is a change that is not understood.
fn apply(
    table: &mut GrowingTable,
    family: TableFamily,
    place: usize,
    change: Change,
    kind: &str,
    mut body: Value<'_>,
    odd: &mut Oddities,
) -> Option<()> {
    use Change::{Add, Delete, Flush, Listed};
    let by_command = change != Listed;
    if !by_command && kind != "table" {
        table.count_handle(&body);
    }
    match (kind, change) {
        ("table", Listed | Add) => {
            unknown_keys(&body, &["family", "name", "handle", "flags", "comment"], odd);
            table.declare(place, &body, odd);
        }
        ("table", Flush) => table.chains.values_mut().for_each(|chain| chain.rules.clear()),
        ("chain", Listed | Add) => {
            let known =
                ["family", "table", "name", "handle", "type", "hook", "prio", "policy", "dev", "devices", "comment"];
            unknown_keys(&body, &known, odd);
            table.declare_chain(place, body.text_of("name")?, family, &body, odd);
        }
        ("chain", Flush) => table.chain(place, body.text_of("name")?).rules.clear(),
        ("chain", Delete) => drop(table.chains.remove(body.text_of("name")?)),
        ("set" | "map", Listed | Add) => {
            body.text_of("name")?;
            let known = [
                "family",
                "table",
                "name",
                "handle",
                "comment",
                "type",
                "map",
                "policy",
                "flags",
                "elem",
                "timeout",
                "gc-interval",
                "count",
                "size",
                "auto-merge",
                "stmt",
            ];
            unknown_keys(&body, &known, odd);
            // A map of typed data is called a map by its key, whatever the object is called.
            let is_map = kind == "map" || body.get("map").is_some();
            table.declare_set(place, is_map, body, by_command, odd);
        }
        ("set" | "map" | "meter", Flush) => table.set(place, body.text_of("name")?).set.elements.clear(),
        ("set" | "map", Delete) => drop(table.sets.remove(body.text_of("name")?)),
        ("element", Listed | Add | Delete) => {
            let listed = body.take("elem")?;
            let set = table.set(place, body.text_of("name")?);
            if change == Delete { set.delete(&listed) } else { set.add(listed, by_command) }
        }
        ("rule", _) => return apply_rule(table, place, change, &body, odd),
        _ => return (matches!(change, Listed | Add | Delete) && WITHOUT_EFFECT.contains(&kind)).then_some(()),
    }
    Some(())
}

fn apply_rule(
    table: &mut GrowingTable,
    place: usize,
    change: Change,
    body: &Value<'_>,
    odd: &mut Oddities,
) -> Option<()> {
    unknown_keys(body, &["family", "table", "chain", "handle", "index", "expr", "comment"], odd);
    let name = body.text_of("chain")?;
    let read = (change != Change::Delete).then(|| table.rule(body));
    let rules = &mut table.chain(place, name).rules;
    let Some(mut rule) = read else {
        rules.remove(named_rule(rules, body)?);
        return Some(());
    };
    if change == Change::Listed {
        rules.push(rule);
        return Some(());
    }
    // In commands, the handle and the index are those of another rule.
    let other =
        if body.get("handle").is_some() || body.get("index").is_some() { Some(named_rule(rules, body)?) } else { None };
    let handle = rule.handle.take();
    match (change, other) {
        (Change::Add, None) => rules.push(rule),
        (Change::Add, Some(index)) => rules.insert(index + 1, rule),
        (Change::Insert, index) => rules.insert(index.unwrap_or(0), rule),
        (Change::Replace, Some(index)) => rules[index] = Rule { handle, ..rule },
        _ => return None,
    }
    Some(())
}

fn named_rule(rules: &[Rule], body: &Value<'_>) -> Option<usize> {
    if let Some(handle) = body.get("handle") {
        let handle = handle.unsigned()?;
        return rules.iter().position(|rule| rule.handle == Some(handle));
    }
    let index = usize::try_from(body.get("index")?.unsigned()?).ok()?;
    (index < rules.len()).then_some(index)
}

/// Whether packets of IP meet the base chains of a family.
fn meets_packets(family: TableFamily) -> bool {
    matches!(family, TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet)
}

fn unknown_keys(body: &Value<'_>, known: &[&str], odd: &mut Oddities) {
    for key in body.keys().filter(|key| !known.contains(key)) {
        odd.push(format!("its key {key:?} is unknown"));
    }
}
