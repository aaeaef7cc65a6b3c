//! The way through a document: one object after another, and what to say where it breaks off.

use super::value::Value;
use crate::read::ReadError;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::borrow::Cow;
use std::fmt;

/// Hands over the objects of the array `nftables`, with their numbers counted from 1.
///
/// No more than one object is held as JSON at a time. `serde_json` refuses more than 127 levels, which also bounds the
/// recursion of whoever takes the objects.
///
/// # Errors
/// It is no JSON, has no such array, or ends early. What was handed over until then is to be thrown away.
pub(super) fn each_object<'de>(document: &'de [u8], take: &mut dyn FnMut(usize, Value<'de>)) -> Result<(), ReadError> {
    refuse_other_forms(document)?;
    let mut progress = Progress { objects: 0, inside: false, arrays: 0 };
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let read = deserializer.deserialize_map(Document { take, progress: &mut progress });
    match read.and_then(|()| deserializer.end()) {
        Err(error) => Err(explain(document, &error, &progress)),
        Ok(()) if progress.arrays == 0 => Err(ReadError {
            line: 0,
            message: "the JSON has no array \"nftables\", so it is not what `nft -j list ruleset` prints".to_owned(),
        }),
        Ok(()) => Ok(()),
    }
}

struct Progress {
    objects: usize,
    inside: bool,
    arrays: usize,
}

fn refuse_other_forms(document: &[u8]) -> Result<(), ReadError> {
    let start = document.trim_ascii_start();
    if start.first() == Some(&b'{') {
        return Ok(());
    }
    let message = if start.is_empty() {
        "the document is empty".to_owned()
    } else if start.starts_with(b"table ") || start.starts_with(b"#") {
        "this is nft's text, not its JSON".to_owned()
    } else {
        let shown = String::from_utf8_lossy(&start[..start.len().min(24)]).replace(char::is_control, " ");
        format!("this is no JSON of nft, it starts with {shown:?}")
    };
    Err(ReadError { line: line_of(document, document.len() - start.len()), message })
}

fn line_of(document: &[u8], byte: usize) -> usize {
    1 + document[..byte].split_inclusive(|&found| found == b'\n').filter(|line| line.ends_with(b"\n")).count()
}

/// Where an error is, in bytes counted from 0. `serde_json` counts the columns in bytes from 1.
fn offset(document: &[u8], error: &serde_json::Error) -> usize {
    let before: usize =
        document.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    (before + error.column().saturating_sub(1)).min(document.len())
}

fn explain(document: &[u8], error: &serde_json::Error, progress: &Progress) -> ReadError {
    let byte = offset(document, error);
    let place = if progress.inside {
        format!("object {} of the ruleset", progress.objects + 1)
    } else {
        format!(
            "the document, {} \"nftables\"",
            if progress.arrays == 0 { "before the array" } else { "after the array" }
        )
    };
    let after = match progress.objects {
        1 => "after 1 object".to_owned(),
        count => format!("after {count} objects"),
    };
    let message = match error.classify() {
        Category::Eof => {
            format!("the JSON ends in the middle of {place}, {after}, at byte {}: it was cut off", document.len())
        }
        Category::Data => format!("\"nftables\" is not an array of objects (byte {byte})"),
        Category::Io | Category::Syntax => {
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            format!("the JSON is broken in {place}, {after}, at byte {byte}: {reason}")
        }
    };
    ReadError { line: error.line(), message }
}

struct Document<'f, 'de> {
    take: &'f mut dyn FnMut(usize, Value<'de>),
    progress: &'f mut Progress,
}

impl<'de> Visitor<'de> for Document<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with the array \"nftables\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "nftables" {
                map.next_value_seed(Objects { take: &mut *self.take, progress: &mut *self.progress })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Objects<'f, 'de> {
    take: &'f mut dyn FnMut(usize, Value<'de>),
    progress: &'f mut Progress,
}

impl<'de> DeserializeSeed<'de> for Objects<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.progress.inside = true;
        while let Some(object) = sequence.next_element()? {
            self.progress.objects += 1;
            (self.take)(self.progress.objects, object);
        }
        self.progress.inside = false;
        self.progress.arrays += 1;
        Ok(())
    }
}
