//! JSON manifests for Python: objects whose members become values when they are asked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use svcc_core::manifest::{Cursor, Endpoint, Member, Place, objects, plain_endpoints};

/// The strings that are kept because they come again and again: names of members, nodes, zones and namespaces.
const MOST_KEPT: usize = 4096;

/// A text, and strings that were made of it.
struct Text {
    text: PyBackedStr,
    kept: Mutex<HashMap<String, Py<PyString>>>,
}

impl Text {
    fn string<'py>(&self, py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(text) {
            return found.bind(py).clone();
        }
        let made = PyString::new(py, text);
        if kept.len() < MOST_KEPT {
            kept.insert(text.to_owned(), made.clone().unbind());
        }
        made
    }

    /// An object, in which the value of the member `unread` is nothing.
    fn object<'py>(
        &self,
        py: Python<'py>,
        cursor: &mut Cursor<'_>,
        unread: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let made = PyDict::new(py);
        let Some(mut more) = cursor.enter(b'}') else { return Ok(None) };
        while more {
            let Some(name) = cursor.name() else { return Ok(None) };
            let value = if Some(name) == unread {
                cursor.pass(usize::MAX, &mut None).map(|()| py.None().into_bound(py))
            } else {
                self.value(py, cursor)?
            };
            let Some(value) = value else { return Ok(None) };
            made.set_item(self.string(py, name), value)?;
            let Some(next) = cursor.next(b'}') else { return Ok(None) };
            more = next;
        }
        Ok(Some(made.into_any()))
    }

    fn value<'py>(&self, py: Python<'py>, cursor: &mut Cursor<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // An element was read before with a limit of depth, so this recursion has one.
        let Some(byte) = cursor.byte() else { return Ok(None) };
        Ok(Some(match byte {
            b'{' => return self.object(py, cursor, None),
            b'[' => {
                let made = PyList::empty(py);
                let Some(mut more) = cursor.enter(b']') else { return Ok(None) };
                while more {
                    let Some(value) = self.value(py, cursor)? else { return Ok(None) };
                    made.append(value)?;
                    let Some(next) = cursor.next(b']') else { return Ok(None) };
                    more = next;
                }
                made.into_any()
            }
            b'"' => {
                let Some(text) = cursor.string().and_then(svcc_core::manifest::Text::value) else { return Ok(None) };
                PyString::new(py, &text).into_any()
            }
            b'n' => {
                if !cursor.null() {
                    return Ok(None);
                }
                py.None().into_bound(py)
            }
            b't' | b'f' => {
                let Some(value) = cursor.boolean() else { return Ok(None) };
                value.into_pyobject(py)?.to_owned().into_any()
            }
            _ => {
                let Some(value) = cursor.integer() else { return Ok(None) };
                value.into_pyobject(py)?.into_any()
            }
        }))
    }
}

/// JSON text that objects are read from; positions are characters.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct JsonText {
    text: Arc<Text>,
    strict: bool,
    depth: usize,
    is_ascii: bool,
    /// The last place that was asked for, to count characters from.
    reached: Mutex<(usize, usize)>,
}

type ObjectRow = (JsonObject, usize, usize, usize);

#[pymethods]
impl JsonText {
    #[new]
    fn new(text: Bound<'_, PyString>, strict: bool, depth: usize) -> PyResult<Self> {
        let characters = text.len()?;
        let text = PyBackedStr::try_from(text)?;
        let is_ascii = text.len() == characters;
        let text = Arc::new(Text { text, kept: Mutex::default() });
        Ok(Self { text, strict, depth, is_ascii, reached: Mutex::default() })
    }

    /// The objects from the place of an element of an array on (with line, start and end), the position and line where
    /// an element begins that is no object or in doubt, or that of the end, and whether it is the end.
    fn objects(&self, py: Python<'_>, position: usize, line: usize) -> PyResult<(Vec<ObjectRow>, usize, usize, bool)> {
        let found = py.detach(|| {
            let byte = self.byte_of(position)?;
            Some(objects(&self.text.text, Place { byte, character: position, line }, self.strict, self.depth))
        });
        let found = found.ok_or_else(|| PyValueError::new_err("the position is not in the text"))?;
        let rows = found.objects.into_iter().map(|object| {
            let made = JsonObject { text: Arc::clone(&self.text), start: object.start.byte, members: object.members };
            (made, object.start.line, object.start.character, object.end)
        });
        Ok((rows.collect(), found.next.character, found.next.line, found.closed))
    }
}

impl JsonText {
    fn byte_of(&self, position: usize) -> Option<usize> {
        let text: &str = &self.text.text;
        if self.is_ascii {
            return (position <= text.len()).then_some(position);
        }
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let (characters, bytes) = if reached.0 <= position { *reached } else { (0, 0) };
        let rest = text.get(bytes..)?;
        let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        let byte = bytes + ends.nth(position - characters)?;
        *reached = (position, byte);
        Some(byte)
    }
}

/// An object in JSON text.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct JsonObject {
    text: Arc<Text>,
    /// Where its bracket opens.
    start: usize,
    members: Vec<Member>,
}

#[pymethods]
impl JsonObject {
    /// The names of its members, as they are written.
    fn names<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        self.members.iter().map(|member| self.text.string(py, &self.text.text[member.name.clone()])).collect()
    }

    /// The value of a member; if that is an object, without the value of its member `unread`, which is None then.
    #[pyo3(signature = (name, unread = None))]
    fn member<'py>(&self, py: Python<'py>, name: &str, unread: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        let found = self.find(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
        self.read(py, found, unread)
    }

    /// The value of a member, or None.
    fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.find(name).map(|found| self.read(py, found, None)).transpose()
    }

    /// Where the value of a member starts and ends, in characters from the start of the object; None without it.
    fn place(&self, name: &str) -> Option<(usize, usize)> {
        let value = &self.find(name)?.value;
        let start = self.text.text.get(self.start..value.start)?.chars().count();
        Some((start, start + self.text.text.get(value.clone())?.chars().count()))
    }

    /// Whether there is a member.
    fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The endpoints in the member `endpoints`, if all of them are plainly in order; the classes are what they become.
    fn plain_endpoints(&self, address_type: &str, endpoint: Py<PyAny>, target: Py<PyAny>) -> Option<JsonEndpoints> {
        let is_ipv4 = address_type == "IPv4";
        let place = match self.find("endpoints") {
            Some(member) if &self.text.text[member.value.clone()] != "null" => member.value.clone(),
            _ => 0..0,
        };
        let mut found = JsonEndpoints { text: Arc::clone(&self.text), place, is_ipv4, briefs: None, endpoint, target };
        found.briefs = briefs(&found.plain()?, &self.text.text);
        Some(found)
    }
}

impl JsonObject {
    fn read<'py>(&self, py: Python<'py>, member: &Member, unread: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        let mut cursor = Cursor::new(&self.text.text, member.value.start);
        let value = match cursor.byte() {
            Some(b'{') => self.text.object(py, &mut cursor, unread)?,
            _ => self.text.value(py, &mut cursor)?,
        };
        value.ok_or_else(|| PyValueError::new_err("the text has changed"))
    }

    fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().rfind(|member| &self.text.text[member.name.clone()] == name)
    }
}

/// Endpoints in JSON text that are plainly in order. Nobody wants most of them as values: what selection needs of them
/// is in the text.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct JsonEndpoints {
    text: Arc<Text>,
    /// Where they stand; empty where there are none.
    place: Range<usize>,
    is_ipv4: bool,
    /// What selection needs of each, unless an endpoint has hints, or the text is larger than 4 GiB.
    briefs: Option<Vec<Brief>>,
    endpoint: Py<PyAny>,
    target: Py<PyAny>,
}

/// An endpoint without hints, in less room than the text takes: texts are places.
struct Brief {
    address: (u32, u32),
    /// Empty where it names no node.
    node_name: (u32, u32),
    ready: bool,
    terminating_but_serving: bool,
}

fn briefs(found: &[Endpoint<'_>], text: &str) -> Option<Vec<Brief>> {
    let start = text.as_ptr().addr();
    let place = |part: &str| {
        let first = part.as_ptr().addr().checked_sub(start)?;
        Some((u32::try_from(first).ok()?, u32::try_from(first + part.len()).ok()?))
    };
    let brief = |endpoint: &Endpoint<'_>| {
        let has_hints = !endpoint.node_hints.is_empty() || !endpoint.zone_hints.is_empty();
        Some(Brief {
            address: place(endpoint.addresses.first().filter(|_| !has_hints)?)?,
            node_name: endpoint.node_name.map_or(Some((0, 0)), place)?,
            ready: endpoint.ready != Some(false),
            terminating_but_serving: endpoint.terminating == Some(true) && endpoint.serving != Some(false),
        })
    };
    found.iter().map(brief).collect()
}

/// What selection needs of an endpoint in a text; its address is canonical.
pub(crate) struct Seen<'a> {
    pub(crate) address: &'a str,
    pub(crate) node_name: Option<&'a str>,
    pub(crate) ready: bool,
    pub(crate) terminating_but_serving: bool,
    pub(crate) node_hints: Vec<&'a str>,
    pub(crate) zone_hints: Vec<&'a str>,
}

#[pymethods]
impl JsonEndpoints {
    /// The endpoints as values, made anew each time.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let found = self.plain().unwrap_or_default();
        let made = found.iter().map(|item| self.value(py, item)).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, made)
    }
}

impl JsonEndpoints {
    /// What selection needs of each.
    pub(crate) fn seen(&self) -> Vec<Seen<'_>> {
        let part = |(start, end): (u32, u32)| self.text.text.get(start as usize..end as usize).unwrap_or_default();
        if let Some(briefs) = &self.briefs {
            let seen = |brief: &Brief| Seen {
                address: part(brief.address),
                node_name: Some(part(brief.node_name)).filter(|name| !name.is_empty()),
                ready: brief.ready,
                terminating_but_serving: brief.terminating_but_serving,
                node_hints: Vec::new(),
                zone_hints: Vec::new(),
            };
            return briefs.iter().map(seen).collect();
        }
        let found = self.plain().unwrap_or_default().into_iter();
        found
            .map(|endpoint| Seen {
                address: endpoint.addresses.first().copied().unwrap_or_default(),
                ready: endpoint.ready != Some(false),
                terminating_but_serving: endpoint.terminating == Some(true) && endpoint.serving != Some(false),
                node_name: endpoint.node_name,
                node_hints: endpoint.node_hints,
                zone_hints: endpoint.zone_hints,
            })
            .collect()
    }

    /// The endpoints as they are written; None where any is in doubt, which it is never once this is made.
    fn plain(&self) -> Option<Vec<Endpoint<'_>>> {
        if self.place.is_empty() {
            return Some(Vec::new());
        }
        plain_endpoints(self.text.text.get(self.place.clone())?, self.is_ipv4)
    }

    fn value<'py>(&self, py: Python<'py>, found: &Endpoint<'_>) -> PyResult<Bound<'py, PyAny>> {
        let known = |text: Option<&str>| text.map(|text| self.text.string(py, text));
        let several = |texts: &[&str]| PyTuple::new(py, texts.iter().map(|text| self.text.string(py, text)));
        let behind = match &found.target {
            None => None,
            Some(item) => {
                let (kind, namespace) = (self.text.string(py, item.kind), self.text.string(py, item.namespace));
                Some(self.target.bind(py).call1((kind, item.name, namespace))?)
            }
        };
        self.endpoint.bind(py).call1((
            PyTuple::new(py, &found.addresses)?,
            found.ready,
            found.serving,
            found.terminating,
            known(found.node_name),
            known(found.zone),
            known(found.hostname),
            several(&found.zone_hints)?,
            several(&found.node_hints)?,
            behind,
        ))
    }
}
