//! The binding of what a ruleset does with every packet.

use crate::program::{ChanceRow, Program, address, connection_state, interface};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use svcc_core::evaluate::{Chance, Packet, Verdict};
use svcc_core::program::IpVersion;
use svcc_core::proof::{Case, Coverage, Functions, NodeId, Options, Records, TooLarge, behaviour};
use svcc_core::ruleset::Hook;

/// A packet that meets questions with more answers than this is not told.
const ANSWERS: usize = 4096;

/// What a ruleset does with every packet of a case.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct Regions {
    program: Py<Program>,
    functions: Functions,
    node: NodeId,
}

#[pymethods]
impl Regions {
    /// The function of a ruleset for packets of a version of IP that come in or that the node sends.
    #[new]
    #[pyo3(signature = (program, output, version, state, initial_mark, limit))]
    fn new(
        py: Python<'_>,
        program: Py<Program>,
        output: bool,
        version: u8,
        state: &str,
        initial_mark: Option<u32>,
        limit: usize,
    ) -> PyResult<Self> {
        let case = Case {
            hook: if output { Hook::Output } else { Hook::Prerouting },
            version: match version {
                4 => IpVersion::V4,
                6 => IpVersion::V6,
                _ => return Err(PyValueError::new_err("the version is neither 4 nor 6")),
            },
            state: connection_state(state)?,
        };
        let options = Options { initial_mark, records: Records::Absent, local_addresses_complete: true, limit };
        let known = program.get();
        let mut functions = Functions::new(case, limit);
        let mut coverage = Coverage::new(&known.program);
        let node = py
            .detach(|| behaviour(&known.program, &known.surroundings, case, &options, &mut functions, &mut coverage))
            .map_err(|_: TooLarge| PyOverflowError::new_err("what the ruleset does has too many cases"))?;
        Ok(Self { program, functions, node })
    }

    /// How many nodes were made.
    fn size(&self) -> usize {
        self.functions.diagram.len()
    }

    /// What may become of a packet, as `Program.outcomes` tells it, once for each way in which what nobody knows may be;
    /// None if these are too many.
    #[expect(clippy::too_many_arguments, reason = "a packet has that many facts; Python names them")]
    fn predict(
        &self,
        py: Python<'_>,
        protocol: u8,
        source: &[u8],
        destination: &[u8],
        source_port: u16,
        destination_port: Option<u16>,
        input_interface: &str,
        output_interface: &str,
        mark: u32,
    ) -> PyResult<Option<Vec<Vec<ChanceRow>>>> {
        let case = self.functions.case;
        let ((version, source), (other, destination)) = (address(source)?, address(destination)?);
        if version != other || version != case.version {
            return Err(PyValueError::new_err("the addresses are of another family"));
        }
        let packet = Packet {
            version,
            protocol,
            source,
            destination,
            source_port: Some(source_port),
            destination_port,
            hook: case.hook,
            input_interface: interface(Some(input_interface))?,
            output_interface: interface(Some(output_interface))?,
            mark,
            state: case.state,
        };
        let program = self.program.get();
        let found = py.detach(|| self.functions.possibilities(self.node, &packet, &program.surroundings, ANSWERS));
        Ok(found.map(|ways| {
            ways.into_iter()
                .map(|way| {
                    way.into_iter()
                        .filter_map(|(probability, end)| {
                            let outcome = self.functions.outcome(end, &packet)?;
                            let reasons = match outcome.verdict {
                                Verdict::Unknown => {
                                    self.functions.ends.get(end)?.reasons.iter().map(ToString::to_string).collect()
                                }
                                _ => Vec::new(),
                            };
                            let chance = Chance { outcome, probability, steps: Vec::new(), reasons };
                            Some(program.row(py, version, chance))
                        })
                        .collect()
                })
                .collect()
        }))
    }
}
