//! Consistent hashing: `svcc_core::hashing` for lists, bytes and numbers of Python.
#![expect(clippy::needless_pass_by_value, reason = "Python hands over lists, which are read without the lock")]

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use svcc_core::hashing::endpoints::{Endpoints, HashingError};
use svcc_core::hashing::maglev;

type Group = (Vec<PyBackedStr>, Vec<i64>, usize, u64);

/// The size of a Maglev table for a number of endpoints.
#[pyfunction]
pub(crate) fn maglev_size(count: usize) -> PyResult<u32> {
    maglev::size_for(count).map_err(|error| refused(&error))
}

/// For each slot of a Maglev table the index of its endpoint.
#[pyfunction]
pub(crate) fn maglev_table(
    py: Python<'_>,
    names: Vec<PyBackedStr>,
    weights: Vec<i64>,
    size: usize,
    seed: u64,
) -> PyResult<Vec<u32>> {
    let weights = small_weights(&weights)?;
    py.detach(|| maglev::table(&Endpoints::new(&names, &weights)?, size, seed)).map_err(|error| refused(&error))
}

/// `maglev_table` for many groups, given as tuples of its arguments.
#[pyfunction]
pub(crate) fn maglev_tables(py: Python<'_>, groups: Vec<Group>) -> PyResult<Vec<Vec<u32>>> {
    let groups: Vec<_> = groups
        .into_iter()
        .map(|(names, weights, size, seed)| Ok((names, small_weights(&weights)?, size, seed)))
        .collect::<PyResult<_>>()?;
    py.detach(|| {
        groups
            .iter()
            .map(|(names, weights, size, seed)| maglev::table(&Endpoints::new(names, weights)?, *size, *seed))
            .collect::<Result<_, _>>()
    })
    .map_err(|error| refused(&error))
}

fn small_weights(weights: &[i64]) -> PyResult<Vec<u16>> {
    let small = |weight: &i64| {
        u16::try_from(*weight).map_err(|_| PyValueError::new_err(format!("weight {weight} is not from 0 to 65535")))
    };
    weights.iter().map(small).collect()
}

fn refused(error: &HashingError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
