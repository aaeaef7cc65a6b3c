//! The Python module `svcc._native`: conversions around `svcc-core`, and nothing else.

use pyo3::prelude::*;

mod comparison;
mod declaration;
mod hashing;
mod inspection;
mod manifest;
mod program;
mod proof;
mod selection;
mod yaml;

/// Fast and exact computations; see the modules of svcc that wrap them.
#[pymodule(gil_used = false)]
#[expect(clippy::needless_pass_by_value, reason = "Python hands over lists, which are read without the lock")]
mod _native {
    #[pymodule_export]
    use crate::selection::select_service_ports;
    use pyo3::exceptions::PyValueError;
    use pyo3::prelude::*;
    use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
    use svcc_core::kernel_hash::{ByteOrder, HashError, NftHash};
    use svcc_core::slots::{self, DuplicateKey};

    #[pymodule_export]
    use super::comparison::{Begun, Supposition, compare_programs, prove, unreached};
    #[pymodule_export]
    use super::declaration::Declaration;
    #[pymodule_export]
    use super::hashing::{Chooser, maglev_size};
    #[pymodule_export]
    use super::inspection::Inspection;
    #[pymodule_export]
    use super::manifest::{JsonEndpoints, JsonObject, JsonText};
    #[pymodule_export]
    use super::program::Program;
    #[pymodule_export]
    use super::proof::Regions;
    #[pymodule_export]
    use super::yaml::{read_yaml, yaml_elements, yaml_row};

    /// The values of `jhash KEY mod MODULUS seed SEED offset OFFSET` for many keys.
    #[pyfunction]
    fn nft_hashes(
        py: Python<'_>,
        keys: Vec<PyBackedBytes>,
        modulus: u32,
        seed: u32,
        offset: u32,
        big_endian: bool,
    ) -> PyResult<Vec<u32>> {
        let byte_order = if big_endian { ByteOrder::Big } else { ByteOrder::Little };
        let hash = NftHash::new(modulus, seed, offset, byte_order)
            .map_err(|error: HashError| PyValueError::new_err(error.to_string()))?;
        Ok(py.detach(|| keys.iter().map(|key| hash.value(key)).collect()))
    }

    /// For each slot the index of its key.
    #[pyfunction]
    fn assign_slots(py: Python<'_>, keys: Vec<PyBackedStr>) -> PyResult<Vec<usize>> {
        py.detach(|| slots::assign(&keys)).map_err(|error| duplicate(&error))
    }

    /// `assign_slots` for many groups of keys.
    #[pyfunction]
    fn assign_slots_many(py: Python<'_>, groups: Vec<Vec<PyBackedStr>>) -> PyResult<Vec<Vec<usize>>> {
        py.detach(|| groups.iter().map(|keys| slots::assign(keys)).collect::<Result<_, _>>())
            .map_err(|error| duplicate(&error))
    }

    fn duplicate(error: &DuplicateKey) -> PyErr {
        PyValueError::new_err(error.to_string())
    }
}
