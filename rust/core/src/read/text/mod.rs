//! What `nft list ruleset` prints, and the scripts of svcc.
//!
//! The grammar is that of libnftables 0.9.8 to 1.1.7 (`src/parser_bison.y` and `src/scanner.l`), but for what it leaves
//! to the kernel: names are not resolved, and constants stay words. A statement that is not understood becomes
//! [`Statement::Opaque`] together with the rest of its rule; only text that is no nft text at all is an error.

mod blocks;
mod commands;
mod comparison;
mod constants;
mod elements;
mod expression;
mod lexer;
mod sets;
mod statement;
mod tables;
mod variables;
mod words;

use super::ReadError;
use crate::ruleset::{Ruleset, Statement, TableFamily};
use blocks::Inside;
use lexer::{Lexer, Token};
use std::borrow::Cow;
use tables::Tables;

/// Reads nft text: listings with or without handles, and scripts, whose commands are carried out on an empty ruleset.
///
/// Bytes that are no UTF-8 become replacement characters. Empty text is an empty ruleset.
///
/// # Errors
/// It is JSON or no nft text at all, it ends within a table or another block, it includes files, or its variables
/// stand for more than about eight times its size.
pub fn text(document: &[u8]) -> Result<Ruleset, ReadError> {
    let document = std::str::from_utf8(document).map_or_else(|_| String::from_utf8_lossy(document), Cow::Borrowed);
    let document = document.strip_prefix('\u{feff}').unwrap_or(&document);
    if document.trim_start().starts_with(['{', '[']) {
        return Err(ReadError { line: 1, message: "this looks like JSON, not like nft text".to_owned() });
    }
    let expanded = variables::expand(document)?;
    let mut reader = Reader { lexer: Lexer::new(&expanded), tables: Tables::default() };
    reader.commands()?;
    let managed: Vec<&str> = reader.lexer.managed().collect();
    for words in managed {
        let Some((family, name)) = words.split_once(' ') else { continue };
        if let Some(open) = family_of(family).and_then(|family| reader.tables.find(family, name)) {
            open.table.managed_by_iptables = true;
        }
    }
    Ok(reader.tables.finish())
}

/// The statements of one rule's text, in which comments are no statements. What is not understood becomes
/// [`Statement::Opaque`].
#[must_use]
pub fn statements(text: &str) -> Vec<Statement> {
    let mut lexer = Lexer::new(text);
    lexer.skip_newlines();
    if let Ok(rule) = lexer.rule() {
        lexer.skip_newlines();
        if lexer.peek() == Token::End {
            return rule.statements;
        }
    }
    vec![Statement::Opaque(text.trim().into())]
}

/// The state of reading.
struct Reader<'a> {
    lexer: Lexer<'a>,
    tables: Tables,
}

impl Reader<'_> {
    fn error(&mut self, message: &str) -> ReadError {
        ReadError { line: self.lexer.line(), message: message.to_owned() }
    }

    fn includes(&mut self) -> ReadError {
        self.error("the script includes another file, which is not read; list the ruleset instead")
    }

    /// `table ip x`
    fn table_words(&mut self, place: usize) -> String {
        self.tables
            .at(place)
            .map_or_else(String::new, |open| format!("table {} {}", open.table.family, open.table.name))
    }

    fn ends_early(&mut self, place: usize, inside: Option<Inside<'_>>) -> ReadError {
        let table = self.table_words(place);
        let message = match inside {
            Some(Inside { kind, name }) => format!("the listing ends inside {kind} {name} of {table}"),
            None => format!("the listing ends inside {table}"),
        };
        self.error(&message)
    }
}

fn family_of(word: &str) -> Option<TableFamily> {
    Some(match word {
        "ip" => TableFamily::Ip,
        "ip6" => TableFamily::Ip6,
        "inet" => TableFamily::Inet,
        "arp" => TableFamily::Arp,
        "bridge" => TableFamily::Bridge,
        "netdev" => TableFamily::Netdev,
        _ => return None,
    })
}
