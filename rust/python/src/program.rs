//! The binding of rulesets that can be run.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use svcc_core::evaluate::{self, Chance, ConnectionState, DestinationNat, Packet, SourceNat, Surroundings, Verdict};
use svcc_core::program::{self, IpVersion, interface_number};
use svcc_core::read;
use svcc_core::ruleset::Hook;

/// A ruleset that can be run, with what is known about its node.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct Program {
    pub(crate) program: Arc<program::Program>,
    pub(crate) surroundings: Surroundings,
}

pub(crate) type StepRow = (String, String, String, String, Option<u64>, Option<String>, String);
pub(crate) type AddressRow = (&'static str, Option<Py<PyBytes>>, Option<u16>, Option<String>);
/// Probability, verdict, answer of a refusal, destination, source, mark, reasons, steps.
pub(crate) type ChanceRow<S = StepRow> =
    ((u128, u128), &'static str, Option<String>, AddressRow, AddressRow, Option<u32>, Vec<String>, Vec<S>);

#[pymethods]
impl Program {
    /// Reads a dump: JSON of libnftables, or nft text.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over a list")]
    fn new(
        py: Python<'_>,
        document: &[u8],
        json: bool,
        local_addresses: Vec<Vec<u8>>,
        big_endian: bool,
    ) -> PyResult<Self> {
        let surroundings = surroundings(&local_addresses, big_endian)?;
        let program = py
            .detach(|| {
                let ruleset = if json { read::json(document) } else { read::text(document) }?;
                Ok(program::Program::new(ruleset))
            })
            .map_err(|error: read::ReadError| PyValueError::new_err(error.to_string()))?;
        Ok(Self { program: Arc::new(program), surroundings })
    }

    /// The same ruleset on a node of which something else is known.
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over a list")]
    fn at(&self, local_addresses: Vec<Vec<u8>>, big_endian: bool) -> PyResult<Self> {
        Ok(Self { program: Arc::clone(&self.program), surroundings: surroundings(&local_addresses, big_endian)? })
    }

    /// What whoever relies on the dump should know: a place and a sentence each.
    fn notes(&self) -> Vec<(usize, String)> {
        self.program.ruleset.notes.iter().map(|note| (note.place, note.message.clone())).collect()
    }

    /// The tables: family, name, number of chains, sets and rules.
    fn tables(&self) -> Vec<(String, String, usize, usize, usize)> {
        let size = |table: &svcc_core::ruleset::Table| table.chains.iter().map(|chain| chain.rules.len()).sum();
        self.program
            .ruleset
            .tables
            .iter()
            .map(|table| {
                (table.family.to_string(), table.name.clone(), table.chains.len(), table.sets.len(), size(table))
            })
            .collect()
    }

    /// What may become of a packet.
    #[pyo3(signature = (protocol, source, destination, source_port, destination_port, output, input_interface, output_interface, mark, state, steps))]
    #[expect(clippy::too_many_arguments, reason = "a packet has that many facts; Python names them")]
    fn outcomes(
        &self,
        py: Python<'_>,
        protocol: u8,
        source: &[u8],
        destination: &[u8],
        source_port: Option<u16>,
        destination_port: Option<u16>,
        output: bool,
        input_interface: Option<&str>,
        output_interface: Option<&str>,
        mark: u32,
        state: &str,
        steps: bool,
    ) -> PyResult<Vec<ChanceRow>> {
        let (version, source) = address(source)?;
        let (other, destination) = address(destination)?;
        if version != other {
            return Err(PyValueError::new_err("source and destination are of different families"));
        }
        let packet = Packet {
            version,
            protocol,
            source,
            destination,
            source_port,
            destination_port,
            hook: if output { Hook::Output } else { Hook::Prerouting },
            input_interface: interface(input_interface)?,
            output_interface: interface(output_interface)?,
            mark,
            state: connection_state(state)?,
        };
        let chances = py.detach(|| evaluate::outcomes(&self.program, &self.surroundings, &packet, steps));
        Ok(chances.into_iter().map(|chance| self.row(py, version, chance)).collect())
    }

    /// What becomes of packed packets: verdicts, flags, addresses, ports and marks, the last two in native byte order.
    /// One by one they are run without what is known of those before them: the same, only slower.
    #[pyo3(signature = (packets, interfaces, one_by_one=false))]
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over a list")]
    fn batch<'py>(
        &self,
        py: Python<'py>,
        packets: &[u8],
        interfaces: Vec<String>,
        one_by_one: bool,
    ) -> PyResult<[Bound<'py, PyBytes>; 5]> {
        let numbers: Vec<u128> = interfaces
            .iter()
            .map(|name| interface(Some(name)))
            .collect::<PyResult<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        let run = if one_by_one { evaluate::batch_one_by_one } else { evaluate::batch };
        let batch =
            py.detach(|| run(&self.program, &self.surroundings, &numbers, packets)).map_err(|error| {
                match error.packet {
                    Some(packet) => PyValueError::new_err(format!("packet {packet}: {}", error.message)),
                    None => PyValueError::new_err(error.message),
                }
            })?;
        let ports: Vec<u8> = batch.ports.iter().flat_map(|port| port.to_ne_bytes()).collect();
        let marks: Vec<u8> = batch.marks.iter().flat_map(|mark| mark.to_ne_bytes()).collect();
        Ok([&batch.verdicts, &batch.flags, &batch.addresses, &ports, &marks].map(|bytes| PyBytes::new(py, bytes)))
    }
}

impl Program {
    pub(crate) fn row(&self, py: Python<'_>, version: IpVersion, chance: Chance) -> ChanceRow {
        Self::row_with(py, version, chance, |step| self.step_row(step))
    }

    /// The row of an outcome, with something else in the place of its steps.
    pub(crate) fn row_with<S>(
        py: Python<'_>,
        version: IpVersion,
        chance: Chance,
        step: impl FnMut(evaluate::Step) -> S,
    ) -> ChanceRow<S> {
        let outcome = chance.outcome;
        let (verdict, refusal) = match outcome.verdict {
            Verdict::Accept => ("accept", None),
            Verdict::Drop => ("drop", None),
            Verdict::Reject(with) => ("reject", Some(with.into_string())),
            Verdict::Unknown => ("unknown", None),
        };
        let bytes = |number: u128| packed(py, version, number);
        let destination = match outcome.destination {
            DestinationNat::None => ("none", None, None, None),
            DestinationNat::Address(address, port) => ("address", address.map(bytes), port, None),
            DestinationNat::Redirect(port) => ("redirect", None, port, None),
            DestinationNat::Several(words) => ("several", None, None, Some(words.into_string())),
        };
        let source = match outcome.source {
            SourceNat::None => ("none", None, None, None),
            SourceNat::Masquerade => ("masquerade", None, None, None),
            SourceNat::Address(address, port) => ("address", Some(bytes(address)), port, None),
            SourceNat::Several(words) => ("several", None, None, Some(words.into_string())),
        };
        let steps = chance.steps.into_iter().map(step).collect();
        let probability = (chance.probability.numerator, chance.probability.denominator);
        (probability, verdict, refusal, destination, source, outcome.mark, chance.reasons, steps)
    }

    pub(crate) fn step_row(&self, step: evaluate::Step) -> StepRow {
        let linked = &self.program.chains[step.chain];
        let table = &self.program.ruleset.tables[linked.table];
        let chain = &table.chains[linked.place];
        let rule = step.rule.map(|place| &chain.rules[place]);
        (
            step.hook.to_string(),
            table.family.to_string(),
            table.name.clone(),
            chain.name.clone(),
            rule.and_then(|rule| rule.handle),
            rule.map(ToString::to_string),
            step.event,
        )
    }
}

pub(crate) fn connection_state(state: &str) -> PyResult<ConnectionState> {
    Ok(match state {
        "new" => ConnectionState::New,
        "established" => ConnectionState::Established,
        "related" => ConnectionState::Related,
        "invalid" => ConnectionState::Invalid,
        other => return Err(PyValueError::new_err(format!("there is no connection state {other:?}"))),
    })
}

pub(crate) fn packed(py: Python<'_>, version: IpVersion, number: u128) -> Py<PyBytes> {
    let bytes = number.to_be_bytes();
    PyBytes::new(py, if version == IpVersion::V4 { &bytes[12..] } else { &bytes }).unbind()
}

pub(crate) fn surroundings(local_addresses: &[Vec<u8>], big_endian: bool) -> PyResult<Surroundings> {
    let mut surroundings = Surroundings { big_endian, ..Surroundings::default() };
    for bytes in local_addresses {
        let (version, number) = address(bytes)?;
        match version {
            IpVersion::V4 => surroundings.local_v4.push(number),
            IpVersion::V6 => surroundings.local_v6.push(number),
        }
    }
    surroundings.local_v4.sort_unstable();
    surroundings.local_v6.sort_unstable();
    Ok(surroundings)
}

pub(crate) fn address(bytes: &[u8]) -> PyResult<(IpVersion, u128)> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Ok((IpVersion::V4, u128::from(u32::from_be_bytes(bytes))));
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(bytes) => Ok((IpVersion::V6, u128::from_be_bytes(bytes))),
        Err(_) => Err(PyValueError::new_err("an address has 4 or 16 bytes")),
    }
}

pub(crate) fn interface(name: Option<&str>) -> PyResult<Option<u128>> {
    name.map(|name| {
        interface_number(name)
            .filter(|_| !name.is_empty())
            .ok_or_else(|| PyValueError::new_err(format!("{name:?} cannot be the name of an interface")))
    })
    .transpose()
}
