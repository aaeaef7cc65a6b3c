//! The binding of proofs: what a ruleset does beside what was declared, or beside what another one does.

use crate::declaration::{Declaration, addresses, prefixes};
use crate::program::{ChanceRow, Program, StepRow, packed};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use svcc_core::evaluate::{ConnectionState, Packet, Step};
use svcc_core::program::{self, IpVersion};
use svcc_core::proof::declared::Pods;
use svcc_core::proof::{self, Difference, Elsewhere, Equality, Examined, Neighbourhood, Records, Settings};
use svcc_core::ruleset::{Hook, TableFamily};

/// Protocol number, source, destination, source port, destination port, whether the node sends it, input interface,
/// output interface, mark, state of the connection.
type PacketRow =
    (u8, Py<PyBytes>, Py<PyBytes>, Option<u16>, Option<u16>, bool, Option<String>, Option<String>, u32, &'static str);
/// Packet, local addresses, frontend, expected, whether any of these is fine, found, whether it is undecided, whether it
/// is about a remembered client, regions, words; whether it is refused in any case, whether it is of another network.
/// Steps are places in the list of the report.
type DifferenceRow = (
    PacketRow,
    Vec<Py<PyBytes>>,
    i64,
    Vec<ChanceRow<usize>>,
    bool,
    Vec<ChanceRow<usize>>,
    bool,
    bool,
    u64,
    String,
    (bool, bool),
);
/// Regions, equality, differences, regions that are not told, unattainable regions, contradictions, steps.
type ReportRow = (u64, Option<&'static str>, Vec<DifferenceRow>, u64, Vec<String>, Vec<String>, Vec<StepRow>);
/// Family, table, chain, handle, rule.
type RuleRow = (String, String, String, Option<u64>, String);
/// Family, table, set, element.
type ElementRow = (String, String, String, String);

/// Version of IP, addresses of Services, ranges that their addresses are taken from.
type ElsewhereRow = (u8, Vec<PyBackedStr>, Vec<PyBackedStr>);

/// What a ruleset does with every packet, where certain addresses are Services'.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct Begun {
    program: Arc<program::Program>,
    begun: Mutex<Option<proof::Begun>>,
}

/// What is taken for granted of addresses by whoever begins early.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct Supposition(proof::Supposition);

#[pymethods]
impl Supposition {
    /// What is known of a node and of Services.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over a list")]
    fn new(program: &Program, elsewhere: Vec<ElsewhereRow>) -> PyResult<Self> {
        let version = |version| match version {
            4 => Ok(IpVersion::V4),
            6 => Ok(IpVersion::V6),
            _ => Err(PyValueError::new_err("the version is neither 4 nor 6")),
        };
        let supposed = elsewhere.iter().map(|(number, services, ranges)| {
            let (addresses, service_cidrs) = (addresses(services)?, prefixes(ranges)?);
            Ok(Elsewhere { version: version(*number)?, addresses, service_cidrs })
        });
        let supposed = supposed.collect::<PyResult<Vec<_>>>()?;
        Ok(Self(proof::Supposition::new(&program.surroundings, supposed)))
    }

    /// What a ruleset itself says.
    #[staticmethod]
    fn of(py: Python<'_>, program: &Program) -> Self {
        Self(py.detach(|| proof::Supposition::of(&program.program)))
    }

    /// Whether both suppose the same.
    fn agrees(&self, other: &Self) -> bool {
        self.0.agrees(&other.0)
    }

    /// Ends the work that rests on it.
    fn withdraw(&self) {
        self.0.withdraw();
    }
}

#[pymethods]
impl Begun {
    #[new]
    fn new(py: Python<'_>, program: &Program, supposition: &Supposition, limit: usize) -> Self {
        let begun = py.detach(|| proof::Begun::new(&program.program, &supposition.0, limit));
        Self { program: Arc::clone(&program.program), begun: Mutex::new(Some(begun)) }
    }
}

/// What is not done as declared, in each case; None if it is too large. What is begun is used up.
#[pyfunction]
#[pyo3(signature = (program, declarations, local_addresses_complete, support, limit, told, begun = None))]
#[expect(clippy::needless_pass_by_value, clippy::too_many_arguments, reason = "Python hands over and names them")]
pub(crate) fn prove(
    py: Python<'_>,
    program: &Program,
    declarations: Vec<Bound<'_, Declaration>>,
    local_addresses_complete: bool,
    support: bool,
    limit: usize,
    told: usize,
    begun: Option<&Begun>,
) -> Option<Vec<ReportRow>> {
    let declarations: Vec<_> = declarations.iter().map(|declaration| &declaration.get().0).collect();
    let pods = declarations.iter().flat_map(|declaration| match &declaration.parts().pods {
        Pods::Sources(prefixes) => prefixes.as_slice(),
        Pods::Interface(_) => &[],
    });
    let neighbourhood = Neighbourhood { pods: pods.copied().collect(), ..Neighbourhood::default() };
    let settings = Settings { local_addresses_complete, support, limit, told, neighbourhood };
    let begun = begun
        .filter(|begun| Arc::ptr_eq(&begun.program, &program.program))
        .and_then(|begun| begun.begun.lock().unwrap_or_else(PoisonError::into_inner).take());
    let examined =
        py.detach(|| proof::prove(&program.program, &declarations, &program.surroundings, &settings, begun)).ok()?;
    Some(examined.into_iter().map(|case| report(py, program, program, case)).collect())
}

/// What two rulesets do not do alike, in each case; None if it is too large.
///
/// Raises `ValueError` if they are not of one node.
#[pyfunction]
pub(crate) fn compare_programs(
    py: Python<'_>,
    left: &Program,
    right: &Program,
    local_addresses_complete: bool,
    support: bool,
    limit: usize,
    told: usize,
) -> PyResult<Option<Vec<ReportRow>>> {
    let (here, there) = (&left.surroundings, &right.surroundings);
    let same = here.local_v4 == there.local_v4 && here.local_v6 == there.local_v6;
    if !same || here.big_endian != there.big_endian {
        return Err(PyValueError::new_err("the rulesets are not of one node: addresses or byte orders differ"));
    }
    let neighbourhood = Neighbourhood::default();
    let settings = Settings { local_addresses_complete, support, limit, told, neighbourhood };
    let examined = py.detach(|| proof::compare_programs(&left.program, &right.program, here, &settings));
    Ok(examined.ok().map(|cases| cases.into_iter().map(|case| report(py, left, right, case)).collect()))
}

/// The rules and elements that no packet meets; None if it is too large.
#[pyfunction]
pub(crate) fn unreached(
    py: Python<'_>,
    program: &Program,
    local_addresses_complete: bool,
    limit: usize,
) -> Option<(Vec<RuleRow>, Vec<ElementRow>)> {
    let neighbourhood = Neighbourhood::default();
    let settings = Settings { local_addresses_complete, support: false, limit, told: 0, neighbourhood };
    let found = py.detach(|| proof::unreached(&program.program, &program.surroundings, &settings)).ok()?;
    let tables = &program.program.ruleset.tables;
    let rules = found.rules.into_iter().map(|(chain, place)| {
        let linked = &program.program.chains[chain];
        let table = &tables[linked.table];
        let chain = &table.chains[linked.place];
        let rule = &chain.rules[place];
        (table.family.to_string(), table.name.clone(), chain.name.clone(), rule.handle, rule.to_string())
    });
    // Sets with names are linked in the order of the listing, those without stand between them.
    let listed = tables
        .iter()
        .filter(|table| matches!(table.family, TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet))
        .flat_map(|table| table.sets.iter().map(move |set| (table, set)));
    let named = program.program.sets.iter().enumerate().filter(|(_, set)| set.name.is_some());
    let mut places = vec![None; program.program.sets.len()];
    for ((id, _), place) in named.zip(listed) {
        places[id] = Some(place);
    }
    let elements = found.elements.into_iter().filter_map(|(id, place)| {
        let (table, set) = places[id]?;
        // Elements that are not understood are not linked; then the places are not those of the listing.
        let whole = set.elements.len() == program.program.sets[id].entries.len();
        let words = set.elements.get(place).filter(|_| whole).map(|element| element.key.to_string());
        Some((
            table.family.to_string(),
            table.name.clone(),
            set.name.clone(),
            words.unwrap_or_else(|| format!("element {}", place + 1)),
        ))
    });
    Some((rules.collect(), elements.collect()))
}

fn report(py: Python<'_>, left: &Program, right: &Program, examined: Examined) -> ReportRow {
    let remembered = examined.records == Records::Any;
    let report = examined.report;
    let equality = report.equality.map(|equality| match equality {
        Equality::Exact => "exact",
        Equality::Distribution => "distribution",
        Equality::Support => "support",
    });
    // Where anything may be remembered, any endpoint will do, which says nothing about chances.
    let equality = equality.filter(|_| !remembered);
    let mut steps = Steps::default();
    let differences = report.differences.into_iter().map(|one| difference(py, left, right, one, &mut steps)).collect();
    (report.regions, equality, differences, report.untold, report.unattainable, report.contradictions, steps.rows)
}

/// The steps of a report, each once: most ways begin and end alike.
#[derive(Default)]
struct Steps {
    rows: Vec<StepRow>,
    places: HashMap<(bool, Step), usize>,
}

impl Steps {
    /// The place of a step in the first ruleset, or in the second.
    fn place(&mut self, program: &Program, first: bool, step: Step) -> usize {
        *self.places.entry((first, step)).or_insert_with_key(|(_, step)| {
            self.rows.push(program.step_row(step.clone()));
            self.rows.len() - 1
        })
    }
}

fn difference(
    py: Python<'_>,
    left: &Program,
    right: &Program,
    difference: Difference,
    steps: &mut Steps,
) -> DifferenceRow {
    let version = difference.packet.version;
    let mut rows = |program: &Program, first, chances: Vec<_>| {
        let row = |chance| Program::row_with(py, version, chance, |step| steps.place(program, first, step));
        chances.into_iter().map(row).collect::<Vec<_>>()
    };
    (
        packet(py, &difference.packet),
        difference.local_addresses.iter().map(|address| packed(py, version, *address)).collect(),
        difference.frontend.map_or(-1, i64::from),
        rows(left, true, difference.expected),
        difference.any_of,
        rows(right, false, difference.found),
        difference.undecided,
        difference.remembered,
        difference.regions,
        difference.words,
        (difference.refused, difference.aside),
    )
}

fn packet(py: Python<'_>, packet: &Packet) -> PacketRow {
    let version: IpVersion = packet.version;
    (
        packet.protocol,
        packed(py, version, packet.source),
        packed(py, version, packet.destination),
        packet.source_port,
        packet.destination_port,
        packet.hook == Hook::Output,
        packet.input_interface.and_then(name),
        packet.output_interface.and_then(name),
        packet.mark,
        match packet.state {
            ConnectionState::New => "new",
            ConnectionState::Established => "established",
            ConnectionState::Related => "related",
            ConnectionState::Invalid => "invalid",
        },
    )
}

/// The name of an interface; None of the number of no interface.
fn name(number: u128) -> Option<String> {
    let bytes = number.to_be_bytes();
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (length > 0).then(|| String::from_utf8_lossy(&bytes[..length]).into_owned())
}
