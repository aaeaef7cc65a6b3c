//! Endpoints of slices that are plainly fine, so that no rule has anything to say about them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::cursor::Cursor;

const MOST_ENDPOINTS: usize = 1000;
const MOST_ADDRESSES: usize = 100;
const MOST_HINTS: usize = 8;
/// The brackets inside each other in fields that are passed over.
const MOST_DEPTH: usize = 256;

/// The object behind an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its namespace; empty where there is none.
    pub namespace: &'a str,
}

/// An endpoint as it is written. Fields are those of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the API documents its fields")]
pub struct Endpoint<'a> {
    pub addresses: Vec<&'a str>,
    pub ready: Option<bool>,
    pub serving: Option<bool>,
    pub terminating: Option<bool>,
    pub node_name: Option<&'a str>,
    pub zone: Option<&'a str>,
    pub hostname: Option<&'a str>,
    pub zone_hints: Vec<&'a str>,
    pub node_hints: Vec<&'a str>,
    pub target: Option<Target<'a>>,
}

/// The endpoints of the array that is `text`, if each is certainly in order in a slice of IPv4, or else of IPv6.
#[must_use]
pub fn plain_endpoints(text: &str, is_ipv4: bool) -> Option<Vec<Endpoint<'_>>> {
    let mut found = Vec::new();
    let mut cursor = Cursor::new(text, 0);
    items(&mut cursor, |cursor| {
        found.push(endpoint(cursor, is_ipv4)?);
        (found.len() <= MOST_ENDPOINTS).then_some(())
    })?;
    Some(found)
}

fn endpoint<'a>(cursor: &mut Cursor<'a>, is_ipv4: bool) -> Option<Endpoint<'a>> {
    let mut found = Endpoint::default();
    // Where a name comes twice, the last counts, so each member overwrites all that an earlier one has set.
    members(cursor, |name, cursor| {
        match name {
            "addresses" => found.addresses = addresses(cursor, is_ipv4)?,
            "conditions" => conditions(cursor, &mut found)?,
            "nodeName" => text(cursor, &mut found.node_name, is_subdomain)?,
            "zone" => text(cursor, &mut found.zone, |_| true)?,
            "hostname" => text(cursor, &mut found.hostname, is_label)?,
            "hints" => hints(cursor, &mut found)?,
            "targetRef" => target(cursor, &mut found.target)?,
            _ => return None,
        }
        Some(())
    })?;
    (!found.addresses.is_empty()).then_some(found)
}

fn addresses<'a>(cursor: &mut Cursor<'a>, is_ipv4: bool) -> Option<Vec<&'a str>> {
    let mut found = Vec::with_capacity(1);
    items(cursor, |cursor| {
        let address = cursor.string()?.plain()?;
        found.push(address);
        (found.len() <= MOST_ADDRESSES && is_plain_address(address, is_ipv4)).then_some(())
    })?;
    Some(found)
}

/// Whether an address is canonical, and in no range that endpoints must not be in; in doubt it is not.
fn is_plain_address(text: &str, is_ipv4: bool) -> bool {
    if is_ipv4 {
        // The parser takes canonical text only.
        return text.parse::<Ipv4Addr>().is_ok_and(|address| !matches!(address.octets()[0], 0 | 127 | 169 | 224));
    }
    text.parse::<Ipv6Addr>().is_ok_and(|address| {
        let first = address.octets()[0];
        0 < first && first < 0xfe && address.to_string() == text
    })
}

fn conditions<'a>(cursor: &mut Cursor<'a>, found: &mut Endpoint<'a>) -> Option<()> {
    (found.ready, found.serving, found.terminating) = (None, None, None);
    if cursor.null() {
        return Some(());
    }
    members(cursor, |name, cursor| {
        let condition = match name {
            "ready" => &mut found.ready,
            "serving" => &mut found.serving,
            "terminating" => &mut found.terminating,
            _ => return None,
        };
        *condition = if cursor.null() { None } else { Some(cursor.boolean()?) };
        Some(())
    })
}

fn hints<'a>(cursor: &mut Cursor<'a>, found: &mut Endpoint<'a>) -> Option<()> {
    (found.zone_hints, found.node_hints) = (Vec::new(), Vec::new());
    if cursor.null() {
        return Some(());
    }
    members(cursor, |name, cursor| {
        match name {
            "forZones" => found.zone_hints = hinted(cursor, is_label_value)?,
            "forNodes" => found.node_hints = hinted(cursor, is_subdomain)?,
            _ => return None,
        }
        Some(())
    })
}

fn hinted<'a>(cursor: &mut Cursor<'a>, is_right: fn(&str) -> bool) -> Option<Vec<&'a str>> {
    let mut found = Vec::new();
    if cursor.null() {
        return Some(found);
    }
    items(cursor, |cursor| {
        let mut hint = None;
        members(cursor, |name, cursor| {
            match name {
                "name" => text(cursor, &mut hint, is_right)?,
                _ => return None,
            }
            Some(())
        })?;
        let hint = hint.filter(|hint| found.len() < MOST_HINTS && !found.contains(hint))?;
        found.push(hint);
        Some(())
    })?;
    Some(found)
}

/// Reads a target, with kind and name, or `null`.
fn target<'a>(cursor: &mut Cursor<'a>, found: &mut Option<Target<'a>>) -> Option<()> {
    *found = None;
    if cursor.null() {
        return Some(());
    }
    let (mut kind, mut target_name, mut namespace) = (None, None, "");
    members(cursor, |name, cursor| {
        match name {
            "kind" => kind = Some(cursor.string()?.plain()?),
            "name" => target_name = Some(cursor.string()?.plain()?),
            "namespace" => namespace = cursor.string()?.plain()?,
            "apiVersion" | "fieldPath" | "resourceVersion" | "uid" => cursor.pass(MOST_DEPTH, &mut None)?,
            _ => return None,
        }
        Some(())
    })?;
    *found = Some(Target { kind: kind?, name: target_name?, namespace });
    Some(())
}

/// Reads a string that is right, or `null`.
fn text<'a>(cursor: &mut Cursor<'a>, found: &mut Option<&'a str>, is_right: fn(&str) -> bool) -> Option<()> {
    *found = None;
    if !cursor.null() {
        *found = Some(cursor.string()?.plain().filter(|text| is_right(text))?);
    }
    Some(())
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let is_inner = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| is_inner(&byte))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_label_value(text: &str) -> bool {
    let is_outer = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && is_outer(bytes.first())
        && is_outer(bytes.last())
}

fn members<'a>(cursor: &mut Cursor<'a>, mut member: impl FnMut(&'a str, &mut Cursor<'a>) -> Option<()>) -> Option<()> {
    let mut more = cursor.enter(b'}')?;
    while more {
        let name = cursor.name()?;
        member(name, cursor)?;
        more = cursor.next(b'}')?;
    }
    Some(())
}

fn items<'a>(cursor: &mut Cursor<'a>, mut item: impl FnMut(&mut Cursor<'a>) -> Option<()>) -> Option<()> {
    let mut more = cursor.enter(b']')?;
    while more {
        item(cursor)?;
        more = cursor.next(b']')?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_names_that_come_twice_the_last_counts() {
        let text = r#"[{"addresses": ["10.0.0.1"], "zone": "a", "conditions": {"ready": true}, "zone": null,
            "targetRef": {"kind": "Pod", "name": "a"}, "targetRef": null, "conditions": {"serving": false},
            "addresses": ["10.0.0.2"]}]"#;
        let wanted = Endpoint { addresses: vec!["10.0.0.2"], serving: Some(false), ..Endpoint::default() };
        assert_eq!(plain_endpoints(text, true), Some(vec![wanted]));
    }

    #[test]
    fn fields_that_the_api_does_not_have_are_for_others_to_tell() {
        for text in [
            r#"[{"addresses": ["10.0.0.1"], "unknown": 1}]"#,
            r#"[{"addresses": ["10.0.0.1"], "conditions": {"unknown": true}}]"#,
            r#"[{"addresses": ["10.0.0.1"], "hints": {"unknown": []}}]"#,
            r#"[{"addresses": ["10.0.0.1"], "hints": {"forZones": [{"name": "a", "unknown": 1}]}}]"#,
            r#"[{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "a", "unknown": 1}}]"#,
        ] {
            assert_eq!(plain_endpoints(text, true), None, "{text}");
        }
        let text = r#"[{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "a", "uid": "1"}}]"#;
        assert!(plain_endpoints(text, true).is_some());
    }

    #[test]
    fn labels_end_in_letters_and_digits() {
        for (text, expected) in [("a-1", true), ("a", true), ("", false), ("-a", false), ("a-", false), ("A", false)] {
            assert_eq!(is_label(text), expected, "{text}");
        }
        assert!(is_subdomain("a.b-c") && !is_subdomain("a..b") && !is_subdomain(&"a.".repeat(127)));
        assert!(is_label_value("") && is_label_value("A_b.c") && !is_label_value("a_") && !is_label_value(".a"));
    }
}
