//! A JSON value that borrows its strings from the document and keeps objects in the order of their keys.
//!
//! `serde_json`'s own tree takes about 600 bytes for each object, of which the elements of a map have three.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::slice;

/// How many bytes of what was not understood are kept.
const LONGEST_TEXT: usize = 240;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The value of a key; the last one where a key comes twice, as in libjansson. `null` counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value).filter(|&value| *value != Self::Null)
    }

    /// As [`Value::get`], taken out of the object.
    pub(super) fn take(&mut self, key: &str) -> Option<Self> {
        let Self::Object(entries) = self else { return None };
        let found = entries.iter().rposition(|(name, _)| name == key)?;
        Some(entries.swap_remove(found).1).filter(|value| *value != Self::Null)
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn unsigned(&self) -> Option<u64> {
        if let Self::Unsigned(number) = self { Some(*number) } else { None }
    }

    /// A number of 32 bits, which nft prints as signed in some places.
    pub(super) fn word(&self) -> Option<u32> {
        match *self {
            Self::Unsigned(number) => u32::try_from(number).ok(),
            Self::Negative(number) => i32::try_from(number).ok().map(|signed| u32::from_ne_bytes(signed.to_ne_bytes())),
            _ => None,
        }
    }

    /// The text of a key's value.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// Key and value of an object that has one key.
    pub(super) fn single(&self) -> Option<(&str, &Self)> {
        if let Self::Object(entries) = self
            && let [(key, value)] = entries.as_slice()
        {
            return Some((key, value));
        }
        None
    }

    /// As [`Value::single`], owned.
    pub(super) fn into_single(self) -> Result<(Cow<'a, str>, Self), Self> {
        match self {
            Self::Object(mut entries) if entries.len() == 1 => entries.pop().ok_or(Self::Object(entries)),
            other => Err(other),
        }
    }

    /// Names of keys; none of what is no object.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let entries = if let Self::Object(entries) = self { entries.as_slice() } else { &[] };
        entries.iter().map(|(key, _)| key.as_ref())
    }

    /// Whether it is an object with no other keys than these: others may change what the known ones mean.
    pub(super) fn has_only(&self, keys: &[&str]) -> bool {
        matches!(self, Self::Object(_)) && self.keys().all(|key| keys.contains(&key))
    }

    /// The items of a list, or the value itself: versions differ in which of the two they print.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { slice::from_ref(self) }
    }

    /// As [`Value::items`], owned.
    pub(super) fn into_items(self) -> Vec<Self> {
        if let Self::List(items) = self { items } else { vec![self] }
    }

    /// The words of a list of words, or of one word; nothing of a key that is absent.
    pub(super) fn words_of(&self, key: &str) -> Option<Vec<&str>> {
        self.get(key).map_or_else(|| Some(Vec::new()), |found| found.items().iter().map(Self::text).collect())
    }

    /// How many sets without a name are in it, those of meters included.
    pub(super) fn anonymous_sets(&self) -> u64 {
        match self {
            Self::List(items) => items.iter().map(Self::anonymous_sets).sum(),
            Self::Object(entries) => entries
                .iter()
                .map(|(key, value)| {
                    let is_set = key == "meter" || key == "set" && matches!(value, Self::List(_));
                    u64::from(is_set) + value.anonymous_sets()
                })
                .sum(),
            _ => 0,
        }
    }

    /// The JSON on one line, cut if it is long.
    pub(super) fn compact(&self) -> Box<str> {
        let mut written = Bounded::default();
        match serde_json::to_writer(&mut written, self) {
            Ok(()) => String::from_utf8_lossy(&written.bytes).into(),
            Err(_) => cut(&String::from_utf8_lossy(&written.bytes)),
        }
    }
}

/// Words for people, cut if they are many.
pub(super) fn bounded(text: &str) -> Box<str> {
    if text.len() <= LONGEST_TEXT {
        return text.into();
    }
    let end = (0..=LONGEST_TEXT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    cut(&text[..end])
}

fn cut(text: &str) -> Box<str> {
    format!("{}…", text.trim_end_matches('\u{FFFD}')).into()
}

/// Takes no more than [`LONGEST_TEXT`] bytes.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(LONGEST_TEXT - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken) // 0 when full, which ends the writing with an error
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Negative(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).map_or(Value::Negative(value), Value::Unsigned))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Value<'de>>()? {
            let Value::Text(key) = key else { continue };
            if entries.is_empty() {
                entries.reserve_exact(1); // most objects have one key
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Object(entries))
    }
}
