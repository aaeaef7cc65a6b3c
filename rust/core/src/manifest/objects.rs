//! The objects of an array, with their places and the places of their members.

use std::ops::Range;

use super::cursor::Cursor;

/// Brackets inside each other that are gone into, which is recursive; deeper objects are left to others.
const MOST_DEPTH: usize = 256;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub byte: usize,
    /// Characters before it.
    pub character: usize,
    /// Its line; 1 is the first.
    pub line: usize,
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The bytes of its name, without quotes.
    pub name: Range<usize>,
    /// The bytes of its value.
    pub value: Range<usize>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where its bracket opens.
    pub start: Place,
    /// Characters up to its end.
    pub end: usize,
    /// Its members as they are written; where a name comes twice, the last counts.
    pub members: Vec<Member>,
}

/// Objects that stand one after the other in an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The objects, in order.
    pub objects: Vec<Object>,
    /// Where the element begins that somebody else must look at; behind the array if it is closed.
    pub next: Place,
    /// The array ends behind the objects.
    pub closed: bool,
}

/// The objects from the place of an element on, as far as they are certainly right.
///
/// With `strict`, objects with names that come twice are not; neither are objects of more than `depth` brackets inside
/// each other.
#[must_use]
pub fn objects(text: &str, from: Place, strict: bool, depth: usize) -> Found {
    let mut cursor = Cursor::new(text, from.byte);
    let mut names = strict.then(Vec::new);
    let mut found = Found { objects: Vec::new(), next: from, closed: false };
    while let Some((members, end)) = members(&mut cursor, depth.min(MOST_DEPTH), &mut names) {
        let end = end - from.byte + from.character - cursor.continuations;
        let Some(more) = cursor.next(b']') else { break };
        found.objects.push(Object { start: found.next, end, members });
        found.next = Place {
            byte: cursor.at,
            character: cursor.at - from.byte + from.character - cursor.continuations,
            line: from.line + cursor.line_feeds,
        };
        if !more {
            found.closed = true;
            break;
        }
    }
    found
}

/// The members of an object, and where it ends.
fn members<'a>(
    cursor: &mut Cursor<'a>,
    depth: usize,
    names: &mut Option<Vec<&'a str>>,
) -> Option<(Vec<Member>, usize)> {
    let depth = depth.checked_sub(1)?;
    if let Some(names) = names {
        names.clear();
    }
    let mut own = Vec::new();
    let mut found = Vec::with_capacity(8);
    let mut more = cursor.enter(b'}')?;
    while more {
        let start = cursor.at + 1;
        let name = cursor.name()?;
        let value = cursor.at;
        cursor.pass(depth, names)?;
        found.push(Member { name: start..start + name.len(), value: value..cursor.at });
        own.push(name);
        more = cursor.next(b'}')?;
    }
    own.sort_unstable();
    let twice = own.windows(2).any(|pair| pair[0] == pair[1]);
    (names.is_none() || !twice).then_some((found, cursor.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Place = Place { byte: 0, character: 0, line: 1 };

    #[test]
    fn objects_come_with_their_places_and_members() {
        let text = "{\"ä\": \"ö\"},\n {\"kind\":\n1}\n] x";
        let found = objects(text, START, true, 9);
        assert!(found.closed);
        assert_eq!(&text[found.next.byte..], " x");
        let places: Vec<_> = found.objects.iter().map(|object| (object.start, object.end)).collect();
        let second = Place { byte: 15, character: 13, line: 2 };
        assert_eq!(places, [(START, 10), (second, 24)]);
        let member = &found.objects[1].members[0];
        assert_eq!((&text[member.name.clone()], &text[member.value.clone()]), ("kind", "1"));
        assert_eq!(found.next, Place { byte: 28, character: 26, line: 4 });
    }

    #[test]
    fn it_ends_before_the_first_element_in_doubt() {
        for doubt in ["{\"a\":1.5}", "1", "{\"a\":1,\"a\":1}", "{\"a\":[[]]}", "{} {}", "{}", ""] {
            let text = format!("{{}}, {doubt}");
            let found = objects(&text, START, true, 2);
            assert_eq!((found.objects.len(), found.next.byte, found.closed), (1, 4, false), "{text}");
        }
    }
}
