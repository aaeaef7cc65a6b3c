//! Endpoint selection for Python: declared slices are read where they are, without copies.
//!
//! One tuple of all fields of an endpoint, made in Python, would cost more than the rest of the selection.

use std::borrow::Cow;
use std::cell::Cell;

use pyo3::exceptions::{PyUnicodeEncodeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString, PyTuple};
use svcc_core::selection::address::{Family, canonical};
use svcc_core::selection::{Endpoint, Hint, HintUse, Selection, Service, Slice, SlicePort, select};

use crate::manifest::{JsonEndpoints, Seen};

/// A port's name, as a number of `Names`, and its protocol.
type PortKey = (usize, PyBackedStr);

/// What the records of an `EndpointSlice` stand for.
struct Objects {
    /// The index of the slice among all that Python handed over for its Service.
    slice: usize,
    /// The places of the endpoints in the slice, and whether each has a weight of its own.
    endpoints: Vec<(usize, bool)>,
}

/// A Service as Python hands it over: its slices and its ports.
type Declared<'py> = (Vec<Bound<'py, PyAny>>, Vec<Bound<'py, PyAny>>);

/// Candidates as addresses, ports, places in their slices, indices of these and flags; the Cluster set, the Local set
/// and the local members of either as indices of them; the use of node and zone hints.
type Selected<'py> = (
    Vec<PyBackedStr>,
    Vec<u16>,
    Vec<usize>,
    Vec<usize>,
    Bound<'py, PyBytes>,
    Vec<usize>,
    Vec<usize>,
    Vec<usize>,
    u8,
    u8,
);

/// For each Service, given as its slices and ports, the endpoints of each port; see `svcc.select`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "Python hands over lists and references")]
pub(crate) fn select_service_ports<'py>(
    py: Python<'py>,
    services: Vec<Declared<'py>>,
    family: Bound<'py, PyString>,
    node_name: Bound<'py, PyString>,
    zone: Option<Bound<'py, PyString>>,
) -> PyResult<Vec<Vec<Selected<'py>>>> {
    let is_ipv6 = family == "IPv6";
    let family_of_node = if is_ipv6 { Family::Ipv6 } else { Family::Ipv4 };
    // What is no text of Rust is no name in a text of JSON, either.
    let text = |name: &Bound<'_, PyString>| name.to_str().ok().map(str::to_owned);
    let (name_text, zone_text) = (text(&node_name), zone.as_ref().and_then(text));
    let node = Node { family: family_of_node, name: node_name, zone, name_text, zone_text };
    let names = Names { numbers: PyDict::new(py), next: Cell::new(0) };
    let mut records = Vec::with_capacity(services.len());
    let mut declared = Vec::with_capacity(services.len());
    for (slices, ports) in &services {
        let mut found = Vec::with_capacity(slices.len());
        let mut objects = Vec::with_capacity(slices.len());
        for (index, slice) in slices.iter().enumerate() {
            if slice.getattr(intern!(py, "address_type"))?.eq(&family)? {
                let (record, endpoints) = read_slice(slice, &node, &names)?;
                found.push(record);
                objects.push(Objects { slice: index, endpoints });
            }
        }
        let ports = ports.iter().map(|port| names.key(port)).collect::<PyResult<_>>()?;
        records.push(Service { slices: found, ports });
        declared.push(objects);
    }
    let selections = py.detach(|| select(&records));
    let services = selections.into_iter().zip(records.iter().zip(&declared));
    Ok(services
        .map(|(ports, (service, objects))| {
            ports.into_iter().map(|selection| selected(py, selection, service, objects)).collect()
        })
        .collect())
}

/// The node that endpoints are selected for.
struct Node<'py> {
    family: Family,
    name: Bound<'py, PyString>,
    zone: Option<Bound<'py, PyString>>,
    name_text: Option<String>,
    zone_text: Option<String>,
}

/// Numbers for port names: Python's strings may hold lone surrogates, which no Rust string can.
struct Names<'py> {
    numbers: Bound<'py, PyDict>,
    next: Cell<usize>,
}

impl Names<'_> {
    /// What a `ServicePort` and an `EndpointPort` have in common when they belong together (S12).
    fn key(&self, port: &Bound<'_, PyAny>) -> PyResult<PortKey> {
        let py = port.py();
        let name = port.getattr(intern!(py, "name"))?;
        let number = if let Some(number) = self.numbers.get_item(&name)? {
            number.extract()?
        } else {
            let number = self.next.replace(self.next.get() + 1);
            self.numbers.set_item(name, number)?;
            number
        };
        Ok((number, port.getattr(intern!(py, "protocol"))?.extract()?))
    }
}

/// A slice in Rust, and what its records stand for, as [`Objects`] has them.
#[expect(clippy::type_complexity, reason = "the parts of two records")]
fn read_slice<'py>(
    slice: &Bound<'py, PyAny>,
    node: &Node<'py>,
    names: &Names<'py>,
) -> PyResult<(Slice<PyBackedStr, PortKey>, Vec<(usize, bool)>)> {
    let py = slice.py();
    let mut ports = Vec::new();
    for port in slice.getattr(intern!(py, "ports"))?.cast::<PyTuple>()? {
        let number = port.getattr(intern!(py, "port"))?;
        if number.is_none() || port.getattr(intern!(py, "name"))?.is_none() {
            continue;
        }
        let number: i128 = number.extract()?;
        let number = u16::try_from(number)
            .map_err(|_| PyValueError::new_err(format!("port {number} of a slice is not in the range 0 to 65535")))?;
        ports.push(SlicePort { key: names.key(&port)?, number });
    }
    let declared = slice.getattr(intern!(py, "declared_endpoints"))?;
    if let Ok(written) = declared.cast::<JsonEndpoints>() {
        let found = written.get().seen();
        let endpoints =
            found.iter().map(|endpoint| written_endpoint(py, endpoint, node)).collect::<PyResult<Vec<_>>>()?;
        let objects = (0..endpoints.len()).map(|place| (place, false)).collect();
        return Ok((Slice { endpoints, ports }, objects));
    }
    let declared = declared.cast::<PyTuple>()?;
    let mut endpoints = Vec::with_capacity(declared.len());
    let mut objects = Vec::with_capacity(declared.len());
    for (place, object) in declared.iter().enumerate() {
        if let Some(endpoint) = read_endpoint(&object, node)? {
            endpoints.push(endpoint);
            objects.push((place, !object.getattr(intern!(py, "weight"))?.is_none()));
        }
    }
    Ok((Slice { endpoints, ports }, objects))
}

/// The same of an endpoint in a text, which has an address that is canonical and of its slice's family.
fn written_endpoint(py: Python<'_>, found: &Seen<'_>, node: &Node<'_>) -> PyResult<Endpoint<PyBackedStr>> {
    Ok(Endpoint {
        address: PyBackedStr::try_from(PyString::new(py, found.address))?,
        ready: found.ready,
        terminating_but_serving: found.terminating_but_serving,
        local: found.node_name.is_some() && found.node_name == node.name_text.as_deref(),
        node_hint: written_hint(&found.node_hints, node.name_text.as_deref()),
        zone_hint: written_hint(&found.zone_hints, node.zone_text.as_deref()),
    })
}

fn written_hint(hints: &[&str], here: Option<&str>) -> Hint {
    match here {
        _ if hints.is_empty() => Hint::Absent,
        Some(here) if hints.contains(&here) => Hint::Here,
        _ => Hint::Elsewhere,
    }
}

/// An endpoint with its conditions resolved (S13), unless it has no address of the family (S11).
fn read_endpoint(endpoint: &Bound<'_, PyAny>, node: &Node<'_>) -> PyResult<Option<Endpoint<PyBackedStr>>> {
    let py = endpoint.py();
    let addresses = endpoint.getattr(intern!(py, "addresses"))?;
    let addresses = addresses.cast::<PyTuple>()?;
    if addresses.is_empty() {
        return Ok(None);
    }
    let Some(address) = read_address(addresses.get_item(0)?.cast::<PyString>()?, node.family)? else {
        return Ok(None);
    };
    let (yes, no) = (PyBool::new(py, true), PyBool::new(py, false));
    let terminating = endpoint.getattr(intern!(py, "terminating"))?.is(&*yes);
    Ok(Some(Endpoint {
        address,
        ready: !endpoint.getattr(intern!(py, "ready"))?.is(&*no),
        terminating_but_serving: terminating && !endpoint.getattr(intern!(py, "serving"))?.is(&*no),
        local: endpoint.getattr(intern!(py, "node_name"))?.eq(&node.name)?,
        node_hint: read_hint(&endpoint.getattr(intern!(py, "node_hints"))?, Some(&node.name))?,
        zone_hint: read_hint(&endpoint.getattr(intern!(py, "zone_hints"))?, node.zone.as_ref())?,
    }))
}

fn read_address(declared: &Bound<'_, PyString>, wanted: Family) -> PyResult<Option<PyBackedStr>> {
    let py = declared.py();
    let text = match PyBackedStr::try_from(declared.clone()) {
        Ok(text) => text,
        // A lone surrogate: no address has one.
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => return Ok(None),
        Err(error) => return Err(error),
    };
    let rewritten = match canonical(&text) {
        Some((family, Cow::Owned(rewritten))) if family == wanted => rewritten,
        Some((family, Cow::Borrowed(_))) if family == wanted => return Ok(Some(text)),
        _ => return Ok(None),
    };
    PyBackedStr::try_from(PyString::new(py, &rewritten)).map(Some)
}

/// What the hints of an endpoint say to a node, given its name or its zone.
fn read_hint(hints: &Bound<'_, PyAny>, here: Option<&Bound<'_, PyString>>) -> PyResult<Hint> {
    let hints = hints.cast::<PyTuple>()?;
    if hints.is_empty() {
        return Ok(Hint::Absent);
    }
    let is_here = here.map_or(Ok(false), |here| hints.contains(here))?;
    Ok(if is_here { Hint::Here } else { Hint::Elsewhere })
}

fn selected<'py>(
    py: Python<'py>,
    selection: Selection,
    service: &Service<PyBackedStr, PortKey>,
    declared: &[Objects],
) -> Selected<'py> {
    let count = selection.candidates.len();
    let (mut addresses, mut ports) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut places, mut flags) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut slices = Vec::with_capacity(count);
    for candidate in selection.candidates {
        let endpoint = &service.slices[candidate.slice].endpoints[candidate.endpoint];
        addresses.push(endpoint.address.clone_ref(py));
        ports.push(candidate.port);
        let Objects { slice, endpoints: objects } = &declared[candidate.slice];
        let (place, has_weight) = objects[candidate.endpoint];
        places.push(place);
        slices.push(*slice);
        let conditions = [endpoint.ready, endpoint.terminating_but_serving, endpoint.local, has_weight];
        flags.push(conditions.iter().rev().fold(0, |bits, &condition| bits << 1 | u8::from(condition)));
    }
    (
        addresses,
        ports,
        places,
        slices,
        PyBytes::new(py, &flags),
        selection.cluster,
        selection.local,
        selection.own,
        hint_use_number(selection.node_hints),
        hint_use_number(selection.zone_hints),
    )
}

/// The place of a use in `svcc.select.HintUse`.
fn hint_use_number(used: HintUse) -> u8 {
    match used {
        HintUse::Absent => 0,
        HintUse::Incomplete => 1,
        HintUse::Elsewhere => 2,
        HintUse::Unneeded => 3,
        HintUse::Used => 4,
    }
}
